/* SPDX-License-Identifier: ISC */
/*
 * DIR/volume as programs meet it: a file that is a medium.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/time.h>
#include <unistd.h>

#include "mounted.h"

static const int every_kind[] = { 0, MOUNTED_THIN, MOUNTED_WRITEBACK, MOUNTED_THIN | MOUNTED_WRITEBACK };
#define KINDS (sizeof(every_kind) / sizeof(every_kind[0]))

static struct stat look(const struct mounted *mounted)
{
    struct stat info;
    assert_int_equal(stat(mounted->path, &info), 0);
    return info;
}

/* Gives the file an old time, so that any change shows without waiting for the clock. */
static void make_old(const struct mounted *mounted)
{
    const struct timespec times[2] = { { .tv_sec = 1000 }, { .tv_sec = 1000, .tv_nsec = 7 } };
    assert_int_equal(utimensat(AT_FDCWD, mounted->path, times, 0), 0);
    assert_int_equal(look(mounted).st_mtim.tv_sec, 1000);
    assert_int_equal(look(mounted).st_mtim.tv_nsec, 7);
}

static bool is_old(const struct mounted *mounted)
{
    return look(mounted).st_mtim.tv_sec == 1000;
}

/* ---- What it looks like ------------------------------------------------------------------------------------ */

static void shows_one_file(void **state)
{
    (void)state;
    struct mounted *mounted = mounted_new(4 * MIB, 0);
    DIR *directory = opendir(mounted->directory);
    assert_non_null(directory);
    unsigned files = 0;
    for (const struct dirent *entry; (entry = readdir(directory));) {
        files += strcmp(entry->d_name, "volume") == 0;
        assert_true(strcmp(entry->d_name, "volume") == 0 || entry->d_name[0] == '.');
    }
    closedir(directory);
    assert_int_equal(files, 1);

    const struct stat info = look(mounted);
    assert_int_equal(info.st_size, 4 * MIB);
    assert_int_equal(info.st_mode, S_IFREG | 0600);
    assert_int_equal(info.st_uid, geteuid());
    assert_int_equal(info.st_gid, getegid());
    assert_int_equal(info.st_nlink, 1);
    assert_int_equal(info.st_blocks, 4 * MIB / 512);
    struct statvfs space;
    assert_int_equal(statvfs(mounted->directory, &space), 0);
    assert_int_equal(space.f_blocks * space.f_frsize, 4 * MIB);
    assert_int_equal(space.f_bavail, 0);
    assert_true(space.f_flag & ST_NOSUID);
    assert_true(space.f_flag & ST_NODEV);
    assert_true(space.f_flag & ST_NOATIME);
    mounted_free(mounted);
}

/* What copies look at before they look for holes: fewer blocks than the size needs, but never none. */
static void thin_shows_that_it_may_have_holes(void **state)
{
    (void)state;
    struct mounted *mounted = mounted_new(4 * MIB, MOUNTED_THIN);
    const struct stat info = look(mounted);
    assert_true(info.st_blocks > 0 && info.st_blocks < info.st_size / 512);
    mounted_free(mounted);
}

static void refuses_to_change_names(void **state)
{
    (void)state;
    struct mounted *mounted = mounted_new(4 * MIB, 0);
    char other[80];
    snprintf(other, sizeof(other), "%s/other", mounted->directory);
    assert_fails(open(other, O_CREAT | O_RDWR, 0600), EPERM);
    assert_fails(mkdir(other, 0700), EPERM);
    assert_fails(mknod(other, S_IFIFO | 0600, 0), EPERM);
    assert_fails(symlink("target", other), EPERM);
    assert_fails(link(mounted->path, other), EPERM);
    assert_fails(rename(mounted->path, other), EPERM);
    assert_fails(unlink(mounted->path), EPERM);
    assert_fails(chmod(mounted->path, 0644), EPERM);
    assert_fails(chown(mounted->path, geteuid() + 1, getegid()), EPERM);
    assert_fails(chmod(mounted->directory, 0755), EPERM);
    assert_fails(access(other, F_OK), ENOENT);
    mounted_free(mounted);
}

