/* SPDX-License-Identifier: ISC */
/*
 * What a header backup brings back, and where it is refused: BACKUP-1, RESTORE-1 to RESTORE-4, RESTORE-8, RESTORE-9,
 * RESTORE-11, RESTORE-12.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "coffer.h"
#include "helper_volume.h"

#define BLOCK 4096u
#define END   (128u << 10)
#define TAIL  (HELPER_SIZE - END)

static char backup[128];

static int enter(void **state)
{
    int result = helper_enter(state);
    (void)snprintf(backup, sizeof(backup), "%s.backup", helper_path);
    return result;
}

static int leave(void **state)
{
    (void)unlink(backup);
    return helper_leave(state);
}

static void create(uint8_t secret, bool unmarked)
{
    const struct coffer_create_options options = unmarked ? helper_filled(true) : helper_small();
    helper_create_raw(secret, &options);
}

static enum coffer_status try_key(uint8_t secret)
{
    struct coffer_open_options options = COFFER_OPEN_OPTIONS_INIT;
    struct coffer_credential *key = helper_raw_key(secret);
    struct coffer_volume *volume;
    char text[8] = "";
    enum coffer_status status = coffer_volume_open(helper_path, key, &options, &volume, NULL);
    if (status == COFFER_OK) {
        assert_int_equal(coffer_volume_pread(volume, text, 8, 0, NULL), COFFER_OK);
        assert_string_equal(text, "content");
        status = coffer_volume_close(volume, NULL);
    }
    coffer_credential_free(key);
    return status;
}

static void back_up(uint8_t secret)
{
    struct coffer_open_options options = COFFER_OPEN_OPTIONS_INIT;
    struct coffer_credential *key = helper_raw_key(secret);
    (void)unlink(backup);
    assert_int_equal(coffer_header_backup(helper_path, backup, key, &options, NULL), COFFER_OK);
    coffer_credential_free(key);
}

static enum coffer_status restore(uint8_t secret)
{
    struct coffer_open_options options = COFFER_OPEN_OPTIONS_INIT;
    struct coffer_credential *key = helper_raw_key(secret);
    enum coffer_status status = coffer_header_restore(helper_path, backup, key, &options, NULL);
    coffer_credential_free(key);
    return status;
}

static void change_key(uint8_t from, uint8_t to)
{
    struct coffer_open_options options = COFFER_OPEN_OPTIONS_INIT;
    struct coffer_credential *old = helper_raw_key(from), *new = helper_raw_key(to);
    struct coffer_header *header;
    unsigned slot;
    assert_int_equal(coffer_header_open(helper_path, old, &options, &header, NULL), COFFER_OK);
    assert_int_equal(coffer_header_change_key(header, new, &slot, NULL), COFFER_OK);
    coffer_header_close(header);
    coffer_credential_free(old);
    coffer_credential_free(new);
}

static void ignore(void *user, enum coffer_finding finding, const char *text)
{
    (void)user;
    (void)finding;
    (void)text;
}

static bool is_damaged(uint8_t secret)
{
    struct coffer_open_options options = COFFER_OPEN_OPTIONS_INIT;
    struct coffer_credential *key = helper_raw_key(secret);
    struct coffer_check_result result;
    options.read_only = true;
    assert_int_equal(coffer_check(helper_path, key, &options, ignore, NULL, &result, NULL), COFFER_OK);
    coffer_credential_free(key);
    return result.damaged;
}

static void wipe(uint64_t offset)
{
    static const uint8_t zeros[BLOCK];
    helper_put(offset, zeros, BLOCK);
}

static void test_a_backup_is_made_once(void **state)
{
    (void)state;
    struct coffer_open_options options = COFFER_OPEN_OPTIONS_INIT;
    struct coffer_error error = COFFER_ERROR_INIT;
    create(1, false);
    assert_int_equal(coffer_header_backup(helper_path, backup, NULL, &options, NULL), COFFER_OK);
    assert_int_equal(coffer_header_backup(helper_path, backup, NULL, &options, &error), COFFER_FAILED);
    assert_int_equal(error.sys, EEXIST);
}

/* The secret changes, then both copies are lost: the backup brings back the old secret. */
static void brings_back(bool unmarked)
{
    create(1, unmarked);
    back_up(1);
    change_key(1, 2);
    assert_int_equal(restore(3), COFFER_WRONG_SECRET);
    assert_int_equal(restore(2), COFFER_WRONG_SECRET);
    assert_int_equal(try_key(2), COFFER_OK);
    wipe(0);
    wipe(TAIL);
    assert_int_equal(try_key(2), COFFER_WRONG_SECRET);
    assert_int_equal(restore(1), COFFER_OK);
    assert_int_equal(try_key(1), COFFER_OK);
    assert_int_equal(try_key(2), COFFER_WRONG_SECRET);
    assert_false(is_damaged(1));
}

