/* SPDX-License-Identifier: ISC */
/*
 * A medium that fails: who is told, when, and for how long. The fake volume only.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "mounted.h"

/* A write that somebody waits for is told its errno, and that is all: nothing else failed. */
static void errno_of_the_medium_reaches_the_writer(void **state)
{
    (void)state;
    const struct {
        int fault, seen;
    } cases[] = {
        { ENOSPC, ENOSPC }, { EIO, EIO }, { EDQUOT, EDQUOT }, { EROFS, EROFS }, { -1, EIO }, { 600, EIO }
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct mounted *mounted = mounted_new(4 * MIB, 0);
        struct fake_faults *faults = subject_faults(mounted->volume);
        const int fd = mounted_open(mounted, O_RDWR);
        faults->fault[FAKE_WRITE] = cases[i].fault;
        assert_fails(pwrite(fd, "x", 1, 0), cases[i].seen);
        faults->fault[FAKE_WRITE] = 0;
        assert_int_equal(fsync(fd), 0);
        assert_int_equal(close(fd), 0);
        mounted_stop(mounted->session);
        assert_int_equal(mounted_wait(mounted, NULL), COFFER_OK);
        mounted_free(mounted);
    }
}

static void errno_of_the_medium_reaches_the_reader(void **state)
{
    (void)state;
    struct mounted *mounted = mounted_new(4 * MIB, 0);
    struct fake_faults *faults = subject_faults(mounted->volume);
    const int fd = mounted_open(mounted, O_RDONLY);
    faults->from = 2 * MIB;
    faults->to = 2 * MIB + 4096;
    faults->fault[FAKE_READ] = EIO;
    char byte;
    assert_int_equal(pread(fd, &byte, 1, MIB), 1);
    assert_fails(pread(fd, &byte, 1, 2 * MIB + 1), EIO);
    assert_int_equal(pread(fd, &byte, 1, 3 * MIB), 1);
    faults->fault[FAKE_READ] = 0;
    assert_int_equal(pread(fd, &byte, 1, 2 * MIB + 1), 1); /* a bad sector may come back */
    close(fd);
    mounted_free(mounted);
}

static void failed_flush_fails_for_ever(void **state)
{
    (void)state;
    for (int writeback = 0; writeback < 2; writeback++) {
        struct mounted *mounted = mounted_new(4 * MIB, writeback ? MOUNTED_WRITEBACK : 0);
        struct fake_faults *faults = subject_faults(mounted->volume);
        const int fd = mounted_open(mounted, O_RDWR);
        assert_int_equal(pwrite(fd, "x", 1, 0), 1);
        faults->fault[FAKE_FLUSH] = EIO;
        assert_fails(fsync(fd), EIO);
        faults->fault[FAKE_FLUSH] = 0;
        assert_fails(fsync(fd), EIO);
        assert_fails(fdatasync(fd), EIO);
        close(fd);
        const int later = mounted_open(mounted, O_RDWR);
        assert_fails(fsync(later), EIO);
        close(later);
        mounted_free(mounted);
    }
}

/* With the write-back cache nobody waits for the write: fsync and close say it, and go on saying it. */
static void lost_data_shows_at_fsync_and_close(void **state)
{
    (void)state;
    struct mounted *mounted = mounted_new(4 * MIB, MOUNTED_WRITEBACK);
    struct fake_faults *faults = subject_faults(mounted->volume);
    const int fd = mounted_open(mounted, O_RDWR);
    const int bystander = mounted_open(mounted, O_RDWR);
    faults->fault[FAKE_WRITE] = ENOSPC;
    assert_int_equal(pwrite(fd, "x", 1, 0), 1);
    assert_fails(fsync(fd), ENOSPC);
    faults->fault[FAKE_WRITE] = 0;
    assert_fails(fsync(fd), ENOSPC);
    assert_fails(fsync(fd), ENOSPC);
    assert_fails(fsync(bystander), ENOSPC); /* it may have been its data */
    assert_fails(close(fd), ENOSPC);
    assert_fails(close(bystander), ENOSPC);

    const int later = mounted_open(mounted, O_RDWR); /* starts anew */
    assert_int_equal(pwrite(later, "y", 1, 0), 1);
    assert_int_equal(fsync(later), 0);
    assert_int_equal(close(later), 0);

    mounted_stop(mounted->session);
    struct coffer_error error = COFFER_ERROR_INIT;
    assert_int_equal(mounted_wait(mounted, &error), COFFER_FAILED);
    assert_int_equal(error.sys, ENOSPC);
    assert_non_null(strstr(error.text, "injected fault"));
    mounted_free(mounted);
}

static void lost_data_shows_at_close_alone(void **state)
{
    (void)state;
    struct mounted *mounted = mounted_new(4 * MIB, MOUNTED_WRITEBACK);
    struct fake_faults *faults = subject_faults(mounted->volume);
    const int fd = mounted_open(mounted, O_RDWR);
    faults->fault[FAKE_WRITE] = EIO;
    assert_int_equal(pwrite(fd, "x", 1, 0), 1);
    assert_fails(close(fd), EIO);
    faults->fault[FAKE_WRITE] = 0;
    mounted_free(mounted);
}

