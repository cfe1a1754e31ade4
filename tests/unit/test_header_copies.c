/* SPDX-License-Identifier: ISC */
/*
 * The two copies of a header beside each other: what is the same in both and what must not be (BODY-2, SLOT-4, PRE-6,
 * CREATE-3), and that a slot of either leads to both (OPEN-8). A hidden volume's tail is where the store ends, whatever
 * size its header names (LAYOUT-7).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>
#include <unistd.h>

#include "coffer.h"
#include "copies.h"
#include "helper_header.h"
#include "helper_volume.h"
#include "scope.h"

#define TAIL (HELPER_SIZE - HEADER_END_SIZE)

static const uint64_t PLACE[HEADER_COPIES] = { 0, TAIL };

static void get_blocks(uint8_t block[HEADER_COPIES][HEADER_BLOCK_SIZE])
{
    helper_get(PLACE[HEADER_FRONT], block[HEADER_FRONT], HEADER_BLOCK_SIZE);
    helper_get(PLACE[HEADER_TAIL], block[HEADER_TAIL], HEADER_BLOCK_SIZE);
}

static void create(uint8_t fill)
{
    const struct coffer_create_options options = helper_small();
    helper_create_raw(fill, &options);
}

static struct coffer_header *open_header(uint8_t fill)
{
    struct coffer_open_options options = COFFER_OPEN_OPTIONS_INIT;
    struct coffer_credential *key = helper_raw_key(fill);
    struct coffer_header *header = NULL;
    assert_int_equal(coffer_header_open(helper_path, key, &options, &header, NULL), COFFER_OK);
    coffer_credential_free(key);
    return header;
}

static void add(uint8_t opener, uint8_t fill)
{
    struct coffer_credential *key = helper_raw_key(fill);
    struct coffer_header *header = open_header(opener);
    unsigned slot;
    assert_int_equal(coffer_header_add_key(header, key, NULL, &slot, NULL), COFFER_OK);
    assert_int_equal(slot, fill - 1u);
    coffer_header_close(header);
    coffer_credential_free(key);
}

/* The slot that opens, with whatever copies there are; -1 = none. */
static int opened_by(uint8_t fill)
{
    struct coffer_open_options options = COFFER_OPEN_OPTIONS_INIT;
    struct coffer_credential *key = helper_raw_key(fill);
    struct coffer_info info = { .size = sizeof(info) };
    struct coffer_volume *volume;
    options.read_only = true;
    enum coffer_status status = coffer_volume_open(helper_path, key, &options, &volume, NULL);
    if (status == COFFER_OK) {
        assert_int_equal(coffer_volume_info(volume, &info, NULL), COFFER_OK);
        assert_int_equal(coffer_volume_close(volume, NULL), COFFER_OK);
    }
    coffer_credential_free(key);
    return status == COFFER_OK ? (int)info.slot : -1;
}

static void test_either_copy_has_every_slot(void **state)
{
    (void)state;
    uint8_t block[HEADER_COPIES][HEADER_BLOCK_SIZE];
    const uint8_t nothing[HEADER_BLOCK_SIZE] = { 0 };
    create(1);
    for (uint8_t fill = 2; fill <= 4; fill++) {
        add(1, fill);
    }
    get_blocks(block);
    for (enum header_copy lost = HEADER_FRONT; lost < HEADER_COPIES; lost++) {
        helper_put(PLACE[lost], nothing, HEADER_BLOCK_SIZE);
        for (uint8_t fill = 1; fill <= 4; fill++) {
            assert_int_equal(opened_by(fill), fill - 1);
        }
        helper_put(PLACE[lost], block[lost], HEADER_BLOCK_SIZE);
    }
}

