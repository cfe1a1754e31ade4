/* SPDX-License-Identifier: ISC */
/*
 * bench_volume.c - the way from a program to the medium and back, timed.
 *
 * The volume is small and was written once before, so that its medium is the system's memory wherever that has room:
 * what is measured is our part and the kernel's, not the disk.
 */
#include "bench_volume.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "coffer.h"
#include "private_mount.h"
#include "progress.h"
#include "scope.h"
#include "ui.h"

#define SIZE  (UINT64_C(64) << 20) /* bytes of cleartext */
#define PIECE (UINT64_C(1) << 20)
#define SMALL 4096
#define LONG  UINT64_C(1000000000) /* ns: no measurement takes longer, but for the piece that it is at */
#define FRONT (UINT64_C(1) << 20)
#define TAIL  (UINT64_C(128) << 10)

static uint64_t now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

/* One way to do one transfer of `size` bytes; false with errno. */
struct way {
    bool (*transfer)(const struct way *way, void *data, size_t size, uint64_t offset);
    struct coffer_volume *volume;
    int fd;
};

static bool write_volume(const struct way *way, void *data, size_t size, uint64_t offset)
{
    struct coffer_error error = COFFER_ERROR_INIT;
    bool is_good = coffer_volume_pwrite(way->volume, data, size, offset, &error) == COFFER_OK;

    errno = error.sys;
    return is_good;
}

static bool read_volume(const struct way *way, void *data, size_t size, uint64_t offset)
{
    struct coffer_error error = COFFER_ERROR_INIT;
    bool is_good = coffer_volume_pread(way->volume, data, size, offset, &error) == COFFER_OK;

    errno = error.sys;
    return is_good;
}

static bool write_file(const struct way *way, void *data, size_t size, uint64_t offset)
{
    return pwrite(way->fd, data, size, (off_t)offset) == (ssize_t)size;
}

static bool read_file(const struct way *way, void *data, size_t size, uint64_t offset)
{
    return pread(way->fd, data, size, (off_t)offset) == (ssize_t)size;
}

/* A multiplicative walk over all pieces: far from the order in which they lie, and the same every time. */
static uint64_t scatter(uint64_t count, uint64_t pieces)
{
    return count * UINT64_C(2654435761) % pieces;
}

/* Pieces a second; 0, reported, where a transfer fails or somebody wants to stop. */
static uint64_t measure(const struct way *way, void *data, size_t size, bool is_random)
{
    uint64_t pieces = SIZE / size, count = 0, start = now(), end;

    do {
        uint64_t at = is_random ? scatter(count, pieces) : count % pieces;
        if (progress_is_stopped()) {
            ui_fail(EXIT_INTERRUPTED, NULL, "stopped");
            return 0;
        }
        if (!way->transfer(way, data, size, at * size)) {
            ui_fail(EXIT_OTHER, NULL, "cannot measure: %s", explain_errno(errno));
            return 0;
        }
        count++;
        end = now();
    } while (end - start < LONG && (is_random || count < 4 * pieces));
    uint64_t rate = (uint64_t)((double)count * 1e9 / (double)(end - start));
    return rate > 0 ? rate : 1;
}

static bool measure_bytes(const struct way *way, void *data, uint64_t *rate)
{
    *rate = measure(way, data, PIECE, false) * PIECE;
    return *rate > 0;
}

static enum exit_status failed(void)
{
    return progress_is_stopped() ? EXIT_INTERRUPTED : EXIT_OTHER; /* reported already */
}

static enum exit_status measure_library(struct coffer_volume *volume, void *data, struct bench_volume *result)
{
    struct way way = { .transfer = write_volume, .volume = volume, .fd = -1 };
    uint64_t first;

    if (!measure_bytes(&way, data, &first) || !measure_bytes(&way, data, &result->library_write)) {
        return failed();
    }
    way.transfer = read_volume;
    return measure_bytes(&way, data, &result->library_read) ? EXIT_DONE : failed();
}

static enum exit_status measure_file(const char *path, void *data, struct bench_volume *result)
{
    SCOPE_FD int fd = open(path, O_RDWR | O_CLOEXEC | O_DIRECT);
    struct way way = { .transfer = write_file, .fd = fd };

    if (fd < 0) {
        return ui_fail(EXIT_OTHER, NULL, "cannot open the mounted volume: %s", explain_errno(errno));
    }
    if (!measure_bytes(&way, data, &result->mounted_write)) {
        return failed();
    }
    way.transfer = read_file;
    if (!measure_bytes(&way, data, &result->mounted_read)) {
        return failed();
    }
    result->random_reads = measure(&way, data, SMALL, true);
    return result->random_reads > 0 ? EXIT_DONE : failed();
}

static bool can_mount(void)
{
    SCOPE_FD int fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);

    return fd >= 0;
}

static enum exit_status measure_mount(struct coffer_volume *volume, void *data, struct bench_volume *result)
{
    struct private_mount mount;

    if (!can_mount()) {
        ui_warn("nothing can be mounted here: /dev/fuse is missing, or not for you");
        return EXIT_DONE;
    }
    enum exit_status status = private_mount_begin(volume, PRIVATE_FOR_US, &mount);
    if (status != EXIT_DONE) {
        return status;
    }
    status = measure_file(mount.path, data, result);
    enum exit_status ended = private_mount_end(&mount);
    result->is_mounted = status == EXIT_DONE && ended == EXIT_DONE;
    return status ? status : ended;
}

/* The secret is 32 random bytes that nobody keeps. */
static struct coffer_credential *make_secret(void)
{
    struct coffer_credential *credential = coffer_credential_new();
    struct coffer_secret *text = coffer_secret_new(COFFER_RECOVERY_TEXT_SIZE);

    if (!credential || !text || coffer_credential_make_recovery(credential, text, NULL) != COFFER_OK) {
        coffer_credential_free(credential);
        credential = NULL;
    }
    coffer_secret_free(text);
    return credential;
}

static enum exit_status create(const char *directory, struct coffer_volume **volume)
{
    struct coffer_create_options how = COFFER_CREATE_OPTIONS_INIT;
    struct coffer_error error = COFFER_ERROR_INIT;
    struct coffer_credential *credential = make_secret();
    SCOPE_FREE char *path = NULL;

    if (!credential || asprintf(&path, "%s/.coffer-bench.%d", directory, (int)getpid()) < 0) {
        path = NULL;
        coffer_credential_free(credential);
        return ui_fail_no_memory();
    }
    how.container_size = FRONT + SIZE + TAIL;
    enum coffer_status status = coffer_volume_create(path, credential, &how, volume, &error);
    coffer_credential_free(credential);
    return status == COFFER_OK ? EXIT_DONE : ui_fail_library(OPERATION_CREATE, path, &error);
}

enum exit_status bench_volume(const char *directory, struct bench_volume *result)
{
    struct coffer_volume *volume;
    SCOPE_FREE void *data = NULL;

    *result = (struct bench_volume){ .size = SIZE };
    if (posix_memalign(&data, SMALL, PIECE) != 0) {
        return ui_fail_no_memory();
    }
    memset(data, 0x5a, PIECE);
    enum exit_status status = create(directory, &volume);
    if (status != EXIT_DONE) {
        return status;
    }
    status = measure_library(volume, data, result);
    status = status ? status : measure_mount(volume, data, result);
    coffer_volume_close(volume, NULL); /* nobody wants what is in it */
    return status;
}
