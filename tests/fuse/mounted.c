/* SPDX-License-Identifier: ISC */
/*
 * Mounting for tests, in which one process serves and uses a mount. Should it end while it has files open there,
 * the kernel would wait for ever for its answers, and so would all who look at the directory: a test that
 * hangs, or is told to end, therefore cuts its connections first.
 */
#include "mounted.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <time.h>
#include <unistd.h>

#define PATIENCE 300 /* s; less than those who run the tests have */
#define LIVE_MAX 16

static struct mounted *volatile live[LIVE_MAX];

static void cut_connections(int number)
{
    static const char text[] = "ended by a signal, or hangs\n";
    if (write(STDERR_FILENO, text, sizeof(text) - 1) > 0) {
        for (size_t i = 0; i < LIVE_MAX; i++) {
            if (live[i]) {
                umount2(live[i]->directory, MNT_FORCE); /* root only */
                umount2(live[i]->directory, MNT_DETACH);
            }
        }
    }
    _exit(128 + number);
}

static void keep_watch(void)
{
    const struct sigaction action = { .sa_handler = cut_connections };
    sigaction(SIGALRM, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGABRT, &action, NULL);
    sigaction(SIGSEGV, &action, NULL);
    alarm(PATIENCE);
}

static void replace_live(struct mounted *old, struct mounted *new)
{
    size_t i = 0;
    while (i < LIVE_MAX && live[i] != old) {
        i++;
    }
    assert_true(i < LIVE_MAX);
    live[i] = new;
}

struct mounted *mounted_new(uint64_t size, int flags)
{
    struct mounted *mounted = calloc(1, sizeof(*mounted));
    assert_non_null(mounted);
    snprintf(mounted->directory, sizeof(mounted->directory), "/tmp/coffer-test-fuse-XXXXXX");
    assert_non_null(mkdtemp(mounted->directory));
    snprintf(mounted->path, sizeof(mounted->path), "%s/volume", mounted->directory);
    mounted->volume = subject_new(size, (flags & MOUNTED_THIN) != 0);
    const struct serve_options options = {
        .mount_point = mounted->directory,
        .source = "test volume",
        .read_only = (flags & MOUNTED_READ_ONLY) != 0,
        .writeback = (flags & MOUNTED_WRITEBACK) != 0,
    };
    struct coffer_error error = COFFER_ERROR_INIT;
    if (serve_block(mounted->volume, &options, &mounted->session, &error) != COFFER_OK) {
        fail_msg("cannot mount: %s", error.text);
    }
    replace_live(NULL, mounted);
    return mounted;
}

void mounted_stop(struct serve_session *session)
{
    const time_t deadline = time(NULL) + PATIENCE / 2;
    struct coffer_error error;
    do {
        error = (struct coffer_error)COFFER_ERROR_INIT;
        serve_stop(session, false, &error);
    } while (error.status == COFFER_IN_USE && time(NULL) < deadline && usleep(10000) == 0);
    if (error.status != COFFER_OK) {
        fail_msg("cannot unmount: %s", error.text);
    }
}

enum coffer_status mounted_wait(struct mounted *mounted, struct coffer_error *error)
{
    mounted->ended = true;
    return serve_wait(mounted->session, error);
}

void mounted_free(struct mounted *mounted)
{
    if (!mounted->ended) {
        mounted_stop(mounted->session);
        mounted_wait(mounted, NULL);
    }
    serve_free(mounted->session);
    subject_close(mounted->volume, NULL);
    assert_int_equal(rmdir(mounted->directory), 0);
    replace_live(mounted, NULL);
    free(mounted);
}

int mounted_open(const struct mounted *mounted, int flags)
{
    const int fd = open(mounted->path, flags | O_CLOEXEC);
    if (fd < 0) {
        fail_msg("cannot open %s: %s", mounted->path, strerror(errno));
    }
    return fd;
}

void mounted_unmap(void *map, size_t size)
{
    (void)msync(map, size, MS_SYNC);
    munmap(map, size);
}

void *mounted_buffer(size_t size)
{
    void *memory = aligned_alloc(4096, size);
    if (!memory) {
        abort();
    }
    return memory;
}

bool mounted_is_possible(void)
{
    keep_watch();
    struct coffer_volume *volume = subject_new(MIB, true);
    char directory[] = "/tmp/coffer-test-fuse-XXXXXX";
    const struct serve_options options = { .mount_point = mkdtemp(directory), .source = "test volume" };
    struct serve_session *session;
    struct coffer_error error = COFFER_ERROR_INIT;
    const enum coffer_status status = serve_block(volume, &options, &session, &error);
    if (status == COFFER_OK) {
        mounted_stop(session);
        serve_wait(session, NULL);
        serve_free(session);
    }
    subject_close(volume, NULL);
    rmdir(directory);
    if (status != COFFER_OK) {
        printf("skipped: no FUSE mounts here: %s\n", error.text);
    }
    return status == COFFER_OK;
}

int mounted_end(int result)
{
    for (int fd = 3; result != 0 && fd < 1024; fd++) {
        char link[32], target[16];
        snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
        const ssize_t size = readlink(link, target, sizeof(target));
        if (size > 0 && (size != 9 || memcmp(target, "/dev/fuse", 9) != 0)) {
            close(fd);
        }
    }
    return result;
}