/* The slots of the front and the body of the tail, and the other way round. */
static void test_a_slot_of_one_copy_opens_the_other(void **state)
{
    (void)state;
    uint8_t block[HEADER_COPIES][HEADER_BLOCK_SIZE];
    const uint8_t nothing[HEADER_BLOCK_SIZE] = { 0 };
    create(1);
    get_blocks(block);
    for (enum header_copy copy = HEADER_FRONT; copy < HEADER_COPIES; copy++) {
        const enum header_copy other = copies_other(copy);
        helper_put(PLACE[copy] + HEADER_BODY_OFFSET, nothing, HEADER_BLOCK_SIZE - HEADER_BODY_OFFSET);
        helper_put(PLACE[other] + HEADER_CELL_SIZE, nothing, HEADER_SLOTS * (size_t)HEADER_CELL_SIZE);
        assert_int_equal(opened_by(1), 0);
        helper_put(PLACE[copy], block[copy], HEADER_BLOCK_SIZE);
        helper_put(PLACE[other], block[other], HEADER_BLOCK_SIZE);
    }
}

static void expect_same_body(void)
{
    struct storage *storage __attribute__((cleanup(close_storage))) = NULL;
    struct copies *copies __attribute__((cleanup(free_copies))) = copies_new();
    struct coffer_credential *key = helper_raw_key(1);
    assert_int_equal(storage_open(helper_path, -1, true, STORAGE_UNLOCKED, NULL, &storage, NULL), COFFER_OK);
    struct unlock_image *image __attribute__((cleanup(free_image))) = unlock_read(storage);
    assert_int_equal(unlock_header(image, key, 0, 0, copies, NULL), COFFER_OK);
    assert_true(copies->good[HEADER_FRONT]); /* its plaintext is the winner's */
    assert_true(copies->good[HEADER_TAIL]);
    coffer_credential_free(key);
}

/* Through updates and healing, too, one plaintext is sealed twice: not a byte of the two bodies is there for both. */
static void test_one_plaintext_sealed_twice(void **state)
{
    (void)state;
    uint8_t block[HEADER_COPIES][HEADER_BLOCK_SIZE], before[HEADER_COPIES][HEADER_BLOCK_SIZE];
    create(1);
    for (uint8_t step = 0; step < 4; step++) {
        get_blocks(before);
        if (step == 1 || step == 2) {
            add(1, step + 1);
        } else if (step == 3) {
            helper_put(TAIL, block[HEADER_FRONT], HEADER_BLOCK_SIZE); /* lost, and healed */
            coffer_header_close(open_header(1));
        }
        get_blocks(block);
        expect_same_body();
        for (size_t at = HEADER_BODY_OFFSET; at < HEADER_BLOCK_SIZE; at += 16) {
            assert_memory_not_equal(block[HEADER_FRONT] + at, block[HEADER_TAIL] + at, 16);
            for (enum header_copy copy = HEADER_FRONT; copy < HEADER_COPIES && (step == 1 || step == 2); copy++) {
                assert_memory_not_equal(block[copy] + at, before[copy] + at, 16);
            }
        }
    }
}

/* What an attacker may see and a reader derives keys from stays what creation made it. */
static void test_an_update_leaves_cost_and_salt(void **state)
{
    (void)state;
    struct header_preamble first[HEADER_COPIES], then;
    uint8_t block[HEADER_COPIES][HEADER_BLOCK_SIZE];
    create(1);
    get_blocks(block);
    for (enum header_copy copy = HEADER_FRONT; copy < HEADER_COPIES; copy++) {
        assert_int_equal(header_read_preamble(block[copy], copy, &first[copy]), HEADER_USABLE);
    }
    assert_int_equal(first[HEADER_FRONT].memory, first[HEADER_TAIL].memory);
    assert_int_equal(first[HEADER_FRONT].passes, first[HEADER_TAIL].passes);
    assert_memory_not_equal(first[HEADER_FRONT].salt, first[HEADER_TAIL].salt, HEADER_SALT_SIZE);
    add(1, 2);
    get_blocks(block);
    for (enum header_copy copy = HEADER_FRONT; copy < HEADER_COPIES; copy++) {
        assert_int_equal(header_read_preamble(block[copy], copy, &then), HEADER_USABLE);
        assert_memory_equal(&then, &first[copy], sizeof(then));
    }
}

