/* SPDX-License-Identifier: ISC */
/* Key slots, recovery codes and hidden volumes through the public interface. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "coffer.h"
#include "helper_volume.h"

static struct coffer_header *open_header(const char *passphrase, int level)
{
    struct coffer_open_options options = COFFER_OPEN_OPTIONS_INIT;
    struct coffer_credential *secret = helper_credential(passphrase);
    struct coffer_header *header = NULL;
    struct coffer_error error = COFFER_ERROR_INIT;
    options.kdf_level = level;
    if (coffer_header_open(helper_path, secret, &options, &header, &error) != COFFER_OK) {
        fail_msg("%s", error.text);
    }
    coffer_credential_free(secret);
    return header;
}

static enum coffer_status add(struct coffer_header *header, const char *passphrase, const char *name,
                              unsigned *slot)
{
    struct coffer_credential *secret = helper_credential(passphrase);
    enum coffer_status status = coffer_header_add_key(header, secret, name, slot, NULL);
    coffer_credential_free(secret);
    return status;
}

static enum coffer_status change(struct coffer_header *header, const char *passphrase, unsigned *slot)
{
    struct coffer_credential *secret = helper_credential(passphrase);
    enum coffer_status status = coffer_header_change_key(header, secret, slot, NULL);
    coffer_credential_free(secret);
    return status;
}

static void test_add_and_remove(void **state)
{
    (void)state;
    struct coffer_create_options options = helper_small();
    struct coffer_key keys[COFFER_SLOTS];
    unsigned slot = 99;
    helper_create(&options);
    struct coffer_header *header = open_header("correct", -1);
    assert_int_equal(add(header, "second", "the second", &slot), COFFER_OK);
    assert_int_equal(slot, 1);
    assert_int_equal(add(header, "second", NULL, &slot), COFFER_INVALID);
    assert_int_equal(add(header, "correct", NULL, &slot), COFFER_INVALID);
    coffer_header_keys(header, keys);
    assert_string_equal(keys[1].name, "the second");
    assert_int_equal(keys[1].kind, COFFER_KEY_PASSPHRASE);
    assert_true(keys[0].opened_it);
    coffer_header_close(header);
    assert_int_equal(helper_try("correct"), COFFER_OK);
    assert_int_equal(helper_try("second"), COFFER_OK);

    header = open_header("second", -1);
    assert_int_equal(coffer_header_remove_key(header, 0, false, NULL), COFFER_OK);
    assert_int_equal(coffer_header_remove_key(header, 0, false, NULL), COFFER_INVALID);
    assert_int_equal(coffer_header_remove_key(header, 15, false, NULL), COFFER_INVALID);
    assert_int_equal(coffer_header_remove_key(header, 1, false, NULL), COFFER_INVALID);
    coffer_header_close(header);
    assert_int_equal(helper_try("correct"), COFFER_WRONG_SECRET);
    assert_int_equal(helper_try("second"), COFFER_OK);

    header = open_header("second", -1);
    assert_int_equal(coffer_header_remove_key(header, 1, true, NULL), COFFER_OK);
    coffer_header_close(header);
    assert_int_equal(helper_try("second"), COFFER_WRONG_SECRET);
}

/* CREATE-2: two secrets from the start, one header. */
static void test_second_secret_at_creation(void **state)
{
    (void)state;
    struct coffer_create_options options = helper_small();
    struct coffer_credential *second = helper_credential("second"), *empty = coffer_credential_new();
    struct coffer_credential *first = helper_credential("correct");
    struct coffer_key keys[COFFER_SLOTS];
    struct coffer_volume *volume = NULL;
    options.second_secret = second;
    options.slot_name = "the first";
    helper_create(&options);
    assert_int_equal(helper_try("correct"), COFFER_OK);
    assert_int_equal(helper_try("second"), COFFER_OK);
    struct coffer_header *header = open_header("second", -1);
    coffer_header_keys(header, keys);
    coffer_header_close(header);
    assert_int_equal(keys[0].kind, COFFER_KEY_PASSPHRASE);
    assert_string_equal(keys[0].name, "the first");
    assert_int_equal(keys[1].kind, COFFER_KEY_PASSPHRASE);
    assert_true(keys[1].opened_it);
    assert_string_equal(keys[1].name, "");
    assert_int_equal(keys[2].kind, COFFER_KEY_EMPTY);

    options.replace = true;
    options.second_secret = first;
    assert_int_equal(coffer_volume_create(helper_path, first, &options, &volume, NULL), COFFER_INVALID);
    options.second_secret = empty;
    assert_int_equal(coffer_volume_create(helper_path, first, &options, &volume, NULL), COFFER_INVALID);
    assert_int_equal(helper_try("second"), COFFER_OK);
    coffer_credential_free(first);
    coffer_credential_free(second);
    coffer_credential_free(empty);
}