static void lost_data_of_a_mapping(void **state)
{
    (void)state;
    for (int writeback = 0; writeback < 2; writeback++) {
        struct mounted *mounted = mounted_new(4 * MIB, writeback ? MOUNTED_WRITEBACK : 0);
        struct fake_faults *faults = subject_faults(mounted->volume);
        const int fd = mounted_open(mounted, O_RDWR);
        uint8_t *map = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        assert_ptr_not_equal(map, MAP_FAILED);
        faults->fault[FAKE_WRITE] = EIO;
        map[0] = 'x';
        assert_fails(msync(map, 4096, MS_SYNC), EIO);
        faults->fault[FAKE_WRITE] = 0;
        mounted_unmap(map, 4096);
        assert_fails(close(fd), EIO);
        mounted_stop(mounted->session);
        assert_int_equal(mounted_wait(mounted, NULL), COFFER_FAILED);
        mounted_free(mounted);
    }
}

/* The kernel lets a write grow the file in its cache; what then does not fit is an error, and what fits is kept. */
static void cached_write_past_the_end(void **state)
{
    (void)state;
    struct mounted *mounted = mounted_new(4 * MIB, MOUNTED_WRITEBACK);
    subject_faults(mounted->volume); /* the fake one checks every range */
    int fd = mounted_open(mounted, O_RDWR);
    char data[200];
    memset(data, 'e', sizeof(data));
    assert_int_equal(pwrite(fd, data, sizeof(data), 4 * MIB - 100), sizeof(data));
    assert_fails(fsync(fd), ENOSPC);
    assert_int_equal(ftruncate(fd, 4 * MIB), 0);
    assert_fails(close(fd), ENOSPC);
    fd = mounted_open(mounted, O_RDONLY);
    assert_int_equal(pread(fd, data, sizeof(data), 4 * MIB - 100), 100);
    assert_int_equal(data[0], 'e');
    assert_int_equal(data[99], 'e');
    close(fd);
    mounted_free(mounted);
}

/* What was refused does not stay in the cache either. */
static void failed_write_leaves_the_old_bytes(void **state)
{
    (void)state;
    struct mounted *mounted = mounted_new(4 * MIB, 0);
    struct fake_faults *faults = subject_faults(mounted->volume);
    const int fd = mounted_open(mounted, O_RDWR);
    char data[4];
    assert_int_equal(pwrite(fd, "old.", 4, 5000), 4);
    assert_int_equal(pread(fd, data, 4, 5000), 4);
    faults->fault[FAKE_WRITE] = EPERM;
    assert_fails(pwrite(fd, "new.", 4, 5000), EPERM);
    assert_int_equal(pread(fd, data, 4, 5000), 4);
    assert_memory_equal(data, "old.", 4);
    faults->fault[FAKE_WRITE] = 0;
    close(fd);
    mounted_free(mounted);
}

static void failed_discard_is_told(void **state)
{
    (void)state;
    struct mounted *mounted = mounted_new(4 * MIB, MOUNTED_THIN);
    struct fake_faults *faults = subject_faults(mounted->volume);
    const int fd = mounted_open(mounted, O_RDWR);
    faults->fault[FAKE_DISCARD] = EIO;
    assert_fails(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096), EIO);
    faults->fault[FAKE_DISCARD] = EOPNOTSUPP; /* a file system below without holes */
    assert_fails(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096), EOPNOTSUPP);
    close(fd);
    mounted_free(mounted);
}

/* ---- What reaches the medium, and when --------------------------------------------------------------------- */

static void syncing_reaches_the_medium(void **state)
{
    (void)state;
    struct mounted *mounted = mounted_new(4 * MIB, 0);
    struct fake_faults *faults = subject_faults(mounted->volume);
    uint8_t *data = mounted_buffer(4096);
    memset(data, 's', 4096);
    unsigned flushes = 0;

    int fd = mounted_open(mounted, O_RDWR);
    assert_int_equal(pwrite(fd, data, 4096, 0), 4096);
    assert_int_equal(faults->calls[FAKE_FLUSH], flushes);
    assert_int_equal(fsync(fd), 0);
    assert_int_equal(faults->calls[FAKE_FLUSH], ++flushes);
    assert_int_equal(fdatasync(fd), 0);
    assert_int_equal(faults->calls[FAKE_FLUSH], ++flushes);
    close(fd);
    assert_int_equal(faults->calls[FAKE_FLUSH], flushes);

    const int kinds[] = { O_SYNC, O_DSYNC, O_SYNC | O_DIRECT, O_DSYNC | O_DIRECT };
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        fd = mounted_open(mounted, O_RDWR | kinds[i]);
        assert_int_equal(pwrite(fd, data, 4096, 0), 4096);
        assert_int_equal(faults->calls[FAKE_FLUSH], ++flushes);
        close(fd);
    }

    fd = mounted_open(mounted, O_RDWR | O_DIRECT);
    const struct iovec iov = { .iov_base = data, .iov_len = 4096 };
    assert_int_equal(pwritev2(fd, &iov, 1, 0, RWF_DSYNC), 4096);
    assert_int_equal(faults->calls[FAKE_FLUSH], ++flushes);
    faults->fault[FAKE_FLUSH] = EIO;
    assert_fails(pwritev2(fd, &iov, 1, 0, RWF_DSYNC), EIO);
    close(fd);
    free(data);
    mounted_free(mounted);
}

