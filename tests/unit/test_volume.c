/* SPDX-License-Identifier: ISC */
/*
 * A volume through the public interface: create, publish, open, read, write, holes, errors. Parts of sectors, and holes
 * of any alignment: DATA-4, DATA-5, THIN-2, THIN-3, THIN-4.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "coffer.h"
#include "helper_volume.h"

/* Every mixture of offsets and sizes around sector boundaries reads back, and leaves its neighbours alone. */
static void reads_what_was_written(uint32_t sector_size, bool thin)
{
    static uint8_t model[512 * 1024], buffer[sizeof(model)];
    struct coffer_create_options options = helper_small();
    struct coffer_volume *volume;
    options.sector_size = sector_size;
    options.thin = thin;
    helper_create(&options);
    assert_int_equal(helper_open("correct", false, &volume), COFFER_OK);
    memset(model, 0, sizeof(model));
    assert_int_equal(coffer_volume_pwrite(volume, model, sizeof(model), 0, NULL), COFFER_OK);
    unsigned random = 1;
    for (unsigned i = 0; i < 400; i++) {
        random = random * 1103515245u + 12345u;
        size_t size = i % 3 == 0 ? 1 + random % 200000 : 1 + random % 9000;
        size_t offset = (random >> 4) % (sizeof(model) - size);
        if (i % 2 == 0) {
            offset &= ~(size_t)511;
        }
        memset(model + offset, (int)i, size);
        if (thin && i % 7 == 0) {
            memset(model + offset, 0, size);
            assert_int_equal(coffer_volume_discard(volume, offset, size, NULL), COFFER_OK);
        } else {
            assert_int_equal(coffer_volume_pwrite(volume, model + offset, size, offset, NULL), COFFER_OK);
        }
        size_t from = offset > 5000 ? offset - 5000 + i : 0;
        size_t length = sizeof(model) - from < size + 9000 ? sizeof(model) - from : size + 9000;
        assert_int_equal(coffer_volume_pread(volume, buffer, length, from, NULL), COFFER_OK);
        assert_memory_equal(buffer, model + from, length);
    }
    assert_int_equal(coffer_volume_close(volume, NULL), COFFER_OK);
    assert_int_equal(helper_open("correct", true, &volume), COFFER_OK);
    assert_int_equal(coffer_volume_pread(volume, buffer, sizeof(buffer), 0, NULL), COFFER_OK);
    assert_memory_equal(buffer, model, sizeof(model));
    assert_int_equal(coffer_volume_pwrite(volume, model, 1, 0, NULL), COFFER_NOT_PERMITTED);
    assert_int_equal(coffer_volume_close(volume, NULL), COFFER_OK);
}

static void test_thin_4096(void **state)
{
    (void)state;
    reads_what_was_written(4096, true);
}

static void test_thin_512(void **state)
{
    (void)state;
    reads_what_was_written(512, true);
}

static void test_thick_4096(void **state)
{
    (void)state;
    reads_what_was_written(4096, false);
}

static void test_thick_512(void **state)
{
    (void)state;
    reads_what_was_written(512, false);
}

static void test_a_new_thin_volume_reads_zeros_and_takes_no_space(void **state)
{
    (void)state;
    struct coffer_create_options options = helper_small();
    struct coffer_volume *volume;
    struct stat status;
    static uint8_t buffer[65536];
    options.container_size = 1ull << 40;
    helper_create(&options);
    assert_int_equal(stat(helper_path, &status), 0);
    assert_true(status.st_blocks * 512ll < 4ll << 20);
    assert_int_equal(status.st_mode & 07777, 0600);
    assert_int_equal(helper_open("correct", false, &volume), COFFER_OK);
    memset(buffer, 1, sizeof(buffer));
    assert_int_equal(coffer_volume_pread(volume, buffer, sizeof(buffer), 1ull << 39, NULL), COFFER_OK);
    for (size_t i = 0; i < sizeof(buffer); i++) {
        assert_int_equal(buffer[i], 0);
    }
    uint64_t found;
    assert_int_equal(coffer_volume_pwrite(volume, buffer, 4096, 1ull << 30, NULL), COFFER_OK);
    assert_int_equal(coffer_volume_seek(volume, 0, false, &found, NULL), COFFER_OK);
    assert_int_equal(found, 1ull << 30);
    assert_int_equal(coffer_volume_seek(volume, found, true, &found, NULL), COFFER_OK);
    assert_int_equal(found, (1ull << 30) + 4096);
    assert_int_equal(coffer_volume_seek(volume, found + 100, true, &found, NULL), COFFER_OK);
    assert_int_equal(found, (1ull << 30) + 4196);
    assert_int_equal(coffer_volume_seek(volume, (1ull << 30) + 4000, false, &found, NULL), COFFER_OK);
    assert_int_equal(found, (1ull << 30) + 4000);
    found = (1ull << 30) + 4096;
    struct coffer_error error = COFFER_ERROR_INIT;
    assert_int_equal(coffer_volume_seek(volume, found, false, &found, &error), COFFER_FAILED);
    assert_int_equal(error.sys, ENXIO);
    assert_int_equal(coffer_volume_close(volume, NULL), COFFER_OK);
}