static void test_both_copies_lost(void **state)
{
    (void)state;
    brings_back(false);
    brings_back(true);
}

static void test_into_a_store_of_another_size(void **state)
{
    (void)state;
    create(1, false);
    back_up(1);
    assert_int_equal(truncate(helper_path, 2 << 20), 0);
    assert_int_equal(restore(1), COFFER_DAMAGED);
    assert_int_equal(truncate(helper_path, 8 << 20), 0);
    wipe(0); /* nothing says any more how large it was: it is as large as the store */
    assert_int_equal(restore(1), COFFER_OK);
    wipe(0);
    assert_int_equal(try_key(1), COFFER_OK);
}

/* A tail in the store is none of the backup's, though the front in the backup names its place. */
static void test_a_backup_is_opened_alone(void **state)
{
    (void)state;
    static const uint8_t zeros[BLOCK];
    create(1, false);
    back_up(1);
    int fd = open(backup, O_WRONLY);
    assert_int_equal(pwrite(fd, zeros, BLOCK, 65536), BLOCK); /* its own tail is lost */
    assert_int_equal(close(fd), 0);
    change_key(1, 2);
    assert_int_equal(truncate(helper_path, 8 << 20), 0);
    assert_int_equal(restore(1), COFFER_OK);
    assert_int_equal(try_key(1), COFFER_OK);
}

/* A growth that was cut short is finished first: afterwards nothing would know of the old tail inside the data. */
static void test_a_growth_is_finished_first(void **state)
{
    (void)state;
    struct coffer_open_options options = COFFER_OPEN_OPTIONS_INIT;
    struct coffer_credential *key = helper_raw_key(1);
    struct coffer_volume *volume;
    static uint8_t front[BLOCK], tail[END], data[END], zeros[END];
    create(1, false);
    back_up(1);
    helper_get(0, front, sizeof(front));
    helper_get(TAIL, tail, sizeof(tail));
    assert_int_equal(coffer_volume_grow(helper_path, key, &options, HELPER_SIZE * 2, NULL), COFFER_OK);
    helper_put(0, front, sizeof(front));
    helper_put(TAIL, tail, sizeof(tail));
    assert_int_equal(restore(1), COFFER_OK);
    assert_int_equal(coffer_volume_open(helper_path, key, &options, &volume, NULL), COFFER_OK);
    assert_int_equal(coffer_volume_pread(volume, data, sizeof(data), TAIL - (1 << 20), NULL), COFFER_OK);
    assert_memory_equal(data, zeros, sizeof(data));
    assert_int_equal(coffer_volume_close(volume, NULL), COFFER_OK);
    assert_false(is_damaged(1));
    coffer_credential_free(key);
}

