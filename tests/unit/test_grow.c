/* SPDX-License-Identifier: ISC */
/* Growing: by how much, what stays, what lives inside. Torn growths are simulated elsewhere. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "coffer.h"
#include "helper_volume.h"

static enum coffer_status grow(const char *passphrase, uint64_t size)
{
    struct coffer_open_options options = COFFER_OPEN_OPTIONS_INIT;
    struct coffer_credential *secret = helper_credential(passphrase);
    enum coffer_status status = coffer_volume_grow(helper_path, secret, &options, size, NULL);
    coffer_credential_free(secret);
    return status;
}

static void put(const char *text, uint64_t offset)
{
    struct coffer_volume *volume;
    assert_int_equal(helper_open("correct", false, &volume), COFFER_OK);
    assert_int_equal(coffer_volume_pwrite(volume, text, strlen(text) + 1, offset, NULL), COFFER_OK);
    assert_int_equal(coffer_volume_close(volume, NULL), COFFER_OK);
}

static void expect(const char *text, uint64_t offset)
{
    struct coffer_volume *volume;
    char found[64];
    assert_int_equal(helper_open("correct", true, &volume), COFFER_OK);
    assert_int_equal(coffer_volume_pread(volume, found, strlen(text) + 1, offset, NULL), COFFER_OK);
    assert_string_equal(found, text);
    assert_int_equal(coffer_volume_close(volume, NULL), COFFER_OK);
}

static uint64_t data_size(void)
{
    struct coffer_volume *volume;
    struct coffer_info info = { .size = sizeof(info) };
    assert_int_equal(helper_open("correct", true, &volume), COFFER_OK);
    assert_int_equal(coffer_volume_info(volume, &info, NULL), COFFER_OK);
    assert_int_equal(coffer_volume_close(volume, NULL), COFFER_OK);
    return info.data_size;
}

static void test_by_how_much(void **state)
{
    (void)state;
    static const uint64_t refused[] = { 0, 4096, 124 << 10, (128 << 10) - 4096, (128 << 10) + 512 };
    struct coffer_create_options options = helper_small();
    struct stat status;
    helper_create(&options);
    uint64_t before = data_size();
    put("at the end", before - 20);
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        assert_int_equal(grow("correct", HELPER_SIZE + refused[i]), COFFER_INVALID);
    }
    assert_int_equal(grow("correct", HELPER_SIZE - (1 << 20)), COFFER_INVALID);
    assert_int_equal(grow("wrong", HELPER_SIZE + (1 << 20)), COFFER_WRONG_SECRET);
    assert_int_equal(stat(helper_path, &status), 0);
    assert_int_equal(status.st_size, HELPER_SIZE);
    assert_int_equal(grow("correct", HELPER_SIZE + (128 << 10)), COFFER_OK);
    assert_int_equal(data_size(), before + (128 << 10));
    assert_int_equal(grow("correct", 1ull << 40), COFFER_OK);
    expect("at the end", before - 20);
    put("far away", data_size() - 20);
    expect("far away", data_size() - 20);
    assert_int_equal(stat(helper_path, &status), 0);
    assert_int_equal(status.st_size, 1ll << 40);
    assert_true(status.st_blocks * 512ll < 4ll << 20);
}

static void test_what_was_the_tail_reads_as_zeros(void **state)
{
    (void)state;
    struct coffer_create_options options = helper_small();
    struct coffer_volume *volume;
    static uint8_t data[128 << 10];
    helper_create(&options);
    uint64_t before = data_size();
    assert_int_equal(grow("correct", HELPER_SIZE * 2), COFFER_OK);
    assert_int_equal(helper_open("correct", true, &volume), COFFER_OK);
    memset(data, 1, sizeof(data));
    assert_int_equal(coffer_volume_pread(volume, data, sizeof(data), before, NULL), COFFER_OK);
    for (size_t i = 0; i < sizeof(data); i++) {
        assert_int_equal(data[i], 0);
    }
    assert_int_equal(coffer_volume_close(volume, NULL), COFFER_OK);
}

/* To the size that the file already has, and with both copies as good as before. */
static void test_into_a_larger_store(void **state)
{
    (void)state;
    struct coffer_create_options options = helper_small();
    helper_create(&options);
    put("kept", 4096);
    assert_int_equal(truncate(helper_path, 16 << 20), 0);
    assert_int_equal(grow("correct", HELPER_SIZE * 2), COFFER_INVALID); /* it would not reach the end */
    assert_int_equal(grow("correct", 0), COFFER_OK);
    assert_int_equal(data_size(), (16 << 20) - (1 << 20) - (128 << 10));
    expect("kept", 4096);
    assert_int_equal(grow("correct", 0), COFFER_INVALID);
}

static void grows_around_a_hidden_volume(bool unmarked)
{
    struct coffer_create_options options = helper_filled(unmarked), inner = COFFER_CREATE_OPTIONS_INIT;
    struct coffer_credential *outer = helper_credential("correct"), *hidden = helper_credential("hidden");
    struct coffer_open_options open = COFFER_OPEN_OPTIONS_INIT;
    struct coffer_volume *volume;
    char text[7] = "";
    helper_create(&options);
    inner.container_size = 1 << 20;
    inner.kdf_level = open.kdf_level = unmarked ? 0 : -1;
    assert_int_equal(coffer_volume_create_hidden(helper_path, outer, hidden, &inner, &volume, NULL), COFFER_OK);
    assert_int_equal(coffer_volume_pwrite(volume, "inside", 6, 0, NULL), COFFER_OK);
    assert_int_equal(coffer_volume_close(volume, NULL), COFFER_OK);
    assert_int_equal(coffer_volume_grow(helper_path, hidden, &open, HELPER_SIZE * 2, NULL), COFFER_INVALID);
    assert_int_equal(coffer_volume_grow(helper_path, outer, &open, HELPER_SIZE * 2, NULL), COFFER_OK);
    assert_int_equal(helper_open("hidden", false, &volume), COFFER_OK);
    assert_int_equal(coffer_volume_pread(volume, text, 6, 0, NULL), COFFER_OK);
    assert_string_equal(text, "inside");
    assert_int_equal(coffer_volume_close(volume, NULL), COFFER_OK);
    assert_int_equal(helper_try("correct"), COFFER_OK);
    coffer_credential_free(outer);
    coffer_credential_free(hidden);
}

static void test_around_a_hidden_volume(void **state)
{
    (void)state;
    grows_around_a_hidden_volume(false);
}

static void test_around_a_hidden_volume_unmarked(void **state)
{
    (void)state;
    grows_around_a_hidden_volume(true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_by_how_much, helper_enter, helper_leave),
        cmocka_unit_test_setup_teardown(test_what_was_the_tail_reads_as_zeros, helper_enter, helper_leave),
        cmocka_unit_test_setup_teardown(test_into_a_larger_store, helper_enter, helper_leave),
        cmocka_unit_test_setup_teardown(test_around_a_hidden_volume, helper_enter, helper_leave),
        cmocka_unit_test_setup_teardown(test_around_a_hidden_volume_unmarked, helper_enter, helper_leave),
    };
    return coffer_init(NULL) == COFFER_OK ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
}