/* Reading what the kernel has in its cache asks nobody. */
static void cache_outlives_descriptors(void **state)
{
    (void)state;
    struct mounted *mounted = mounted_new(4 * MIB, 0);
    struct fake_faults *faults = subject_faults(mounted->volume);
    for (int i = 0; i < 3; i++) {
        const int fd = mounted_open(mounted, O_RDONLY);
        char byte;
        assert_int_equal(pread(fd, &byte, 1, 0), 1);
        close(fd);
    }
    assert_int_equal(faults->calls[FAKE_READ], 1);
    mounted_free(mounted);
}

/* Requests are as large as the kernel makes them. */
static void large_requests_stay_whole(void **state)
{
    (void)state;
    struct mounted *mounted = mounted_new(16 * MIB, 0);
    struct fake_faults *faults = subject_faults(mounted->volume);
    uint8_t *data = mounted_buffer(4 * MIB);
    memset(data, 'l', 4 * MIB);
    const int fd = mounted_open(mounted, O_RDWR | O_DIRECT);
    assert_int_equal(pwrite(fd, data, 4 * MIB, 0), 4 * MIB);
    assert_int_equal(faults->calls[FAKE_WRITE], 4);
    assert_int_equal(pread(fd, data, 4 * MIB, 4 * MIB), 4 * MIB);
    assert_int_equal(faults->calls[FAKE_READ], 4);
    close(fd);
    free(data);
    mounted_free(mounted);
}

#define WRITERS 4

struct writer {
    const struct mounted *mounted;
    unsigned number;
};

static void *write_directly(void *argument)
{
    const struct writer *writer = argument;
    const int fd = open(writer->mounted->path, O_RDWR | O_DIRECT | O_CLOEXEC);
    uint8_t *data = mounted_buffer(4096);
    memset(data, 'p', 4096);
    const ssize_t size = pwrite(fd, data, 4096, writer->number * 4096);
    free(data);
    close(fd);
    return size == 4096 ? NULL : argument;
}

static bool kernel_is_older_than(unsigned major, unsigned minor)
{
    struct utsname name;
    unsigned is_major = 0, is_minor = 0;
    uname(&name);
    sscanf(name.release, "%u.%u", &is_major, &is_minor);
    return is_major < major || (is_major == major && is_minor < minor);
}

/* Each write waits at the volume until all of them are there, which is never if they come one by one. */
static void direct_writes_run_side_by_side(void **state)
{
    (void)state;
    if (kernel_is_older_than(6, 6)) {
        skip();
    }
    struct mounted *mounted = mounted_new(4 * MIB, 0);
    struct fake_faults *faults = subject_faults(mounted->volume);
    faults->gate = WRITERS;
    pthread_t threads[WRITERS];
    struct writer writers[WRITERS];
    for (unsigned i = 0; i < WRITERS; i++) {
        writers[i] = (struct writer){ .mounted = mounted, .number = i };
        assert_int_equal(pthread_create(&threads[i], NULL, write_directly, &writers[i]), 0);
    }
    for (unsigned i = 0; i < WRITERS; i++) {
        void *result;
        assert_int_equal(pthread_join(threads[i], &result), 0);
        assert_null(result);
    }
    assert_int_equal(faults->most_inside[FAKE_WRITE], WRITERS);
    mounted_free(mounted);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(errno_of_the_medium_reaches_the_writer),
        cmocka_unit_test(errno_of_the_medium_reaches_the_reader),
        cmocka_unit_test(failed_flush_fails_for_ever),
        cmocka_unit_test(lost_data_shows_at_fsync_and_close),
        cmocka_unit_test(lost_data_shows_at_close_alone),
        cmocka_unit_test(lost_data_of_a_mapping),
        cmocka_unit_test(cached_write_past_the_end),
        cmocka_unit_test(failed_write_leaves_the_old_bytes),
        cmocka_unit_test(failed_discard_is_told),
        cmocka_unit_test(syncing_reaches_the_medium),
        cmocka_unit_test(cache_outlives_descriptors),
        cmocka_unit_test(large_requests_stay_whole),
        cmocka_unit_test(direct_writes_run_side_by_side),
    };
    return mounted_is_possible() ? mounted_end(cmocka_run_group_tests(tests, NULL, NULL)) : 77;
}