static void keeps_its_size(void **state)
{
    (void)state;
    for (size_t i = 0; i < KINDS; i++) {
        struct mounted *mounted = mounted_new(4 * MIB, every_kind[i]);
        const int fd = mounted_open(mounted, O_RDWR);
        assert_int_equal(pwrite(fd, "kept", 4, 0), 4);
        assert_fails(ftruncate(fd, 0), EPERM);
        assert_fails(ftruncate(fd, 8 * MIB), EPERM);
        assert_fails(truncate(mounted->path, 4 * MIB - 1), EPERM);
        assert_fails(open(mounted->path, O_RDWR | O_TRUNC), EPERM);
        assert_int_equal(ftruncate(fd, 4 * MIB), 0);
        assert_int_equal(look(mounted).st_size, 4 * MIB);
        char data[4];
        assert_int_equal(pread(fd, data, 4, 0), 4);
        assert_memory_equal(data, "kept", 4);
        close(fd);
        mounted_free(mounted);
    }
}

static void ends_like_a_medium(void **state)
{
    (void)state;
    const uint64_t sizes[] = { 4 * MIB, 4 * MIB + 512 };
    for (size_t i = 0; i < 2; i++) {
        for (int direct = 0; direct < 2 && subject_can_be(sizes[i]); direct++) {
            struct mounted *mounted = mounted_new(sizes[i], 0);
            const off_t size = (off_t)sizes[i];
            const int fd = mounted_open(mounted, O_RDWR | (direct ? O_DIRECT : 0));
            uint8_t *data = mounted_buffer(8192);
            memset(data, 'e', 8192);
            assert_int_equal(pwrite(fd, data, 8192, size - 4096), 4096);
            assert_fails(pwrite(fd, data, 4096, size), ENOSPC);
            assert_fails(pwrite(fd, data, 4096, size + 8192), ENOSPC);
            assert_int_equal(fsync(fd), 0);
            memset(data, 0, 8192);
            assert_int_equal(pread(fd, data, 8192, size - 4096), 4096);
            assert_int_equal(data[0], 'e');
            assert_int_equal(data[4095], 'e');
            assert_int_equal(pread(fd, data, 4096, size), 0);
            assert_int_equal(look(mounted).st_size, size);
            free(data);
            close(fd);
            mounted_free(mounted);
        }
    }
}

static void appending_is_refused(void **state)
{
    (void)state;
    struct mounted *mounted = mounted_new(4 * MIB, 0);
    const int fd = mounted_open(mounted, O_WRONLY | O_APPEND);
    assert_fails(write(fd, "x", 1), ENOSPC);
    assert_int_equal(look(mounted).st_size, 4 * MIB);
    close(fd);
    mounted_free(mounted);
}

static void read_only_stays_so(void **state)
{
    (void)state;
    struct mounted *mounted = mounted_new(4 * MIB, MOUNTED_READ_ONLY | MOUNTED_WRITEBACK);
    char other[80];
    snprintf(other, sizeof(other), "%s/other", mounted->directory);
    assert_fails(open(mounted->path, O_RDWR), EROFS);
    assert_fails(open(other, O_CREAT | O_RDWR, 0600), EROFS);
    assert_fails(unlink(mounted->path), EROFS);
    assert_fails(truncate(mounted->path, 0), EROFS);
    const int fd = mounted_open(mounted, O_RDONLY);
    char byte = 'x';
    assert_int_equal(pread(fd, &byte, 1, 0), 1);
    assert_int_equal(byte, 0);
    assert_int_equal(look(mounted).st_mode & 0777, 0400);
    close(fd);
    mounted_free(mounted);
}

