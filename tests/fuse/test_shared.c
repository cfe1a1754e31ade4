/* SPDX-License-Identifier: ISC */
/*
 * Many programs at once: every byte that one of them writes stays, however close to it the others write.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "mounted.h"

#define PROCESSES   4
#define ROUNDS      3
#define STRIPE_MAX  6000
#define VOLUME_SIZE (8 * MIB)

/* A generator of our own, so that every process knows the same stripes. */
static uint32_t next_random(uint32_t *state)
{
    *state = *state * 1664525 + 1013904223;
    return *state >> 8;
}

static uint8_t expected_byte(uint32_t stripe, unsigned round, uint64_t offset)
{
    return (uint8_t)(stripe * 7 + round * 31 + offset * 13 + 1);
}

/* Calls `visit` for each stripe: odd sizes, so that most sectors belong to two or three of them. */
static bool each_stripe(bool (*visit)(void *user, uint32_t stripe, uint64_t offset, size_t size), void *user)
{
    uint32_t state = 42;
    uint64_t offset = 0;
    for (uint32_t stripe = 0; offset < VOLUME_SIZE; stripe++) {
        size_t size = 1 + next_random(&state) % STRIPE_MAX;
        if (size > VOLUME_SIZE - offset) {
            size = (size_t)(VOLUME_SIZE - offset);
        }
        if (!visit(user, stripe, offset, size)) {
            return false;
        }
        offset += size;
    }
    return true;
}

struct writer {
    int fds[2]; /* through the cache, and past it */
    unsigned number, round;
};

static bool write_stripe(void *user, uint32_t stripe, uint64_t offset, size_t size)
{
    const struct writer *writer = user;
    if (stripe % PROCESSES != writer->number) {
        return true;
    }
    uint8_t data[STRIPE_MAX];
    for (size_t i = 0; i < size; i++) {
        data[i] = expected_byte(stripe, writer->round, offset + i);
    }
    const int fd = writer->fds[(stripe / PROCESSES + writer->round) % 2];
    return pwrite(fd, data, size, (off_t)offset) == (ssize_t)size;
}

static bool check_stripe(void *user, uint32_t stripe, uint64_t offset, size_t size)
{
    const int fd = *(const int *)user;
    uint8_t data[STRIPE_MAX];
    assert_int_equal(pread(fd, data, size, (off_t)offset), size);
    for (size_t i = 0; i < size; i++) {
        if (data[i] != expected_byte(stripe, ROUNDS - 1, offset + i)) {
            fail_msg("stripe %u at %llu, byte %zu of %zu", stripe, (unsigned long long)offset, i, size);
        }
    }
    return true;
}

static int write_all_rounds(const struct mounted *mounted, unsigned number)
{
    struct writer writer = { .number = number };
    writer.fds[0] = open(mounted->path, O_RDWR | O_CLOEXEC);
    writer.fds[1] = open(mounted->path, O_RDWR | O_DIRECT | O_CLOEXEC);
    bool good = true;
    for (; good && writer.round < ROUNDS; writer.round++) {
        good = each_stripe(write_stripe, &writer);
    }
    return good && fsync(writer.fds[0]) == 0 && close(writer.fds[0]) == 0 && close(writer.fds[1]) == 0 ? 0 : 1;
}

static void processes_write_side_by_side(void **state)
{
    (void)state;
    for (int flags = 0; flags <= MOUNTED_WRITEBACK; flags += MOUNTED_WRITEBACK) {
        struct mounted *mounted = mounted_new(VOLUME_SIZE, flags | MOUNTED_THIN);
        pid_t pids[PROCESSES];
        for (unsigned i = 0; i < PROCESSES; i++) {
            pids[i] = fork();
            assert_true(pids[i] >= 0);
            if (pids[i] == 0) {
                _exit(write_all_rounds(mounted, i));
            }
        }
        for (unsigned i = 0; i < PROCESSES; i++) {
            int status;
            assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
            assert_int_equal(status, 0);
        }
        int fd = mounted_open(mounted, O_RDONLY);
        each_stripe(check_stripe, &fd);
        close(fd);
        /* What the volume holds, not what the kernel remembers. */
        uint8_t *data = malloc(VOLUME_SIZE), *seen = malloc(VOLUME_SIZE);
        assert_int_equal(coffer_volume_pread(mounted->volume, data, VOLUME_SIZE, 0, NULL), COFFER_OK);
        fd = mounted_open(mounted, O_RDONLY);
        assert_int_equal(pread(fd, seen, VOLUME_SIZE, 0), VOLUME_SIZE);
        assert_memory_equal(data, seen, VOLUME_SIZE);
        close(fd);
        free(data);
        free(seen);
        mounted_free(mounted);
    }
}