/* From before a growth that is complete: the secrets of then, the size of today (RESTORE-3). */
static void test_from_before_a_growth(void **state)
{
    (void)state;
    struct coffer_open_options options = COFFER_OPEN_OPTIONS_INIT;
    struct coffer_credential *key = helper_raw_key(1);
    struct coffer_info info = { .size = sizeof(info) };
    struct coffer_volume *volume;
    char text[4];
    create(1, false);
    back_up(1);
    assert_int_equal(coffer_volume_grow(helper_path, key, &options, HELPER_SIZE * 2, NULL), COFFER_OK);
    assert_int_equal(coffer_volume_open(helper_path, key, &options, &volume, NULL), COFFER_OK);
    assert_int_equal(coffer_volume_pwrite(volume, "end", 4, HELPER_SIZE, NULL), COFFER_OK);
    assert_int_equal(coffer_volume_close(volume, NULL), COFFER_OK);
    change_key(1, 2);
    assert_int_equal(restore(1), COFFER_OK);
    assert_int_equal(try_key(2), COFFER_WRONG_SECRET);
    assert_int_equal(try_key(1), COFFER_OK);
    assert_int_equal(coffer_volume_open(helper_path, key, &options, &volume, NULL), COFFER_OK);
    assert_int_equal(coffer_volume_info(volume, &info, NULL), COFFER_OK);
    assert_true(info.data_size > HELPER_SIZE + 4);
    assert_int_equal(coffer_volume_pread(volume, text, 4, HELPER_SIZE, NULL), COFFER_OK);
    assert_string_equal(text, "end");
    assert_int_equal(coffer_volume_close(volume, NULL), COFFER_OK);
    assert_false(is_damaged(1));
    coffer_credential_free(key);
}

static void expect_outer(const char *passphrase, uint64_t at_least)
{
    struct coffer_info info = { .size = sizeof(info) };
    struct coffer_volume *volume;
    char text[4];
    assert_int_equal(helper_open(passphrase, false, &volume), COFFER_OK);
    assert_int_equal(coffer_volume_info(volume, &info, NULL), COFFER_OK);
    assert_true(info.data_size >= at_least);
    assert_int_equal(coffer_volume_pread(volume, text, 4, at_least - 4, NULL), COFFER_OK);
    assert_string_equal(text, "end");
    assert_int_equal(coffer_volume_close(volume, NULL), COFFER_OK);
}

static enum coffer_status restore_with(const char *passphrase, bool unmarked)
{
    struct coffer_open_options options = COFFER_OPEN_OPTIONS_INIT;
    struct coffer_credential *secret = helper_credential(passphrase);
    options.kdf_level = unmarked ? 0 : -1;
    enum coffer_status status = coffer_header_restore(helper_path, backup, secret, &options, NULL);
    coffer_credential_free(secret);
    return status;
}

/* RESTORE-11: the outer volume has grown and changed its secret since; its header stays when the hidden one's comes
 * back. Where it is lost, too, its own secret restores it, at the size of today. */
