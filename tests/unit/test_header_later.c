/* SPDX-License-Identifier: ISC */
/*
 * Headers that a later version has changed, or that cannot be changed once more: FLAG-2, VALID-9, UPD-1, UPD-8, GROW-1,
 * HIDDEN-1, RESTORE-4, RESTORE-10. Nothing of such a volume is written, in whatever way it is asked for. And a store that
 * grew while somebody waited for its header (OPEN-1), or that lost its end.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "coffer.h"
#include "helper_header.h"
#include "helper_volume.h"
#include "storage.h"

#define TAIL (HELPER_SIZE - (128u << 10))

static struct coffer_credential *key, *second;
static char backup[128];
static uint8_t before[HELPER_SIZE], after[HELPER_SIZE];

static int enter(void **state)
{
    int result = helper_enter(state);
    key = helper_raw_key(1);
    second = helper_raw_key(2);
    (void)snprintf(backup, sizeof(backup), "%s.backup", helper_path);
    return result;
}

static int leave(void **state)
{
    coffer_credential_free(key);
    coffer_credential_free(second);
    (void)unlink(backup);
    return helper_leave(state);
}

static void create(bool filled)
{
    struct coffer_create_options options = filled ? helper_filled(false) : helper_small();
    struct coffer_volume *volume;
    options.replace = true;
    assert_int_equal(coffer_volume_create(helper_path, key, &options, &volume, NULL), COFFER_OK);
    assert_int_equal(coffer_volume_publish(volume, NULL), COFFER_OK);
    assert_int_equal(coffer_volume_close(volume, NULL), COFFER_OK);
}

static void back_up(void)
{
    struct coffer_open_options options = COFFER_OPEN_OPTIONS_INIT;
    (void)unlink(backup);
    assert_int_equal(coffer_header_backup(helper_path, backup, key, &options, NULL), COFFER_OK);
}

static enum coffer_status restore(void)
{
    struct coffer_open_options options = COFFER_OPEN_OPTIONS_INIT;
    return coffer_header_restore(helper_path, backup, key, &options, NULL);
}

static void expect_untouched(void)
{
    helper_get(0, after, HELPER_SIZE);
    assert_memory_equal(before, after, HELPER_SIZE);
}

/* ---- the last sequence number ---- */

static void set_last_number(struct copies *copies, void *user)
{
    struct header_fields fields;
    (void)user;
    header_get_fields(&copies->body, &fields);
    fields.seq = HEADER_SEQ_END - 1;
    header_put_fields(&copies->body, &fields);
}

/* One more would be no number at all: neither copy would be accepted again. */
static void test_no_growth_after_the_last_sequence_number(void **state)
{
    (void)state;
    struct coffer_open_options options = COFFER_OPEN_OPTIONS_INIT;
    struct coffer_volume *volume;
    create(false);
    helper_edit_header(key, set_last_number, NULL);
    helper_get(0, before, HELPER_SIZE);
    assert_int_equal(coffer_volume_grow(helper_path, key, &options, 2 * HELPER_SIZE, NULL), COFFER_FAILED);
    expect_untouched();
    assert_int_equal(coffer_volume_open(helper_path, key, &options, &volume, NULL), COFFER_OK);
    assert_int_equal(coffer_volume_close(volume, NULL), COFFER_OK);
}

static void test_no_restore_after_the_last_sequence_number(void **state)
{
    (void)state;
    create(false);
    back_up();
    helper_edit_header(key, set_last_number, NULL);
    helper_get(0, before, HELPER_SIZE);
    assert_int_not_equal(restore(), COFFER_OK);
    expect_untouched();
}

/* ---- what a later version has put there ---- */

struct bits {
    uint32_t incompat, ro_compat;
};

static void set_bits(struct copies *copies, void *user)
{
    const struct bits *bits = user;
    struct header_fields fields;
    header_get_fields(&copies->body, &fields);
    fields.incompat |= bits->incompat;
    fields.ro_compat |= bits->ro_compat;
    header_put_fields(&copies->body, &fields);
}

static void test_no_hidden_volume_in_what_can_only_be_read(void **state)
{
    (void)state;
    struct bits bits = { .ro_compat = 1 };
    struct coffer_create_options options = COFFER_CREATE_OPTIONS_INIT;
    struct coffer_volume *volume;
    options.container_size = 1 << 20;
    create(true);
    helper_edit_header(key, set_bits, &bits);
    helper_get(0, before, HELPER_SIZE);
    assert_int_equal(coffer_volume_create_hidden(helper_path, key, second, &options, &volume, NULL),
                     COFFER_UNSUPPORTED);
    expect_untouched();
}