/* There is no authentication: whatever is stored, it is read, as something else. */
static void test_stored_noise_reads_as_noise(void **state)
{
    (void)state;
    struct coffer_create_options options = helper_small();
    struct coffer_info info = { .size = sizeof(info) };
    struct coffer_volume *volume;
    uint8_t text[3 * 4096], noise[4096];
    options.thin = false;
    helper_create(&options);
    assert_int_equal(helper_open("correct", false, &volume), COFFER_OK);
    memset(text, 'x', sizeof(text));
    assert_int_equal(coffer_volume_pwrite(volume, text, sizeof(text), 0, NULL), COFFER_OK);
    assert_int_equal(coffer_volume_info(volume, &info, NULL), COFFER_OK);
    assert_int_equal(coffer_volume_close(volume, NULL), COFFER_OK);
    memset(noise, 0x5a, sizeof(noise));
    helper_put(info.data_offset + 4096, noise, sizeof(noise));
    assert_int_equal(helper_open("correct", true, &volume), COFFER_OK);
    memset(text, 0, sizeof(text));
    assert_int_equal(coffer_volume_pread(volume, text, sizeof(text), 0, NULL), COFFER_OK);
    for (size_t i = 0; i < sizeof(text); i += 16) {
        bool is_noise = i >= 4096 && i < 8192;
        assert_int_equal(memcmp(text + i, "xxxxxxxxxxxxxxxx", 16) != 0, is_noise);
    }
    assert_int_equal(coffer_volume_close(volume, NULL), COFFER_OK);
}

static void test_closed_without_publishing_leaves_nothing(void **state)
{
    (void)state;
    struct coffer_create_options options = helper_small();
    struct coffer_credential *secret = helper_credential("correct");
    struct coffer_volume *volume;
    assert_int_equal(coffer_volume_create(helper_path, secret, &options, &volume, NULL), COFFER_OK);
    assert_int_equal(coffer_volume_close(volume, NULL), COFFER_OK);
    coffer_credential_free(secret);
    assert_int_equal(access(helper_path, F_OK), -1); /* and leave() finds the directory empty */
}

static void test_an_existing_file_is_replaced_only_when_asked_and_whole(void **state)
{
    (void)state;
    struct coffer_create_options options = helper_small();
    struct coffer_credential *secret = helper_credential("another");
    struct coffer_volume *volume;
    struct coffer_error error = COFFER_ERROR_INIT;
    helper_create(&options);
    assert_int_equal(coffer_volume_create(helper_path, secret, &options, &volume, &error), COFFER_FAILED);
    assert_int_equal(error.sys, EEXIST);
    options.replace = true;
    assert_int_equal(coffer_volume_create(helper_path, secret, &options, &volume, NULL), COFFER_OK);
    struct coffer_volume *old; /* until then the old one is what it was, and kept from others */
    assert_int_equal(helper_open("correct", false, &old), COFFER_IN_USE);
    assert_int_equal(coffer_volume_publish(volume, NULL), COFFER_OK);
    assert_int_equal(coffer_volume_close(volume, NULL), COFFER_OK);
    coffer_credential_free(secret);
    assert_int_equal(helper_open("correct", true, &volume), COFFER_WRONG_SECRET);
    assert_int_equal(helper_open("another", true, &volume), COFFER_OK);
    assert_int_equal(coffer_volume_close(volume, NULL), COFFER_OK);
}

static void test_one_writer_or_many_readers(void **state)
{
    (void)state;
    struct coffer_create_options options = helper_small();
    struct coffer_volume *a, *b;
    helper_create(&options);
    assert_int_equal(helper_open("correct", false, &a), COFFER_OK);
    assert_int_equal(helper_open("correct", false, &b), COFFER_IN_USE);
    assert_int_equal(helper_open("correct", true, &b), COFFER_IN_USE);
    assert_int_equal(coffer_volume_close(a, NULL), COFFER_OK);
    assert_int_equal(helper_open("correct", true, &a), COFFER_OK);
    assert_int_equal(helper_open("correct", true, &b), COFFER_OK);
    assert_int_equal(coffer_volume_close(a, NULL), COFFER_OK);
    assert_int_equal(coffer_volume_close(b, NULL), COFFER_OK);
}