static void restores_a_hidden_one(bool unmarked)
{
    struct coffer_create_options options = helper_filled(unmarked), inner = COFFER_CREATE_OPTIONS_INIT;
    struct coffer_open_options open = COFFER_OPEN_OPTIONS_INIT;
    struct coffer_credential *outer = helper_credential("correct"), *hidden = helper_credential("hidden");
    struct coffer_credential *changed = helper_credential("changed");
    const uint64_t grown = HELPER_SIZE * 2 - END;
    struct coffer_volume *volume;
    struct coffer_header *header;
    unsigned slot;
    helper_create(&options);
    open.kdf_level = inner.kdf_level = options.kdf_level;
    inner.container_size = 1 << 20;
    assert_int_equal(coffer_volume_create_hidden(helper_path, outer, hidden, &inner, &volume, NULL), COFFER_OK);
    assert_int_equal(coffer_volume_close(volume, NULL), COFFER_OK);
    assert_int_equal(coffer_header_backup(helper_path, backup, outer, &open, NULL), COFFER_OK);
    assert_int_equal(coffer_volume_grow(helper_path, outer, &open, HELPER_SIZE * 2, NULL), COFFER_OK);
    assert_int_equal(helper_open("correct", false, &volume), COFFER_OK);
    assert_int_equal(coffer_volume_pwrite(volume, "end", 4, grown - (1 << 20) - 4, NULL), COFFER_OK);
    assert_int_equal(coffer_volume_close(volume, NULL), COFFER_OK);
    assert_int_equal(coffer_header_open(helper_path, outer, &open, &header, NULL), COFFER_OK);
    assert_int_equal(coffer_header_change_key(header, changed, &slot, NULL), COFFER_OK);
    coffer_header_close(header);
    coffer_credential_free(outer);
    coffer_credential_free(hidden);
    coffer_credential_free(changed);

    wipe(0x1000);
    wipe(grown + 0x1000);
    assert_int_not_equal(helper_try("hidden"), COFFER_OK);
    assert_int_equal(restore_with("hidden", unmarked), COFFER_OK);
    assert_int_equal(helper_try("hidden"), COFFER_OK);
    assert_int_equal(helper_try("correct"), COFFER_WRONG_SECRET);
    expect_outer("changed", grown - (1 << 20));

    wipe(0);
    wipe(0x1000);
    wipe(grown);
    wipe(grown + 0x1000);
    assert_int_equal(restore_with("hidden", unmarked), COFFER_OK);
    assert_int_equal(helper_try("hidden"), COFFER_OK);
    assert_int_not_equal(helper_try("correct"), COFFER_OK);
    assert_int_equal(restore_with("correct", unmarked), COFFER_OK);
    expect_outer("correct", grown - (1 << 20));
    assert_int_equal(helper_try("hidden"), COFFER_OK);
}

static void test_a_hidden_header_alone(void **state)
{
    (void)state;
    restores_a_hidden_one(false);
}

static void test_a_hidden_header_alone_unmarked(void **state)
{
    (void)state;
    restores_a_hidden_one(true);
}

/* RESTORE-12: the outer secret puts back a header from before the hidden volume was made. Who does that need not know
 * of it, and it is there afterwards; also when one of the ends was lost. */
static void keeps_a_hidden_one(bool unmarked)
{
    struct coffer_create_options options = helper_filled(unmarked), inner = COFFER_CREATE_OPTIONS_INIT;
    struct coffer_open_options open = COFFER_OPEN_OPTIONS_INIT;
    struct coffer_credential *outer = helper_credential("correct"), *hidden = helper_credential("hidden");
    static const uint64_t LOST[] = { 0, TAIL };
    struct coffer_volume *volume;
    helper_create(&options);
    open.kdf_level = inner.kdf_level = options.kdf_level;
    inner.container_size = 1 << 20;
    assert_int_equal(coffer_header_backup(helper_path, backup, outer, &open, NULL), COFFER_OK);
    assert_int_equal(coffer_volume_create_hidden(helper_path, outer, hidden, &inner, &volume, NULL), COFFER_OK);
    assert_int_equal(coffer_volume_close(volume, NULL), COFFER_OK);
    coffer_credential_free(outer);
    coffer_credential_free(hidden);

    assert_int_equal(restore_with("correct", unmarked), COFFER_OK);
    assert_int_equal(helper_try("correct"), COFFER_OK);
    assert_int_equal(helper_try("hidden"), COFFER_OK);
    for (unsigned i = 0; i < 2; i++) {
        wipe(LOST[i]);
        wipe(LOST[i] + 0x1000);
        assert_int_equal(restore_with("correct", unmarked), COFFER_OK);
        assert_int_equal(helper_try("correct"), COFFER_OK);
        assert_int_equal(helper_open("hidden", false, &volume), COFFER_OK); /* which heals the other end */
        assert_int_equal(coffer_volume_close(volume, NULL), COFFER_OK);
    }
}

static void test_a_hidden_one_that_is_younger(void **state)
{
    (void)state;
    keeps_a_hidden_one(false);
}

static void test_a_hidden_one_that_is_younger_unmarked(void **state)
{
    (void)state;
    keeps_a_hidden_one(true);
}