static void test_change_while_it_is_mounted(void **state)
{
    (void)state;
    struct coffer_create_options options = helper_small();
    struct coffer_volume *volume;
    unsigned slot;
    helper_create(&options);
    assert_int_equal(helper_open("correct", false, &volume), COFFER_OK);
    struct coffer_header *header = open_header("correct", -1);
    assert_int_equal(change(header, "changed", &slot), COFFER_OK);
    assert_int_equal(change(header, "changed again", &slot), COFFER_OK);
    coffer_header_close(header);
    assert_int_equal(coffer_volume_pwrite(volume, "x", 1, 0, NULL), COFFER_OK);
    assert_int_equal(coffer_volume_close(volume, NULL), COFFER_OK);
    assert_int_equal(helper_try("correct"), COFFER_WRONG_SECRET);
    assert_int_equal(helper_try("changed"), COFFER_WRONG_SECRET);
    assert_int_equal(helper_try("changed again"), COFFER_OK);
}

static void test_fifteen_slots_and_change_in_place(void **state)
{
    (void)state;
    struct coffer_create_options options = helper_small();
    unsigned slot;
    char passphrase[16];
    helper_create(&options);
    struct coffer_header *header = open_header("correct", -1);
    for (unsigned i = 1; i < COFFER_SLOTS; i++) {
        (void)snprintf(passphrase, sizeof(passphrase), "number %u", i);
        assert_int_equal(add(header, passphrase, NULL, &slot), COFFER_OK);
        assert_int_equal(slot, i);
    }
    assert_int_equal(add(header, "one too many", NULL, &slot), COFFER_INVALID);
    assert_int_equal(change(header, "in place", &slot), COFFER_OK);
    assert_int_equal(slot, 0);
    coffer_header_close(header);
    assert_int_equal(helper_try("correct"), COFFER_WRONG_SECRET);
    assert_int_equal(helper_try("in place"), COFFER_OK);
    assert_int_equal(helper_try("number 14"), COFFER_OK);
}

static void test_recovery_code(void **state)
{
    (void)state;
    struct coffer_create_options options = helper_small();
    struct coffer_credential *recovery = coffer_credential_new();
    struct coffer_secret *text = coffer_secret_new(COFFER_RECOVERY_TEXT_SIZE);
    struct coffer_key keys[COFFER_SLOTS];
    unsigned slot;
    char typed[100];
    helper_create(&options);
    assert_int_equal(coffer_credential_make_recovery(recovery, text, NULL), COFFER_OK);
    assert_int_equal(coffer_secret_size(text), 65);
    assert_true(coffer_credential_is_recovery_code(recovery, text));
    struct coffer_header *header = open_header("correct", -1);
    assert_int_equal(coffer_header_add_key(header, recovery, NULL, &slot, NULL), COFFER_OK);
    coffer_header_keys(header, keys);
    assert_int_equal(keys[slot].kind, COFFER_KEY_RECOVERY);
    coffer_header_close(header);

    (void)snprintf(typed, sizeof(typed), "%s", (const char *)coffer_secret_data(text));
    assert_int_equal(helper_try(typed), COFFER_OK);
    for (char *c = typed; *c != '\0'; c++) { /* as people type it */
        *c = *c == '-' ? ' ' : *c == '0' ? 'o' : *c == '1' ? 'l' : (char)(*c >= 'A' && *c <= 'Z' ? *c + 32 : *c);
    }
    assert_int_equal(helper_try(typed), COFFER_OK);
    typed[7] = typed[7] == 'z' ? 'y' : 'z';
    assert_int_equal(helper_try(typed), COFFER_WRONG_SECRET);
    coffer_credential_free(recovery);
    coffer_secret_free(text);
}

static void make_hidden(int level)
{
    struct coffer_create_options options = COFFER_CREATE_OPTIONS_INIT;
    struct coffer_credential *outer = helper_credential("correct"), *hidden = helper_credential("hidden");
    struct coffer_volume *volume;
    struct coffer_error error = COFFER_ERROR_INIT;
    options.container_size = 1 << 20;
    options.kdf_level = level;
    assert_int_equal(coffer_volume_create_hidden(helper_path, outer, outer, &options, &volume, NULL),
                     COFFER_INVALID);
    if (coffer_volume_create_hidden(helper_path, outer, hidden, &options, &volume, &error) != COFFER_OK) {
        fail_msg("%s", error.text);
    }
    assert_int_equal(coffer_volume_pwrite(volume, "inside", 6, 4096, NULL), COFFER_OK);
    assert_int_equal(coffer_volume_close(volume, NULL), COFFER_OK);
    coffer_credential_free(outer);
    coffer_credential_free(hidden);
}