static void time_moves_with_data_only(void **state)
{
    (void)state;
    for (size_t i = 0; i < KINDS; i++) {
        struct mounted *mounted = mounted_new(4 * MIB, every_kind[i]);
        make_old(mounted);
        const int fd = mounted_open(mounted, O_RDWR);
        char byte;
        assert_int_equal(pread(fd, &byte, 1, 0), 1);
        assert_int_equal(fsync(fd), 0);
        assert_int_equal(lseek(fd, 0, SEEK_HOLE) >= 0, 1);
        close(fd);
        assert_true(is_old(mounted));

        const int plain = mounted_open(mounted, O_RDWR);
        assert_int_equal(pwrite(plain, "x", 1, 0), 1);
        assert_int_equal(fsync(plain), 0);
        assert_false(is_old(mounted));

        make_old(mounted);
        uint8_t *map = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, plain, 0);
        assert_ptr_not_equal(map, MAP_FAILED);
        map[1] = 'm';
        assert_int_equal(msync(map, 4096, MS_SYNC), 0);
        mounted_unmap(map, 4096);
        assert_false(is_old(mounted));
        close(plain);

        make_old(mounted);
        uint8_t *data = mounted_buffer(4096);
        memset(data, 'd', 4096);
        const int direct = mounted_open(mounted, O_RDWR | O_DIRECT);
        assert_int_equal(pwrite(direct, data, 4096, 4096), 4096);
        assert_false(is_old(mounted));
        close(direct);
        free(data);

        if (every_kind[i] & MOUNTED_THIN) {
            make_old(mounted);
            const int punch = mounted_open(mounted, O_RDWR);
            assert_int_equal(fallocate(punch, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096), 0);
            assert_false(is_old(mounted));
            close(punch);
        }
        mounted_free(mounted);
    }
}

/* ---- Space ------------------------------------------------------------------------------------------------- */

static void assert_zeros(int fd, off_t offset, size_t size)
{
    uint8_t *data = malloc(size);
    memset(data, 'x', size);
    assert_int_equal(pread(fd, data, size, offset), size);
    for (size_t i = 0; i < size; i++) {
        assert_int_equal(data[i], 0);
    }
    free(data);
}

static void fill(int fd, off_t offset, size_t size)
{
    uint8_t *data = malloc(size);
    memset(data, 'f', size);
    assert_int_equal(pwrite(fd, data, size, offset), size);
    free(data);
}

static void thin_has_holes(void **state)
{
    (void)state;
    const int punch = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
    for (int writeback = 0; writeback < 2; writeback++) {
        struct mounted *mounted = mounted_new(4 * MIB, MOUNTED_THIN | (writeback ? MOUNTED_WRITEBACK : 0));
        int fd = mounted_open(mounted, O_RDWR);
        fill(fd, 0, 4 * MIB);
        assert_int_equal(fallocate(fd, punch, MIB, MIB), 0);
        assert_int_equal(fallocate(fd, FALLOC_FL_ZERO_RANGE, 2 * MIB + 100, 8192), 0);
        assert_int_equal(fallocate(fd, FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE, 3 * MIB, 4096), 0);
        assert_zeros(fd, MIB, MIB);
        assert_zeros(fd, 2 * MIB + 100, 8192);
        assert_zeros(fd, 3 * MIB, 4096);
        char edges[2];
        assert_int_equal(pread(fd, edges, 1, 2 * MIB + 99), 1);
        assert_int_equal(pread(fd, edges + 1, 1, 2 * MIB + 100 + 8192), 1);
        assert_memory_equal(edges, "ff", 2);
        /* While this descriptor could hold dirty pages, there is no telling holes from data. */
        assert_int_equal(lseek(fd, 0, SEEK_HOLE), 4 * MIB);
        assert_int_equal(lseek(fd, MIB, SEEK_DATA), MIB);
        close(fd);

        fd = mounted_open(mounted, O_RDONLY);
        assert_int_equal(lseek(fd, 0, SEEK_DATA), 0);
        assert_int_equal(lseek(fd, 0, SEEK_HOLE), MIB);
        assert_int_equal(lseek(fd, MIB + 100, SEEK_HOLE), MIB + 100);
        assert_int_equal(lseek(fd, MIB, SEEK_DATA), 2 * MIB);
        assert_int_equal(lseek(fd, 3 * MIB + 4096, SEEK_HOLE), 4 * MIB);
        assert_fails(lseek(fd, 4 * MIB, SEEK_DATA), ENXIO);
        assert_fails(lseek(fd, 4 * MIB, SEEK_HOLE), ENXIO);
        close(fd);
        mounted_free(mounted);
    }
}