/* Into a volume that was copied to a larger store: its tail is where its front says (RESTORE-3, LAYOUT-8). */
static void test_into_a_larger_store_whose_front_is_whole(void **state)
{
    (void)state;
    create(1, false);
    back_up(1);
    change_key(1, 2);
    assert_int_equal(truncate(helper_path, 8 << 20), 0);
    assert_int_equal(restore(1), COFFER_OK);
    assert_int_equal(truncate(helper_path, HELPER_SIZE), 0);
    assert_false(is_damaged(1));
    assert_int_equal(try_key(1), COFFER_OK);
}

/* The visible UUID tells, where there is one, and else the secret. */
static void refuses_another_volume(bool unmarked, bool same_secret)
{
    uint8_t now = same_secret ? 1 : 2;
    create(1, unmarked);
    back_up(1);
    create(now, unmarked);
    bool seen = !unmarked || same_secret;
    assert_int_equal(restore(1), seen ? COFFER_INVALID : COFFER_OK);
    if (seen) {
        assert_int_equal(try_key(now), COFFER_OK);
        assert_false(is_damaged(now));
    }
}

static void test_another_volume(void **state)
{
    (void)state;
    refuses_another_volume(false, true);
    refuses_another_volume(false, false);
    refuses_another_volume(true, true);
    refuses_another_volume(true, false); /* noise to whoever has only this secret */
}

/* One copy of a volume is left: it is that volume still. */
static void test_another_volume_with_one_copy(void **state)
{
    (void)state;
    static const uint64_t LOST[] = { 0, TAIL };
    for (unsigned i = 0; i < 4; i++) {
        create(1, i >= 2);
        back_up(1);
        create(1, i >= 2);
        wipe(LOST[i % 2]);
        assert_int_equal(restore(1), COFFER_INVALID);
        assert_int_equal(try_key(1), COFFER_OK);
    }
}

/* A backup that was made of a mixture is the backup of what it opens, not of the stranger in it. */
static void test_a_backup_of_a_mixture(void **state)
{
    (void)state;
    uint8_t tail[BLOCK], front[BLOCK], whole[BLOCK];
    create(2, false);
    helper_get(0, whole, BLOCK);
    helper_get(TAIL, tail, BLOCK);
    create(1, false);
    helper_get(0, front, BLOCK);
    helper_put(TAIL, tail, BLOCK);
    back_up(1);
    helper_put(0, whole, BLOCK); /* now it is the other one */
    assert_int_equal(restore(1), COFFER_INVALID);
    helper_put(0, front, BLOCK);
    assert_int_equal(restore(1), COFFER_OK);
    assert_false(is_damaged(1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_backup_is_made_once, enter, leave),
        cmocka_unit_test_setup_teardown(test_both_copies_lost, enter, leave),
        cmocka_unit_test_setup_teardown(test_into_a_store_of_another_size, enter, leave),
        cmocka_unit_test_setup_teardown(test_a_backup_is_opened_alone, enter, leave),
        cmocka_unit_test_setup_teardown(test_a_growth_is_finished_first, enter, leave),
        cmocka_unit_test_setup_teardown(test_from_before_a_growth, enter, leave),
        cmocka_unit_test_setup_teardown(test_a_hidden_header_alone, enter, leave),
        cmocka_unit_test_setup_teardown(test_a_hidden_header_alone_unmarked, enter, leave),
        cmocka_unit_test_setup_teardown(test_a_hidden_one_that_is_younger, enter, leave),
        cmocka_unit_test_setup_teardown(test_a_hidden_one_that_is_younger_unmarked, enter, leave),
        cmocka_unit_test_setup_teardown(test_into_a_larger_store_whose_front_is_whole, enter, leave),
        cmocka_unit_test_setup_teardown(test_another_volume, enter, leave),
        cmocka_unit_test_setup_teardown(test_another_volume_with_one_copy, enter, leave),
        cmocka_unit_test_setup_teardown(test_a_backup_of_a_mixture, enter, leave),
    };
    return coffer_init(NULL) == COFFER_OK ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
}
