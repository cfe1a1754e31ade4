/* SPDX-License-Identifier: ISC */
/*
 * What must not be done to a header, though a secret opens it: UPD-7, UPD-8, KEYUPD-2.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <unistd.h>

#include "coffer.h"
#include "helper_volume.h"

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
    struct coffer_credential *raw = helper_raw_key(1), *second = helper_credential("second");
    struct coffer_volume *volume;
    unsigned slot;
    assert_int_equal(coffer_volume_create(helper_path, raw, &options, &volume, NULL), COFFER_OK);
    assert_int_equal(coffer_volume_publish(volume, NULL), COFFER_OK);
    assert_int_equal(coffer_volume_close(volume, NULL), COFFER_OK);
    helper_put(16, COST, sizeof(COST));
    struct coffer_header *header = open_header(raw);
    assert_int_equal(coffer_header_add_key(header, second, NULL, &slot, NULL), COFFER_OK);
    coffer_header_close(header);
    assert_int_equal(helper_try("second"), COFFER_OK);
    coffer_credential_free(raw);
    coffer_credential_free(second);
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
    helper_put(8, NEWER, 1);
    helper_put(HELPER_SIZE - (128 << 10) + 8, NEWER, 1);
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
        cmocka_unit_test_setup_teardown(test_check_of_a_newer_format, helper_enter, helper_leave),
    };
    return coffer_init(NULL) == COFFER_OK ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
}