static void mappings_are_shared(void **state)
{
    (void)state;
    for (int flags = 0; flags <= MOUNTED_WRITEBACK; flags += MOUNTED_WRITEBACK) {
        struct mounted *mounted = mounted_new(4 * MIB, flags);
        const int fd = mounted_open(mounted, O_RDWR);
        uint8_t *map = mmap(NULL, MIB, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        assert_ptr_not_equal(map, MAP_FAILED);
        const pid_t pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
            const int own = open(mounted->path, O_RDWR | O_CLOEXEC);
            uint8_t *other = mmap(NULL, MIB, PROT_READ | PROT_WRITE, MAP_SHARED, own, 0);
            if (other == MAP_FAILED) {
                _exit(1);
            }
            memset(other + 100, 'm', 9000);
            _exit(pwrite(own, "w", 1, 50000) == 1 && other[50000] == 'w' ? 0 : 1);
        }
        int status;
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
        assert_int_equal(map[99], 0);
        assert_int_equal(map[100], 'm');
        assert_int_equal(map[9099], 'm');
        assert_int_equal(map[50000], 'w');
        map[200] = 'p';
        uint8_t byte;
        assert_int_equal(pread(fd, &byte, 1, 200), 1);
        assert_int_equal(byte, 'p');
        assert_int_equal(msync(map, MIB, MS_SYNC), 0);
        mounted_unmap(map, MIB);
        assert_int_equal(coffer_volume_pread(mounted->volume, &byte, 1, 200, NULL), COFFER_OK);
        assert_int_equal(byte, 'p');
        assert_int_equal(coffer_volume_pread(mounted->volume, &byte, 1, 9099, NULL), COFFER_OK);
        assert_int_equal(byte, 'm');
        close(fd);
        mounted_free(mounted);
    }
}

/* Whoever goes past the cache sees what others have in it, and the other way round. */
static void cache_and_direct_io_agree(void **state)
{
    (void)state;
    for (int flags = 0; flags <= MOUNTED_WRITEBACK; flags += MOUNTED_WRITEBACK) {
        struct mounted *mounted = mounted_new(4 * MIB, flags);
        const int cached = mounted_open(mounted, O_RDWR), direct = mounted_open(mounted, O_RDWR | O_DIRECT);
        static _Alignas(4096) uint8_t data[8192];
        for (unsigned i = 0; i < 50; i++) {
            const off_t offset = (off_t)i * 8192;
            memset(data, 'a', 8192);
            assert_int_equal(pwrite(cached, data, 8192, offset), 8192);
            assert_int_equal(pread(direct, data, 8192, offset), 8192);
            assert_int_equal(data[8191], 'a');
            memset(data, 'b', 4096);
            assert_int_equal(pwrite(direct, data, 4096, offset), 4096);
            assert_int_equal(pread(cached, data, 8192, offset), 8192);
            assert_int_equal(data[0], 'b');
            assert_int_equal(data[4096], 'a');
            uint8_t *map = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, cached, offset);
            assert_ptr_not_equal(map, MAP_FAILED);
            assert_int_equal(map[0], 'b');
            map[0] = 'c';
            assert_int_equal(pread(direct, data, 4096, offset), 4096);
            assert_int_equal(data[0], 'c');
            mounted_unmap(map, 8192);
        }
        close(cached);
        close(direct);
        mounted_free(mounted);
    }
}

static void direct_descriptors_can_be_mapped(void **state)
{
    (void)state;
    struct mounted *mounted = mounted_new(4 * MIB, 0);
    const int fd = mounted_open(mounted, O_RDWR | O_DIRECT);
    uint8_t *map = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    assert_ptr_not_equal(map, MAP_FAILED);
    map[0] = 'd';
    assert_int_equal(msync(map, 4096, MS_SYNC), 0);
    mounted_unmap(map, 4096);
    char byte;
    assert_int_equal(coffer_volume_pread(mounted->volume, &byte, 1, 0, NULL), COFFER_OK);
    assert_int_equal(byte, 'd');
    close(fd);
    mounted_free(mounted);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(processes_write_side_by_side),
        cmocka_unit_test(mappings_are_shared),
        cmocka_unit_test(cache_and_direct_io_agree),
        cmocka_unit_test(direct_descriptors_can_be_mapped),
    };
    return mounted_is_possible() ? mounted_end(cmocka_run_group_tests(tests, NULL, NULL)) : 77;
}