static void hidden_lives_inside(bool unmarked)
{
    struct coffer_create_options options = helper_filled(unmarked);
    struct coffer_volume *volume;
    struct coffer_info info = { .size = sizeof(info) };
    char text[7] = "";
    unsigned slot;
    helper_create(&options);
    make_hidden(unmarked ? 0 : -1);
    assert_int_equal(helper_open("hidden", true, &volume), COFFER_OK);
    assert_int_equal(coffer_volume_info(volume, &info, NULL), COFFER_OK);
    assert_true(info.hidden);
    assert_int_equal(info.data_size, 1 << 20);
    assert_int_equal(info.data_offset + info.data_size, HELPER_SIZE - (128 << 10));
    assert_int_equal(coffer_volume_pread(volume, text, 6, 4096, NULL), COFFER_OK);
    assert_string_equal(text, "inside");
    assert_int_equal(coffer_volume_close(volume, NULL), COFFER_OK);

    /* Whoever knows only the outer secret changes it: the hidden volume is still there. */
    struct coffer_header *header = open_header("correct", unmarked ? 0 : -1);
    assert_int_equal(change(header, "another", &slot), COFFER_OK);
    assert_int_equal(add(header, "hidden", NULL, &slot), COFFER_INVALID);
    coffer_header_close(header);
    assert_int_equal(helper_try("hidden"), COFFER_OK);
    assert_int_equal(helper_try("another"), COFFER_OK);
    assert_int_equal(helper_try("correct"), COFFER_WRONG_SECRET);
    header = open_header("hidden", unmarked ? 0 : -1);
    assert_int_equal(add(header, "hidden too", NULL, &slot), COFFER_OK);
    coffer_header_close(header);
    assert_int_equal(helper_try("hidden too"), COFFER_OK);
}

static void test_hidden_in_a_marked_volume(void **state)
{
    (void)state;
    hidden_lives_inside(false);
}

static void test_hidden_in_an_unmarked_volume(void **state)
{
    (void)state;
    hidden_lives_inside(true);
}

/* KEYUPD-2: a raw key opens a hidden volume at any cost, and what the preambles show is not authenticated by it. A new
 * passphrase gets the cost that is sealed, and opens when the outer header has been healed. */
static void test_hidden_secrets_cost_what_is_sealed(void **state)
{
    (void)state;
    struct coffer_create_options options = helper_filled(false), inner = COFFER_CREATE_OPTIONS_INIT;
    struct coffer_open_options open = COFFER_OPEN_OPTIONS_INIT;
    struct coffer_credential *outer = helper_credential("correct"), *raw = helper_raw_key(4);
    struct coffer_credential *soft = helper_credential("soft");
    static const uint64_t PLACE[] = { 17, HELPER_SIZE - (128u << 10) + 17 }; /* of m, in units of 256 KiB */
    const uint8_t planted = 64;
    struct coffer_volume *volume;
    struct coffer_header *header;
    uint8_t right;
    unsigned slot;
    helper_create(&options);
    inner.container_size = 1 << 20;
    assert_int_equal(coffer_volume_create_hidden(helper_path, outer, raw, &inner, &volume, NULL), COFFER_OK);
    assert_int_equal(coffer_volume_close(volume, NULL), COFFER_OK);
    helper_get(PLACE[0], &right, 1);
    for (unsigned i = 0; i < 2; i++) {
        helper_put(PLACE[i], &planted, 1);
    }
    assert_int_equal(coffer_header_open(helper_path, raw, &open, &header, NULL), COFFER_OK);
    assert_int_equal(coffer_header_add_key(header, soft, NULL, &slot, NULL), COFFER_OK);
    coffer_header_close(header);
    assert_int_equal(helper_try("soft"), COFFER_WRONG_SECRET);
    for (unsigned i = 0; i < 2; i++) {
        helper_put(PLACE[i], &right, 1);
    }
    assert_int_equal(helper_try("soft"), COFFER_OK);
    coffer_credential_free(outer);
    coffer_credential_free(raw);
    coffer_credential_free(soft);
}

static void test_hidden_needs_a_filled_volume(void **state)
{
    (void)state;
    struct coffer_create_options options = helper_small();
    struct coffer_credential *outer = helper_credential("correct"), *hidden = helper_credential("hidden");
    struct coffer_volume *volume;
    helper_create(&options);
    options.container_size = 1 << 20;
    assert_int_equal(coffer_volume_create_hidden(helper_path, outer, hidden, &options, &volume, NULL),
                     COFFER_INVALID);
    options = helper_filled(false);
    options.replace = true;
    helper_create(&options);
    options.container_size = 1 << 20;
    options.slot_name = "a name that is longer than the forty bytes";
    assert_int_equal(coffer_volume_create_hidden(helper_path, outer, hidden, &options, &volume, NULL),
                     COFFER_INVALID);
    options.slot_name = NULL;
    options.sector_size = 1024;
    assert_int_equal(coffer_volume_create_hidden(helper_path, outer, hidden, &options, &volume, NULL),
                     COFFER_INVALID);
    coffer_credential_free(outer);
    coffer_credential_free(hidden);
}