/* A backup from before the later version came would take away what says how the data is to be read. */
static void test_no_restore_over_what_is_not_known(void **state)
{
    (void)state;
    struct bits bits[] = { { .incompat = 1 }, { .incompat = 1u << 31 }, { .ro_compat = 1 } };
    for (size_t i = 0; i < sizeof(bits) / sizeof(bits[0]); i++) {
        create(false);
        back_up();
        helper_edit_header(key, set_bits, &bits[i]);
        helper_get(0, before, HELPER_SIZE);
        assert_int_equal(restore(), COFFER_UNSUPPORTED);
        helper_put(TAIL, before, 4096); /* one copy is enough to say so */
        helper_get(0, before, HELPER_SIZE);
        assert_int_equal(restore(), COFFER_UNSUPPORTED);
        expect_untouched();
    }
}

static void test_no_restore_of_what_can_only_be_read(void **state)
{
    (void)state;
    struct bits bits = { .ro_compat = 1u << 31 };
    create(false);
    helper_edit_header(key, set_bits, &bits);
    back_up();
    memset(before, 0, sizeof(before));
    helper_put(0, before, 4096); /* even where nothing is left */
    helper_put(TAIL, before, 4096);
    helper_get(0, before, HELPER_SIZE);
    assert_int_equal(restore(), COFFER_UNSUPPORTED);
    expect_untouched();
}

/* ---- a store that grows meanwhile ---- */

/* The tail is at the end of the store as it is once the header is held: at the end of before are the user's data. */
static void test_the_size_is_that_under_the_lock(void **state)
{
    (void)state;
    struct coffer_open_options options = COFFER_OPEN_OPTIONS_INIT;
    struct storage *waiting;
    create(false);
    assert_int_equal(storage_open(helper_path, -1, false, STORAGE_UNLOCKED, NULL, &waiting, NULL), COFFER_OK);
    assert_int_equal(coffer_volume_grow(helper_path, key, &options, 2 * HELPER_SIZE, NULL), COFFER_OK);
    assert_int_equal(waiting->ops->hold_header(waiting, true), 0);
    assert_int_equal(waiting->size, 2 * HELPER_SIZE);
    storage_close(waiting);
}

/* ---- a store that was cut short ---- */

struct heard {
    bool backup, size;
};

static void hear(void *user, enum coffer_finding finding, const char *text)
{
    struct heard *heard = user;
    if (finding == COFFER_FINDING_DAMAGE) {
        heard->backup |= strstr(text, "backup") != NULL;
        heard->size |= strstr(text, "as large as it was") != NULL;
    }
}

/* A header backup is refused there; what helps is said, and is true. */
static void test_check_of_what_was_cut_short(void **state)
{
    (void)state;
    struct coffer_open_options options = COFFER_OPEN_OPTIONS_INIT;
    struct coffer_check_result result;
    struct coffer_volume *volume;
    struct heard heard = { false, false };
    create(false);
    back_up();
    assert_int_equal(truncate(helper_path, HELPER_SIZE - 1000), 0);
    options.read_only = true;
    assert_int_equal(coffer_check(helper_path, key, &options, hear, &heard, &result, NULL), COFFER_OK);
    assert_true(result.damaged);
    assert_true(heard.size);
    assert_false(heard.backup);
    assert_int_equal(restore(), COFFER_DAMAGED);
    assert_int_equal(truncate(helper_path, HELPER_SIZE), 0);
    options.read_only = false;
    assert_int_equal(coffer_volume_open(helper_path, key, &options, &volume, NULL), COFFER_OK);
    assert_int_equal(coffer_volume_close(volume, NULL), COFFER_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_no_growth_after_the_last_sequence_number, enter, leave),
        cmocka_unit_test_setup_teardown(test_no_restore_after_the_last_sequence_number, enter, leave),
        cmocka_unit_test_setup_teardown(test_no_hidden_volume_in_what_can_only_be_read, enter, leave),
        cmocka_unit_test_setup_teardown(test_no_restore_over_what_is_not_known, enter, leave),
        cmocka_unit_test_setup_teardown(test_no_restore_of_what_can_only_be_read, enter, leave),
        cmocka_unit_test_setup_teardown(test_the_size_is_that_under_the_lock, enter, leave),
        cmocka_unit_test_setup_teardown(test_check_of_what_was_cut_short, enter, leave),
    };
    if (coffer_init(NULL) != COFFER_OK) {
        return 1;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
