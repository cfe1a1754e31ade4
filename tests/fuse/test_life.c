/* SPDX-License-Identifier: ISC */
/*
 * How a mount begins and every way in which it can end. The threads that the session starts are ended by the
 * kernel alone; a test here that hangs has found a way that they missed.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "mounted.h"

static bool is_mounted(const struct mounted *mounted)
{
    return access(mounted->path, F_OK) == 0;
}

static void need_root(void)
{
    if (geteuid() != 0) {
        skip();
    }
}

static void runs(char *const arguments[])
{
    const pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        execv(arguments[0], arguments);
        _exit(127);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

static void *wait_for_end(void *argument)
{
    struct mounted *mounted = argument;
    return (void *)(uintptr_t)mounted_wait(mounted, NULL);
}

static void stops_while_another_thread_waits(void **state)
{
    (void)state;
    struct mounted *mounted = mounted_new(4 * MIB, 0);
    pthread_t waiter;
    assert_int_equal(pthread_create(&waiter, NULL, wait_for_end, mounted), 0);
    assert_true(is_mounted(mounted));
    mounted_stop(mounted->session);
    void *result;
    assert_int_equal(pthread_join(waiter, &result), 0);
    assert_ptr_equal(result, (void *)(uintptr_t)COFFER_OK);
    assert_false(is_mounted(mounted));
    mounted_free(mounted);
}

static void stopping_twice_is_fine(void **state)
{
    (void)state;
    struct mounted *first = mounted_new(4 * MIB, 0);
    mounted_stop(first->session);
    assert_int_equal(serve_stop(first->session, false, NULL), COFFER_OK);
    assert_int_equal(mounted_wait(first, NULL), COFFER_OK);
    /* The next mount as a rule gets the numbers of the one before, and is not to be mistaken for it. */
    struct mounted *second = mounted_new(4 * MIB, 0);
    assert_int_equal(serve_stop(first->session, false, NULL), COFFER_OK);
    assert_int_equal(serve_stop(first->session, true, NULL), COFFER_OK);
    assert_true(is_mounted(second));
    mounted_free(first);
    mounted_free(second);
}

static void busy_goes_on_serving(void **state)
{
    (void)state;
    struct mounted *mounted = mounted_new(4 * MIB, 0);
    const int fd = mounted_open(mounted, O_RDWR);
    struct coffer_error error = COFFER_ERROR_INIT;
    assert_int_equal(serve_stop(mounted->session, false, &error), COFFER_IN_USE);
    assert_int_equal(error.sys, EBUSY);
    assert_int_equal(pwrite(fd, "x", 1, 0), 1);
    assert_int_equal(fsync(fd), 0);
    close(fd);
    mounted_free(mounted);
}

static void lazy_serves_until_the_last_close(void **state)
{
    (void)state;
    struct mounted *mounted = mounted_new(4 * MIB, 0);
    const int fd = mounted_open(mounted, O_RDWR);
    pthread_t waiter;
    assert_int_equal(pthread_create(&waiter, NULL, wait_for_end, mounted), 0);
    assert_int_equal(serve_stop(mounted->session, true, NULL), COFFER_OK);
    assert_false(is_mounted(mounted));
    assert_int_equal(pwrite(fd, "x", 1, 0), 1);
    char byte = 0;
    assert_int_equal(pread(fd, &byte, 1, 0), 1);
    assert_int_equal(byte, 'x');
    assert_int_equal(fsync(fd), 0);
    close(fd);
    assert_int_equal(pthread_join(waiter, NULL), 0);
    mounted_free(mounted);
}

static void ends_when_someone_else_unmounts(void **state)
{
    (void)state;
    struct mounted *mounted = mounted_new(4 * MIB, 0);
    if (geteuid() == 0) {
        assert_int_equal(umount2(mounted->directory, MNT_DETACH), 0);
    } else {
        runs((char *[]){ (char *)"/usr/bin/fusermount3", (char *)"-uz", mounted->directory, NULL });
    }
    assert_int_equal(mounted_wait(mounted, NULL), COFFER_OK);
    assert_int_equal(serve_stop(mounted->session, false, NULL), COFFER_OK);
    mounted_free(mounted);
}