static void count_notice(void *user, const char *text)
{
    assert_non_null(strstr(text, "hidden volume was refused"));
    (*(unsigned *)user)++;
}

/* HIDDEN-6 */
static void test_protection_keeps_the_outer_volume_out(void **state)
{
    (void)state;
    struct coffer_create_options options = helper_filled(false);
    struct coffer_open_options open = COFFER_OPEN_OPTIONS_INIT;
    struct coffer_credential *outer = helper_credential("correct"), *hidden = helper_credential("hidden");
    struct coffer_info info = { .size = sizeof(info) };
    struct coffer_error error = COFFER_ERROR_INIT;
    struct coffer_volume *volume;
    static uint8_t data[65536], before[4096], after[4096];
    unsigned notices = 0;
    helper_create(&options);
    make_hidden(-1);
    open.callbacks.notice = count_notice;
    open.callbacks.user = &notices;
    open.protect_hidden = outer;
    assert_int_equal(coffer_volume_open(helper_path, outer, &open, &volume, NULL), COFFER_WRONG_SECRET);
    open.protect_hidden = hidden;
    assert_int_equal(coffer_volume_open(helper_path, hidden, &open, &volume, NULL), COFFER_INVALID);
    assert_int_equal(coffer_volume_open(helper_path, outer, &open, &volume, NULL), COFFER_OK);
    assert_int_equal(coffer_volume_info(volume, &info, NULL), COFFER_OK);
    uint64_t wall = info.data_size - (1 << 20);
    assert_int_equal(coffer_volume_pread(volume, before, sizeof(before), wall, NULL), COFFER_OK);
    assert_int_equal(coffer_volume_pwrite(volume, data, 1, wall - 1, NULL), COFFER_OK);
    assert_int_equal(coffer_volume_pwrite(volume, data, sizeof(data), wall - sizeof(data), NULL), COFFER_OK);
    assert_int_equal(coffer_volume_pwrite(volume, data, 1, wall, &error), COFFER_NOT_PERMITTED);
    assert_int_equal(error.sys, EPERM);
    assert_int_equal(coffer_volume_pwrite(volume, data, sizeof(data), wall - 4096, NULL), COFFER_NOT_PERMITTED);
    assert_int_equal(coffer_volume_pwrite(volume, data, 1, info.data_size - 1, NULL), COFFER_NOT_PERMITTED);
    assert_int_equal(coffer_volume_pread(volume, after, sizeof(after), wall, NULL), COFFER_OK);
    assert_memory_equal(before, after, sizeof(after));
    assert_int_equal(coffer_volume_info(volume, &info, NULL), COFFER_OK);
    assert_int_equal(info.refused_writes, 3);
    assert_int_equal(notices, 1);
    assert_int_equal(coffer_volume_close(volume, NULL), COFFER_OK);
    assert_int_equal(helper_open("hidden", true, &volume), COFFER_OK);
    char text[7] = "";
    assert_int_equal(coffer_volume_pread(volume, text, 6, 4096, NULL), COFFER_OK);
    assert_string_equal(text, "inside");
    assert_int_equal(coffer_volume_close(volume, NULL), COFFER_OK);
    coffer_credential_free(outer);
    coffer_credential_free(hidden);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_add_and_remove, helper_enter, helper_leave),
        cmocka_unit_test_setup_teardown(test_second_secret_at_creation, helper_enter, helper_leave),
        cmocka_unit_test_setup_teardown(test_change_while_it_is_mounted, helper_enter, helper_leave),
        cmocka_unit_test_setup_teardown(test_fifteen_slots_and_change_in_place, helper_enter, helper_leave),
        cmocka_unit_test_setup_teardown(test_recovery_code, helper_enter, helper_leave),
        cmocka_unit_test_setup_teardown(test_hidden_in_a_marked_volume, helper_enter, helper_leave),
        cmocka_unit_test_setup_teardown(test_hidden_in_an_unmarked_volume, helper_enter, helper_leave),
        cmocka_unit_test_setup_teardown(test_hidden_secrets_cost_what_is_sealed, helper_enter, helper_leave),
        cmocka_unit_test_setup_teardown(test_hidden_needs_a_filled_volume, helper_enter, helper_leave),
        cmocka_unit_test_setup_teardown(test_protection_keeps_the_outer_volume_out, helper_enter, helper_leave),
    };
    return coffer_init(NULL) == COFFER_OK ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
}