static void thin_ranges_beyond_the_end(void **state)
{
    (void)state;
    const int punch = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
    struct mounted *mounted = mounted_new(4 * MIB, MOUNTED_THIN);
    const int fd = mounted_open(mounted, O_RDWR);
    fill(fd, 0, 4 * MIB);
    assert_int_equal(fallocate(fd, punch, 4 * MIB - 4096, 8192), 0); /* nothing is there to be kept */
    assert_zeros(fd, 4 * MIB - 4096, 4096);
    assert_int_equal(fallocate(fd, punch, 4 * MIB, 4096), 0);
    assert_int_equal(fallocate(fd, FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE, 4 * MIB - 8192, 16384), 0);
    assert_zeros(fd, 4 * MIB - 8192, 8192);
    assert_fails(fallocate(fd, FALLOC_FL_ZERO_RANGE, 4 * MIB - 16384, 32768), ENOSPC); /* it would grow */
    char byte;
    assert_int_equal(pread(fd, &byte, 1, 4 * MIB - 16384), 1);
    assert_int_equal(byte, 'f');
    assert_fails(fallocate(fd, FALLOC_FL_COLLAPSE_RANGE, 0, 4096), EOPNOTSUPP);
    assert_fails(fallocate(fd, FALLOC_FL_INSERT_RANGE, 0, 4096), EOPNOTSUPP);
    assert_int_equal(look(mounted).st_size, 4 * MIB);
    close(fd);
    mounted_free(mounted);
}

/* Nobody can promise a thin volume its space; the C library then takes it by writing. */
static void thin_cannot_promise_space(void **state)
{
    (void)state;
    struct mounted *mounted = mounted_new(4 * MIB, MOUNTED_THIN);
    int fd = mounted_open(mounted, O_RDWR);
    assert_int_equal(pwrite(fd, "kept", 4, 5000), 4);
    assert_fails(fallocate(fd, 0, 0, MIB), EOPNOTSUPP);
    assert_int_equal(posix_fallocate(fd, 0, MIB), 0);
    close(fd);
    fd = mounted_open(mounted, O_RDONLY);
    assert_int_equal(lseek(fd, 0, SEEK_HOLE), MIB);
    char data[4];
    assert_int_equal(pread(fd, data, 4, 5000), 4);
    assert_memory_equal(data, "kept", 4);
    close(fd);
    mounted_free(mounted);
}

static void thick_has_all_its_space(void **state)
{
    (void)state;
    struct mounted *mounted = mounted_new(4 * MIB, 0);
    const int fd = mounted_open(mounted, O_RDWR);
    fill(fd, 0, MIB);
    assert_int_equal(fallocate(fd, 0, 0, 4 * MIB), 0);
    assert_int_equal(fallocate(fd, FALLOC_FL_KEEP_SIZE, MIB, MIB), 0);
    assert_fails(fallocate(fd, 0, 4 * MIB - 4096, 8192), ENOSPC);
    assert_fails(fallocate(fd, FALLOC_FL_KEEP_SIZE, 4 * MIB, 4096), ENOSPC);
    assert_fails(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096), EOPNOTSUPP);
    assert_fails(fallocate(fd, FALLOC_FL_ZERO_RANGE, 0, 4096), EOPNOTSUPP);
    char byte;
    assert_int_equal(pread(fd, &byte, 1, 0), 1);
    assert_int_equal(byte, 'f');
    assert_int_equal(lseek(fd, 0, SEEK_HOLE), 4 * MIB);
    assert_int_equal(lseek(fd, 2 * MIB, SEEK_DATA), 2 * MIB);
    close(fd);
    mounted_free(mounted);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shows_one_file),
        cmocka_unit_test(thin_shows_that_it_may_have_holes),
        cmocka_unit_test(refuses_to_change_names),
        cmocka_unit_test(keeps_its_size),
        cmocka_unit_test(ends_like_a_medium),
        cmocka_unit_test(appending_is_refused),
        cmocka_unit_test(read_only_stays_so),
        cmocka_unit_test(time_moves_with_data_only),
        cmocka_unit_test(thin_has_holes),
        cmocka_unit_test(thin_ranges_beyond_the_end),
        cmocka_unit_test(thin_cannot_promise_space),
        cmocka_unit_test(thick_has_all_its_space),
    };
    return mounted_is_possible() ? mounted_end(cmocka_run_group_tests(tests, NULL, NULL)) : 77;
}