/* Every 16 bytes that creation makes are its own: two volumes with one secret share only what is constant. */
static void test_nothing_random_is_there_twice(void **state)
{
    (void)state;
    uint8_t all[2 * HEADER_COPIES][HEADER_BLOCK_SIZE];
    struct header_body body[2];
    for (unsigned i = 0; i < 2; i++) {
        struct coffer_credential *key = helper_raw_key(1);
        create(1);
        get_blocks(&all[(size_t)i * HEADER_COPIES]);
        helper_read_body(key, &body[i]);
        coffer_credential_free(key);
    }
    assert_memory_not_equal(header_key(&body[0]), header_key(&body[1]), HEADER_KEY_SIZE);
    assert_memory_not_equal(header_key(&body[0]), header_key(&body[0]) + HEADER_KEY_SIZE / 2, HEADER_KEY_SIZE / 2);
    for (unsigned a = 0; a < 2 * HEADER_COPIES; a++) {
        for (unsigned b = a + 1; b < 2 * HEADER_COPIES; b++) {
            assert_memory_not_equal(header_salt(all[a]), header_salt(all[b]), HEADER_SALT_SIZE);
            for (size_t at = HEADER_CELL_SIZE; at < HEADER_BLOCK_SIZE; at += 16) {
                assert_memory_not_equal(all[a] + at, all[b] + at, 16);
            }
        }
    }
}

static enum coffer_status try_hidden(void)
{
    return helper_try("hidden");
}

static void test_a_hidden_tail_is_at_the_end(void **state)
{
    (void)state;
    struct coffer_create_options options = helper_filled(false), inner = COFFER_CREATE_OPTIONS_INIT;
    struct coffer_credential *outer = helper_credential("correct"), *hidden = helper_credential("hidden");
    uint8_t front[HEADER_BLOCK_SIZE];
    const uint8_t nothing[HEADER_BLOCK_SIZE] = { 0 };
    struct coffer_volume *volume;
    helper_create(&options);
    inner.container_size = 1 << 20;
    assert_int_equal(coffer_volume_create_hidden(helper_path, outer, hidden, &inner, &volume, NULL), COFFER_OK);
    assert_int_equal(coffer_volume_close(volume, NULL), COFFER_OK);
    coffer_credential_free(outer);
    coffer_credential_free(hidden);

    helper_get(HEADER_VOLUME_STRIDE, front, sizeof(front));
    helper_put(HEADER_VOLUME_STRIDE, nothing, sizeof(nothing));
    assert_int_equal(try_hidden(), COFFER_OK); /* by the tail */
    assert_int_equal(truncate(helper_path, HELPER_SIZE + (1 << 20)), 0);
    assert_int_equal(helper_try("correct"), COFFER_OK); /* the front of the outer one says where it ends */
    assert_int_equal(try_hidden(), COFFER_WRONG_SECRET);
    helper_put(HEADER_VOLUME_STRIDE, front, sizeof(front));
    assert_int_equal(try_hidden(), COFFER_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_either_copy_has_every_slot, helper_enter, helper_leave),
        cmocka_unit_test_setup_teardown(test_a_slot_of_one_copy_opens_the_other, helper_enter, helper_leave),
        cmocka_unit_test_setup_teardown(test_one_plaintext_sealed_twice, helper_enter, helper_leave),
        cmocka_unit_test_setup_teardown(test_an_update_leaves_cost_and_salt, helper_enter, helper_leave),
        cmocka_unit_test_setup_teardown(test_nothing_random_is_there_twice, helper_enter, helper_leave),
        cmocka_unit_test_setup_teardown(test_a_hidden_tail_is_at_the_end, helper_enter, helper_leave),
    };
    return coffer_init(NULL) == COFFER_OK ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
}