/* Through the control file system, in a mount namespace of its own where the system does not show it. */
static bool abort_connection(const struct mounted *mounted)
{
    struct stat info;
    assert_int_equal(stat(mounted->directory, &info), 0);
    char path[80];
    snprintf(path, sizeof(path), "/sys/fs/fuse/connections/%u/abort", minor(info.st_dev));
    const pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        if (access(path, F_OK) != 0 && unshare(CLONE_NEWNS) == 0 &&
            mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0) {
            mount("fusectl", "/sys/fs/fuse/connections", "fusectl", 0, NULL);
        }
        const int fd = open(path, O_WRONLY | O_CLOEXEC);
        _exit(fd >= 0 && write(fd, "1", 1) == 1 ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status == 0;
}

/* Cut in the middle of use: requests fail, the threads end, and no dead mount stays behind. */
static void abort_leaves_no_dead_mount(void **state)
{
    (void)state;
    struct mounted *mounted = mounted_new(4 * MIB, 0);
    const int fd = mounted_open(mounted, O_RDWR);
    if (!abort_connection(mounted)) {
        close(fd);
        mounted_free(mounted);
        skip();
    }
    assert_int_equal(mounted_wait(mounted, NULL), COFFER_OK);
    assert_int_equal(pwrite(fd, "x", 1, 0), -1);
    close(fd);
    mounted_free(mounted); /* rmdir works: nothing is mounted there */
}

static void another_mount_on_top_is_left_alone(void **state)
{
    (void)state;
    need_root();
    struct mounted *mounted = mounted_new(4 * MIB, 0);
    assert_int_equal(mount("none", mounted->directory, "tmpfs", 0, "size=64k"), 0);
    struct coffer_error error = COFFER_ERROR_INIT;
    assert_int_equal(serve_stop(mounted->session, false, &error), COFFER_IN_USE);
    assert_non_null(strstr(error.text, "mounted over it"));
    assert_int_equal(umount2(mounted->directory, MNT_DETACH), 0);
    assert_true(is_mounted(mounted));
    mounted_free(mounted);
}

static void is_found_where_it_has_moved_to(void **state)
{
    (void)state;
    char parent[64] = "/tmp/coffer-test-fuse-XXXXXX", moved[80], before[80], after[96];
    assert_non_null(mkdtemp(parent));
    snprintf(moved, sizeof(moved), "%s moved\n\\040,",
             parent); /* what mountinfo escapes, and what looks like it */
    snprintf(before, sizeof(before), "%s/point", parent);
    snprintf(after, sizeof(after), "%s/point", moved);
    assert_int_equal(mkdir(before, 0700), 0);
    struct coffer_volume *volume = subject_new(MIB, true);
    const struct serve_options options = { .mount_point = before, .source = "test volume" };
    struct serve_session *session;
    assert_int_equal(serve_block(volume, &options, &session, NULL), COFFER_OK);
    assert_int_equal(rename(parent, moved), 0);
    mounted_stop(session);
    assert_int_equal(serve_wait(session, NULL), COFFER_OK);
    serve_free(session);
    subject_close(volume, NULL);
    assert_int_equal(rmdir(after), 0);
    assert_int_equal(rmdir(moved), 0);
}

static void wrong_mount_points_are_told_apart(void **state)
{
    (void)state;
    char directory[] = "/tmp/coffer-test-fuse-XXXXXX", file[80], missing[80], link[80], through[80];
    assert_non_null(mkdtemp(directory));
    snprintf(link, sizeof(link), "%s/link", directory);
    snprintf(through, sizeof(through), "%s/link/tmp", directory);
    assert_int_equal(symlink("/", link), 0);
    snprintf(file, sizeof(file), "%s/file", directory);
    snprintf(missing, sizeof(missing), "%s/missing", directory);
    close(open(file, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
    struct coffer_volume *volume = subject_new(MIB, true);
    const struct {
        const char *place;
        enum coffer_status status;
    } cases[] = { { file, COFFER_INVALID },
                  { missing, COFFER_NOT_FOUND },
                  { link, COFFER_INVALID },
                  { through, COFFER_INVALID } };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct serve_options options = { .mount_point = cases[i].place, .source = "test volume" };
        struct serve_session *session;
        struct coffer_error error = COFFER_ERROR_INIT;
        assert_int_equal(serve_block(volume, &options, &session, &error), cases[i].status);
        assert_int_equal(error.status, cases[i].status);
        assert_true(error.text[0] != '\0');
    }
    subject_close(volume, NULL);
    unlink(link);
    unlink(file);
    rmdir(directory);
}

/* What thread `id` of this process blocks. */
static unsigned long long blocked_signals(const char *id)
{
    char path[280], line[128];
    snprintf(path, sizeof(path), "/proc/self/task/%s/status", id);
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    unsigned long long mask = 0;
    while (fgets(line, sizeof(line), file) && sscanf(line, "SigBlk: %llx", &mask) != 1) {
    }
    fclose(file);
    return mask;
}

/* The threads take no signal, so the one that unmounts is the one that the program chose. */
static void threads_block_all_signals(void **state)
{
    (void)state;
    const unsigned long long all = 0xfffffffe7ffbfeff; /* but SIGKILL, SIGSTOP and two of the C library's own */
    struct mounted *mounted = mounted_new(4 * MIB, 0);
    DIR *tasks = opendir("/proc/self/task");
    assert_non_null(tasks);
    unsigned threads = 0;
    for (const struct dirent *entry; (entry = readdir(tasks));) {
        if (entry->d_name[0] != '.' && strtol(entry->d_name, NULL, 10) != getpid()) {
            assert_true((blocked_signals(entry->d_name) & all) == all);
            threads++;
        }
    }
    closedir(tasks);
    assert_true(threads > 1);
    sigset_t now;
    assert_int_equal(pthread_sigmask(SIG_BLOCK, NULL, &now), 0);
    assert_false(sigismember(&now, SIGTERM)); /* the caller's mask is as it was */
    mounted_free(mounted);
}

/* A program that it starts itself uses the mount while it waits for that program. */
static void its_own_child_may_use_it(void **state)
{
    (void)state;
    if (access("/sbin/mkfs.ext4", X_OK) != 0) {
        skip();
    }
    struct mounted *mounted = mounted_new(64 * MIB, MOUNTED_THIN);
    runs((char *[]){ (char *)"/sbin/mkfs.ext4", (char *)"-q", (char *)"-F", mounted->path, NULL });
    runs((char *[]){ (char *)"/sbin/e2fsck", (char *)"-fn", mounted->path, NULL });
    mounted_free(mounted);
}

/* The server is killed while another program has data that it has not written: that program gets an error. */
static void killed_server_leaves_nobody_waiting(void **state)
{
    (void)state;
    char directory[] = "/tmp/coffer-test-fuse-XXXXXX", path[80];
    assert_non_null(mkdtemp(directory));
    snprintf(path, sizeof(path), "%s/volume", directory);
    int ready[2];
    assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
    const pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        struct coffer_volume *volume = subject_new(4 * MIB, true);
        const struct serve_options options = { .mount_point = directory,
                                               .source = "test volume",
                                               .writeback = true };
        struct serve_session *session;
        if (serve_block(volume, &options, &session, NULL) == COFFER_OK && write(ready[1], "r", 1) == 1) {
            serve_wait(session, NULL);
        }
        _exit(1);
    }
    close(ready[1]);
    char byte;
    assert_int_equal(read(ready[0], &byte, 1), 1);
    close(ready[0]);
    const int fd = open(path, O_RDWR | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, "x", 1, 0), 1);
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    assert_int_equal(fsync(fd), -1);
    close(fd);
    if (geteuid() == 0) {
        assert_int_equal(umount2(directory, MNT_DETACH), 0);
    } else {
        runs((char *[]){ (char *)"/usr/bin/fusermount3", (char *)"-uz", directory, NULL });
    }
    assert_int_equal(rmdir(directory), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stops_while_another_thread_waits),
        cmocka_unit_test(stopping_twice_is_fine),
        cmocka_unit_test(busy_goes_on_serving),
        cmocka_unit_test(lazy_serves_until_the_last_close),
        cmocka_unit_test(ends_when_someone_else_unmounts),
        cmocka_unit_test(abort_leaves_no_dead_mount),
        cmocka_unit_test(another_mount_on_top_is_left_alone),
        cmocka_unit_test(is_found_where_it_has_moved_to),
        cmocka_unit_test(wrong_mount_points_are_told_apart),
        cmocka_unit_test(threads_block_all_signals),
        cmocka_unit_test(its_own_child_may_use_it),
        cmocka_unit_test(killed_server_leaves_nobody_waiting),
    };
    return mounted_is_possible() ? mounted_end(cmocka_run_group_tests(tests, NULL, NULL)) : 77;
}
