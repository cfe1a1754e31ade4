/* SPDX-License-Identifier: ISC */
/*
 * What must not be done to a header, though a secret opens it: UPD-7, UPD-8, KEYUPD-2, RESTORE-8.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "coffer.h"
#include "helper_volume.h"

static void put(uint64_t offset, const void *data, size_t size)
{
    int fd = open(helper_path, O_WRONLY);
    assert_int_equal(pwrite(fd, data, size, (off_t)offset), size);
    close(fd);
}

static struct coffer_credential *raw_key(void)
{
    struct coffer_secret *secret = coffer_secret_new(COFFER_RAW_KEY_SIZE);
    struct coffer_credential *credential = coffer_credential_new();
    memset(coffer_secret_data(secret), 1, COFFER_RAW_KEY_SIZE);
    coffer_secret_set_size(secret, COFFER_RAW_KEY_SIZE);
    assert_int_equal(coffer_credential_set_raw_key(credential, secret, NULL), COFFER_OK);
    coffer_secret_free(secret);
    return credential;
}

static struct coffer_header *open_header(const struct coffer_credential *secret)
{
    struct coffer_open_options options = COFFER_OPEN_OPTIONS_INIT;
    struct coffer_header *header = NULL;
    assert_int_equal(coffer_header_open(helper_path, secret, &options, &header, NULL), COFFER_OK);
    return header;
}

/* A torn front would leave a tail that nobody finds. */
static void test_no_update_while_the_store_is_larger(void **state)
{
    (void)state;
    struct coffer_create_options options = helper_small();
    struct coffer_open_options open = COFFER_OPEN_OPTIONS_INIT;
    struct coffer_credential *correct = helper_credential("correct"), *second = helper_credential("second");
    unsigned slot;
    helper_create(&options);
    assert_int_equal(truncate(helper_path, 8 << 20), 0);
    struct coffer_header *header = open_header(correct);
    assert_int_equal(coffer_header_add_key(header, second, NULL, &slot, NULL), COFFER_INVALID);
    coffer_header_close(header);
    assert_int_equal(coffer_volume_grow(helper_path, correct, &open, 0, NULL), COFFER_OK);
    header = open_header(correct);
    assert_int_equal(coffer_header_add_key(header, second, NULL, &slot, NULL), COFFER_OK);
    coffer_header_close(header);
    coffer_credential_free(correct);
    coffer_credential_free(second);
}

static void test_no_change_of_a_key_that_was_removed(void **state)
{
    (void)state;
    struct coffer_create_options options = helper_small();
    struct coffer_credential *correct = helper_credential("correct"), *second = helper_credential("second");
    unsigned slot;
    helper_create(&options);
    struct coffer_header *header = open_header(correct);
    assert_int_equal(coffer_header_remove_key(header, 0, true, NULL), COFFER_OK);
    assert_int_equal(coffer_header_change_key(header, second, &slot, NULL), COFFER_INVALID);
    coffer_header_close(header);
    coffer_credential_free(correct);
    coffer_credential_free(second);
}

/* A raw key opens the damaged copy first, whatever cost it names: a new passphrase must get the real one. */
static void test_a_new_secret_gets_the_cost_that_is_sealed(void **state)
{
    (void)state;
    static const uint8_t COST[] = { 1, 32 }; /* 8193 KiB */
    struct coffer_create_options options = helper_small();
    struct coffer_credential *raw = raw_key(), *second = helper_credential("second");
    struct coffer_volume *volume;
    unsigned slot;
    assert_int_equal(coffer_volume_create(helper_path, raw, &options, &volume, NULL), COFFER_OK);
    assert_int_equal(coffer_volume_publish(volume, NULL), COFFER_OK);
    assert_int_equal(coffer_volume_close(volume, NULL), COFFER_OK);
    put(16, COST, sizeof(COST));
    struct coffer_header *header = open_header(raw);
    assert_int_equal(coffer_header_add_key(header, second, NULL, &slot, NULL), COFFER_OK);
    coffer_header_close(header);
    assert_int_equal(helper_try("second"), COFFER_OK);
    coffer_credential_free(raw);
    coffer_credential_free(second);
}

static void test_no_backup_of_another_volume(void **state)
{
    (void)state;
    struct coffer_create_options options = helper_small();
    struct coffer_open_options open = COFFER_OPEN_OPTIONS_INIT;
    struct coffer_credential *correct = helper_credential("correct");
    char backup[128];
    (void)snprintf(backup, sizeof(backup), "%s.backup", helper_path);
    helper_create(&options);
    assert_int_equal(coffer_header_backup(helper_path, backup, correct, &open, NULL), COFFER_OK);
    options.replace = true;
    helper_create(&options);
    assert_int_equal(coffer_header_restore(helper_path, backup, correct, &open, NULL), COFFER_INVALID);
    assert_int_equal(helper_try("correct"), COFFER_OK);
    assert_int_equal(unlink(backup), 0);
    coffer_credential_free(correct);
}

static void ignore(void *user, enum coffer_finding finding, const char *text)
{
    (void)user;
    (void)finding;
    (void)text;
}

/* Not "damaged, a header backup would bring it back": that would destroy it. */
static void test_check_of_a_newer_format(void **state)
{
    (void)state;
    static const uint8_t NEWER[] = { 2 };
    struct coffer_create_options options = helper_small();
    struct coffer_open_options open = COFFER_OPEN_OPTIONS_INIT;
    struct coffer_check_result result;
    helper_create(&options);
    put(8, NEWER, 1);
    put(HELPER_SIZE - (128 << 10) + 8, NEWER, 1);
    open.read_only = true;
    assert_int_equal(coffer_check(helper_path, NULL, &open, ignore, NULL, &result, NULL), COFFER_UNSUPPORTED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_no_update_while_the_store_is_larger, helper_enter, helper_leave),
        cmocka_unit_test_setup_teardown(test_no_change_of_a_key_that_was_removed, helper_enter, helper_leave),
        cmocka_unit_test_setup_teardown(test_a_new_secret_gets_the_cost_that_is_sealed, helper_enter,
                                        helper_leave),
        cmocka_unit_test_setup_teardown(test_no_backup_of_another_volume, helper_enter, helper_leave),
        cmocka_unit_test_setup_teardown(test_check_of_a_newer_format, helper_enter, helper_leave),
    };
    return coffer_init(NULL) == COFFER_OK ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
}