static void test_opening_and_closing_a_good_volume_writes_nothing(void **state)
{
    (void)state;
    struct coffer_create_options options = helper_small();
    struct coffer_volume *volume;
    struct stat before, after;
    helper_create(&options);
    const struct timespec old[2] = { { .tv_sec = 1000000000 }, { .tv_sec = 1000000000 } };
    assert_int_equal(utimensat(AT_FDCWD, helper_path, old, 0), 0);
    assert_int_equal(stat(helper_path, &before), 0);
    assert_int_equal(helper_open("correct", false, &volume), COFFER_OK);
    assert_int_equal(coffer_volume_close(volume, NULL), COFFER_OK);
    assert_int_equal(stat(helper_path, &after), 0);
    assert_memory_equal(&before.st_mtim, &after.st_mtim, sizeof(before.st_mtim));
    assert_int_equal(helper_open("wrong", false, &volume), COFFER_WRONG_SECRET);
    assert_int_equal(stat(helper_path, &after), 0);
    assert_memory_equal(&before.st_mtim, &after.st_mtim, sizeof(before.st_mtim));
}

static void test_unmarked(void **state)
{
    (void)state;
    struct coffer_create_options options = helper_small();
    struct coffer_volume *volume;
    struct coffer_info info = { .size = sizeof(info) };
    options.thin = false;
    options.unmarked = true;
    options.kdf_memory = options.kdf_passes = 0;
    options.kdf_level = 1;
    helper_create(&options);
    assert_int_equal(coffer_probe(helper_path, &info, NULL), COFFER_NOT_FOUND);
    assert_int_equal(helper_open("wrong", true, &volume), COFFER_WRONG_SECRET);
    assert_int_equal(helper_open("correct", true, &volume), COFFER_OK);
    assert_int_equal(coffer_volume_info(volume, &info, NULL), COFFER_OK);
    assert_false(info.marked);
    assert_true(info.filled);
    assert_int_equal(coffer_volume_close(volume, NULL), COFFER_OK);
}

static void test_bounds(void **state)
{
    (void)state;
    struct coffer_create_options options = helper_small();
    struct coffer_volume *volume;
    struct coffer_info info = { .size = sizeof(info) };
    uint8_t byte = 0;
    helper_create(&options);
    assert_int_equal(helper_open("correct", false, &volume), COFFER_OK);
    assert_int_equal(coffer_volume_info(volume, &info, NULL), COFFER_OK);
    assert_int_equal(info.data_size, HELPER_SIZE - (1 << 20) - (128 << 10));
    assert_int_equal(coffer_volume_pread(volume, &byte, 1, info.data_size, NULL), COFFER_INVALID);
    assert_int_equal(coffer_volume_pwrite(volume, &byte, 1, info.data_size, NULL), COFFER_INVALID);
    assert_int_equal(coffer_volume_pwrite(volume, &byte, 1, UINT64_MAX, NULL), COFFER_INVALID);
    assert_int_equal(coffer_volume_discard(volume, 1, UINT64_MAX, NULL), COFFER_INVALID);
    assert_int_equal(coffer_volume_pwrite(volume, &byte, 1, info.data_size - 1, NULL), COFFER_OK);
    assert_int_equal(coffer_volume_pread(volume, &byte, 0, info.data_size, NULL), COFFER_OK);
    assert_int_equal(coffer_volume_close(volume, NULL), COFFER_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_thin_4096, helper_enter, helper_leave),
        cmocka_unit_test_setup_teardown(test_thin_512, helper_enter, helper_leave),
        cmocka_unit_test_setup_teardown(test_thick_4096, helper_enter, helper_leave),
        cmocka_unit_test_setup_teardown(test_thick_512, helper_enter, helper_leave),
        cmocka_unit_test_setup_teardown(test_a_new_thin_volume_reads_zeros_and_takes_no_space, helper_enter,
                                        helper_leave),
        cmocka_unit_test_setup_teardown(test_stored_noise_reads_as_noise, helper_enter, helper_leave),
        cmocka_unit_test_setup_teardown(test_closed_without_publishing_leaves_nothing, helper_enter, helper_leave),
        cmocka_unit_test_setup_teardown(test_an_existing_file_is_replaced_only_when_asked_and_whole, helper_enter,
                                        helper_leave),
        cmocka_unit_test_setup_teardown(test_one_writer_or_many_readers, helper_enter, helper_leave),
        cmocka_unit_test_setup_teardown(test_opening_and_closing_a_good_volume_writes_nothing, helper_enter,
                                        helper_leave),
        cmocka_unit_test_setup_teardown(test_unmarked, helper_enter, helper_leave),
        cmocka_unit_test_setup_teardown(test_bounds, helper_enter, helper_leave),
    };
    return coffer_init(NULL) == COFFER_OK ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
}
