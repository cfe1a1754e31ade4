/* SPDX-License-Identifier: ISC */
/* Damaged and truncated headers, with a raw key so that thousands of openings cost nothing. */
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
#include <unistd.h>

#include "coffer.h"
#include "helper_volume.h"

#define BLOCK 4096
#define TAIL  (HELPER_SIZE - (128 << 10))

static void create_with_raw_key(uint8_t fill)
{
    const struct coffer_create_options options = helper_small();
    helper_create_raw(fill, &options);
}

static enum coffer_status try_key(uint8_t fill, bool read_only)
{
    struct coffer_open_options options = COFFER_OPEN_OPTIONS_INIT;
    struct coffer_credential *key = helper_raw_key(fill);
    struct coffer_volume *volume;
    char text[8] = "";
    options.read_only = read_only;
    enum coffer_status status = coffer_volume_open(helper_path, key, &options, &volume, NULL);
    if (status == COFFER_OK) {
        assert_int_equal(coffer_volume_pread(volume, text, 8, 0, NULL), COFFER_OK);
        assert_string_equal(text, "content");
        status = coffer_volume_close(volume, NULL);
    }
    coffer_credential_free(key);
    return status;
}

/* Any one bit of either copy: it opens, and opening for writing leaves two copies that open alone. */
static void test_every_bit_of_one_copy(void **state)
{
    (void)state;
    static const uint64_t place[] = { 0, TAIL };
    create_with_raw_key(1);
    for (unsigned copy = 0; copy < 2; copy++) {
        uint8_t good[BLOCK], bad[BLOCK];
        helper_get(place[copy], good, BLOCK);
        for (unsigned bit = 0; bit < BLOCK * 8; bit++) {
            memcpy(bad, good, BLOCK);
            bad[bit / 8] ^= (uint8_t)(1u << bit % 8);
            helper_put(place[copy], bad, BLOCK);
            enum coffer_status status = try_key(1, true);
            if (status != COFFER_OK) {
                fail_msg("copy %u, bit %u: status %d", copy, bit, (int)status);
            }
        }
        helper_put(place[copy], good, BLOCK);
    }
}

/* Damage that opening for writing repairs: afterwards the other copy can go. */
static void test_healing(void **state)
{
    (void)state;
    static const uint64_t place[] = { 0, TAIL };
    uint8_t noise[BLOCK];
    memset(noise, 0x55, sizeof(noise));
    for (unsigned copy = 0; copy < 2; copy++) {
        for (unsigned at = 0; at < BLOCK; at += 256) { /* preamble, own slot, other slots, body; then all of it */
            create_with_raw_key(1);
            helper_put(place[copy] + at, noise, at == 0 ? BLOCK : 256);
            assert_int_equal(try_key(1, false), COFFER_OK);
            helper_put(place[1 - copy], noise, BLOCK);
            if (at < 256 || at >= 2048) { /* a slot of nobody's is not missed */
                assert_int_equal(try_key(1, true), COFFER_OK);
            }
        }
    }
}

static void test_both_copies_damaged(void **state)
{
    (void)state;
    uint8_t noise[BLOCK] = { 0 };
    create_with_raw_key(1);
    helper_put(2048, noise, 2048);
    helper_put(TAIL + 2048, noise, 2048);
    assert_int_equal(try_key(1, false), COFFER_DAMAGED);
    assert_int_equal(try_key(2, false), COFFER_WRONG_SECRET);
    helper_put(128, noise, 1920);
    helper_put(TAIL + 128, noise, 1920);
    assert_int_equal(try_key(1, false), COFFER_DAMAGED); /* perhaps it was right: the slots are gone */
    helper_put(0, noise, 128);
    helper_put(TAIL, noise, 128);
    assert_int_equal(try_key(1, false), COFFER_WRONG_SECRET); /* nothing says that it was a volume */
}

static void test_truncated_everywhere(void **state)
{
    (void)state;
    create_with_raw_key(1);
    for (off_t size = 2 << 20; size >= 0; size -= 512) {
        assert_int_equal(truncate(helper_path, size), 0);
        enum coffer_status status = try_key(1, false);
        enum coffer_status wanted = size >= BLOCK ? COFFER_DAMAGED : COFFER_NOT_FOUND;
        if (status != wanted) {
            fail_msg("%lld bytes: status %d", (long long)size, (int)status);
        }
    }
}

/* A store that has grown around a volume: the tail is still found, and the volume still heals. */
static void test_a_larger_store(void **state)
{
    (void)state;
    uint8_t noise[BLOCK];
    memset(noise, 0x55, sizeof(noise));
    create_with_raw_key(1);
    assert_int_equal(truncate(helper_path, 8 << 20), 0);
    assert_int_equal(try_key(1, false), COFFER_OK);
    helper_put(TAIL + 2048, noise, 2048);
    assert_int_equal(try_key(1, false), COFFER_OK);
    helper_put(0, noise, BLOCK);
    assert_int_equal(truncate(helper_path, HELPER_SIZE), 0);
    assert_int_equal(try_key(1, false), COFFER_OK);
}

/* PRE-2 */
static void test_a_tail_is_no_front(void **state)
{
    (void)state;
    uint8_t tail[BLOCK], now[BLOCK];
    create_with_raw_key(1);
    helper_get(TAIL, tail, BLOCK);
    helper_put(0, tail, BLOCK);
    assert_int_equal(try_key(1, false), COFFER_OK);
    helper_get(0, now, BLOCK);
    assert_memory_not_equal(now, tail, BLOCK);
}

struct findings {
    unsigned good, note, damage, repaired;
};

static void count(void *user, enum coffer_finding finding, const char *text)
{
    struct findings *findings = user;
    assert_true(strlen(text) > 0);
    findings->good += finding == COFFER_FINDING_GOOD;
    findings->note += finding == COFFER_FINDING_NOTE;
    findings->damage += finding == COFFER_FINDING_DAMAGE;
    findings->repaired += finding == COFFER_FINDING_REPAIRED;
}

static bool damaged_by_check(bool secret, bool repair, struct findings *findings)
{
    struct coffer_open_options options = COFFER_OPEN_OPTIONS_INIT;
    struct coffer_credential *key = secret ? helper_raw_key(1) : NULL;
    struct coffer_check_result result;
    struct findings scratch;
    findings = findings != NULL ? findings : &scratch;
    memset(findings, 0, sizeof(*findings));
    options.read_only = !repair;
    assert_int_equal(coffer_check(helper_path, key, &options, count, findings, &result, NULL), COFFER_OK);
    coffer_credential_free(key);
    return result.damaged;
}

static void test_check(void **state)
{
    (void)state;
    struct findings findings;
    uint8_t byte;
    create_with_raw_key(1);
    assert_false(damaged_by_check(false, false, NULL));
    assert_false(damaged_by_check(true, false, NULL));
    helper_get(300, &byte, 1); /* a slot */
    byte ^= 1;
    helper_put(300, &byte, 1);
    assert_true(damaged_by_check(false, false, NULL));
    create_with_raw_key(1);
    helper_get(3000, &byte, 1); /* the body: nobody sees that without a secret */
    byte ^= 1;
    helper_put(3000, &byte, 1);
    assert_false(damaged_by_check(false, false, NULL));
    assert_true(damaged_by_check(true, false, NULL));
    assert_true(damaged_by_check(true, false, NULL)); /* reading repairs nothing */
    assert_false(damaged_by_check(true, true, &findings));
    assert_int_equal(findings.repaired, 1);
    assert_false(damaged_by_check(true, false, NULL));
}

static enum coffer_status add_key(uint8_t opener, uint8_t fill)
{
    struct coffer_open_options options = COFFER_OPEN_OPTIONS_INIT;
    struct coffer_credential *key = helper_raw_key(opener), *new = helper_raw_key(fill);
    struct coffer_header *header;
    unsigned slot;
    assert_int_equal(coffer_header_open(helper_path, key, &options, &header, NULL), COFFER_OK);
    enum coffer_status status = coffer_header_add_key(header, new, NULL, &slot, NULL);
    coffer_header_close(header);
    coffer_credential_free(key);
    coffer_credential_free(new);
    return status;
}

static void garble(uint64_t offset)
{
    uint8_t byte;
    helper_get(offset, &byte, 1);
    byte ^= 0x10;
    helper_put(offset, &byte, 1);
}

/* HEAL-10: an empty slot, in one copy or both: opening repairs it, and so does check. */
static void test_damage_to_what_is_not_in_use(void **state)
{
    (void)state;
    static const uint64_t PLACE[] = { 128 * 2, 128 * 7 + 100, 128 * 15 + 127 };
    struct findings findings;
    create_with_raw_key(1);
    for (unsigned copies = 1; copies < 4; copies++) {
        for (size_t i = 0; i < sizeof(PLACE) / sizeof(PLACE[0]); i++) {
            for (int repair = 0; repair < 2; repair++) {
                if ((copies & 1) != 0) {
                    garble(PLACE[i]);
                }
                if ((copies & 2) != 0) {
                    garble(TAIL + PLACE[i]);
                }
                assert_true(damaged_by_check(true, false, NULL));
                if (repair) {
                    assert_false(damaged_by_check(true, true, &findings));
                    assert_int_equal(findings.repaired, 1);
                } else {
                    assert_int_equal(try_key(1, false), COFFER_OK);
                }
                assert_false(damaged_by_check(true, false, NULL));
            }
        }
    }
}

/* Somebody else's slot: the check goes on failing until its secret opens the volume. */
static void test_damage_to_a_slot_in_use(void **state)
{
    (void)state;
    create_with_raw_key(1);
    assert_int_equal(add_key(1, 2), COFFER_OK);
    garble(TAIL + 128 * 2 + 5);
    garble(TAIL + 128 * 9);
    assert_int_equal(try_key(1, false), COFFER_OK);
    assert_true(damaged_by_check(false, false, NULL));
    assert_true(damaged_by_check(true, true, NULL));
    assert_int_equal(try_key(2, false), COFFER_OK);
    assert_false(damaged_by_check(false, false, NULL));
    assert_false(damaged_by_check(true, false, NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_every_bit_of_one_copy, helper_enter, helper_leave),
        cmocka_unit_test_setup_teardown(test_healing, helper_enter, helper_leave),
        cmocka_unit_test_setup_teardown(test_both_copies_damaged, helper_enter, helper_leave),
        cmocka_unit_test_setup_teardown(test_truncated_everywhere, helper_enter, helper_leave),
        cmocka_unit_test_setup_teardown(test_a_larger_store, helper_enter, helper_leave),
        cmocka_unit_test_setup_teardown(test_a_tail_is_no_front, helper_enter, helper_leave),
        cmocka_unit_test_setup_teardown(test_check, helper_enter, helper_leave),
        cmocka_unit_test_setup_teardown(test_damage_to_what_is_not_in_use, helper_enter, helper_leave),
        cmocka_unit_test_setup_teardown(test_damage_to_a_slot_in_use, helper_enter, helper_leave),
    };
    return coffer_init(NULL) == COFFER_OK ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
}
