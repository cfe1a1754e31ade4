/* SPDX-License-Identifier: ISC */
/*
 * Headers that somebody who holds a key has made up: VALID-2 to VALID-9, FLAG-1 to FLAG-3, OPEN-7, OPEN-11, CONV-6, CONV-7,
 * BODY-5, UPD-8, RECORD-1, RECORD-2, RECORD-3. Whatever is refused is left byte by byte as it was, and what is accepted is
 * changed without losing what this version does not know.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "coffer.h"
#include "crypto.h"
#include "helper_header.h"
#include "helper_volume.h"
#include "slot.h"

#define TAIL (HELPER_SIZE - (128u << 10))

static struct coffer_credential *key, *second;

static int enter(void **state)
{
    key = helper_raw_key(1);
    second = helper_raw_key(2);
    return helper_enter(state);
}

static int leave(void **state)
{
    coffer_credential_free(key);
    coffer_credential_free(second);
    return helper_leave(state);
}

static void create(void)
{
    struct coffer_create_options options = helper_small();
    struct coffer_volume *volume;
    options.replace = true;
    assert_int_equal(coffer_volume_create(helper_path, key, &options, &volume, NULL), COFFER_OK);
    assert_int_equal(coffer_volume_pwrite(volume, "content", 8, 0, NULL), COFFER_OK);
    assert_int_equal(coffer_volume_publish(volume, NULL), COFFER_OK);
    assert_int_equal(coffer_volume_close(volume, NULL), COFFER_OK);
}

/* Every way in says the same, and none writes a byte. */
static void expect_refused(enum coffer_status expected, const char *what)
{
    struct coffer_open_options options = COFFER_OPEN_OPTIONS_INIT;
    struct coffer_volume *volume;
    struct coffer_header *header;
    uint8_t *before = malloc(HELPER_SIZE), *after = malloc(HELPER_SIZE);
    helper_get(0, before, HELPER_SIZE);
    enum coffer_status opened = coffer_volume_open(helper_path, key, &options, &volume, NULL);
    enum coffer_status changed = coffer_header_open(helper_path, key, &options, &header, NULL);
    enum coffer_status grown = coffer_volume_grow(helper_path, key, &options, HELPER_SIZE * 2, NULL);
    if (opened != expected || changed != expected || grown != expected) {
        fail_msg("%s: %d, %d and %d instead of %d", what, (int)opened, (int)changed, (int)grown, (int)expected);
    }
    helper_get(0, after, HELPER_SIZE);
    assert_memory_equal(before, after, HELPER_SIZE);
    free(before);
    free(after);
}

/* ---- geometry ---- */

struct number {
    const char *name;
    size_t at; /* in struct header_fields */
    uint64_t value;
};

static void set_number(struct copies *copies, void *user)
{
    const struct number *number = user;
    struct header_fields fields;
    header_get_fields(&copies->body, &fields);
    memcpy((uint8_t *)&fields + number->at, &number->value, sizeof(number->value));
    header_put_fields(&copies->body, &fields);
}

/* Each 64-bit number of the body at each edge. What is right by chance opens; everything else is refused. */
static void test_every_number_at_every_edge(void **state)
{
    (void)state;
    static const uint64_t EDGE[] = {
        0,
        1,
        511,
        512,
        4095,
        4096,
        (1ull << 32) - 1,
        1ull << 32,
        (1ull << 32) + 1,
        (1ull << 48) - 1,
        1ull << 48,
        (1ull << 48) + 1,
        (1ull << 63) - 1,
        1ull << 63,
        (1ull << 63) + 1,
        UINT64_MAX - 4095,
        UINT64_MAX - 1,
        UINT64_MAX,
    };
    static const struct number FIELD[] = {
        { "seq", offsetof(struct header_fields, seq), 0 },
        { "container_size", offsetof(struct header_fields, container_size), 0 },
        { "data_off", offsetof(struct header_fields, data_offset), 0 },
        { "data_size", offsetof(struct header_fields, data_size), 0 },
        { "iv_base", offsetof(struct header_fields, iv_base), 0 },
        { "created", offsetof(struct header_fields, created), 0 },
    };
    static uint8_t front[4096], tail[4096];
    create();
    helper_get(0, front, sizeof(front));
    helper_get(TAIL, tail, sizeof(tail));
    for (size_t i = 0; i < sizeof(FIELD) / sizeof(FIELD[0]); i++) {
        for (size_t j = 0; j < sizeof(EDGE) / sizeof(EDGE[0]); j++) {
            struct number number = FIELD[i];
            struct coffer_volume *volume;
            struct coffer_open_options options = COFFER_OPEN_OPTIONS_INIT;
            number.value = EDGE[j];
            helper_put(0, front, sizeof(front));
            helper_put(TAIL, tail, sizeof(tail));
            helper_edit_header(key, set_number, &number);
            bool is_right = strcmp(number.name, "created") == 0 ||
                            (strcmp(number.name, "seq") == 0 && number.value >= 1 && number.value < 1ull << 63) ||
                            (strcmp(number.name, "iv_base") == 0 && number.value % 8 == 0 &&
                             number.value < (1ull << 63) - HELPER_SIZE / 512);
            if (!is_right) {
                expect_refused(COFFER_DAMAGED, number.name);
                continue;
            }
            if (coffer_volume_open(helper_path, key, &options, &volume, NULL) != COFFER_OK) {
                fail_msg("%s = %#llx is refused", number.name, (unsigned long long)number.value);
            }
            assert_int_equal(coffer_volume_close(volume, NULL), COFFER_OK);
        }
    }
}

/* The last number there is: it opens, and cannot be changed any more. */
static void test_the_last_sequence_number(void **state)
{
    (void)state;
    struct number last = { "seq", offsetof(struct header_fields, seq), (1ull << 63) - 1 };
    struct coffer_open_options options = COFFER_OPEN_OPTIONS_INIT;
    struct coffer_header *header;
    unsigned slot;
    create();
    helper_edit_header(key, set_number, &last);
    assert_int_equal(coffer_header_open(helper_path, key, &options, &header, NULL), COFFER_OK);
    assert_int_equal(coffer_header_add_key(header, second, NULL, &slot, NULL), COFFER_FAILED);
    coffer_header_close(header);
    assert_int_equal(coffer_header_open(helper_path, key, &options, &header, NULL), COFFER_OK);
    coffer_header_close(header);
}

/* ---- what this version does not know ---- */

struct bits {
    size_t at; /* in the body */
    uint32_t mask;
};

static void set_bits(struct copies *copies, void *user)
{
    const struct bits *bits = user;
    uint32_t word;
    memcpy(&word, copies->body.raw + bits->at, sizeof(word)); /* little-endian here and there */
    word |= bits->mask;
    memcpy(copies->body.raw + bits->at, &word, sizeof(word));
}

static void test_every_unknown_incompat_bit(void **state)
{
    (void)state;
    for (unsigned bit = 0; bit < 32; bit++) {
        struct bits bits = { 4, 1u << bit };
        if (bit != 2) { /* HOLES */
            create();
            helper_edit_header(key, set_bits, &bits);
            expect_refused(COFFER_UNSUPPORTED, "an incompat bit");
        }
    }
}

/* It is read, and nothing of it is written: no data, no key, no growth, no repair. */
static void test_every_unknown_ro_compat_bit(void **state)
{
    (void)state;
    struct coffer_open_options options = COFFER_OPEN_OPTIONS_INIT;
    uint8_t *before = malloc(HELPER_SIZE), *after = malloc(HELPER_SIZE);
    for (unsigned bit = 0; bit < 32; bit++) {
        struct bits bits = { 8, 1u << bit };
        struct coffer_volume *volume;
        struct coffer_header *header;
        char text[8] = "";
        unsigned slot;
        create();
        helper_edit_header(key, set_bits, &bits);
        helper_put(TAIL, "damage", 6);
        helper_get(0, before, HELPER_SIZE);
        assert_int_equal(coffer_volume_open(helper_path, key, &options, &volume, NULL), COFFER_OK);
        assert_int_equal(coffer_volume_pread(volume, text, 8, 0, NULL), COFFER_OK);
        assert_string_equal(text, "content");
        assert_int_equal(coffer_volume_pwrite(volume, text, 8, 0, NULL), COFFER_NOT_PERMITTED);
        assert_int_equal(coffer_volume_discard(volume, 0, 4096, NULL), COFFER_NOT_PERMITTED);
        assert_int_equal(coffer_volume_close(volume, NULL), COFFER_OK);
        assert_int_equal(coffer_header_open(helper_path, key, &options, &header, NULL), COFFER_OK);
        assert_int_equal(coffer_header_add_key(header, second, NULL, &slot, NULL), COFFER_UNSUPPORTED);
        assert_int_equal(coffer_header_change_key(header, second, &slot, NULL), COFFER_UNSUPPORTED);
        assert_int_equal(coffer_header_remove_key(header, 0, true, NULL), COFFER_UNSUPPORTED);
        coffer_header_close(header);
        assert_int_not_equal(coffer_volume_grow(helper_path, key, &options, HELPER_SIZE * 2, NULL), COFFER_OK);
        helper_get(0, after, HELPER_SIZE);
        assert_memory_equal(before, after, HELPER_SIZE);
    }
    free(before);
    free(after);
}

/* Everything that a reader ignores gets a value: reserved bytes, flags and kinds of a later version. */
static void fill_unknown(struct copies *copies, void *user)
{
    static const struct {
        size_t at, size;
    } RESERVED[] = { { 0, 4 }, { 82, 70 }, { 216, 112 }, { 1864, 112 } };
    (void)user;
    for (size_t i = 0; i < sizeof(RESERVED) / sizeof(RESERVED[0]); i++) {
        for (size_t j = 0; j < RESERVED[i].size; j++) {
            copies->body.raw[RESERVED[i].at + j] = (uint8_t)(RESERVED[i].at + j + 1);
        }
    }
    copies->body.raw[12 + 3] = 0x80;         /* the last compat bit */
    copies->body.raw[392 + 64 * 14] = 200;   /* slot 14 is of a kind that nobody knows */
    copies->body.raw[392 + 64 * 14 + 1] = 1; /* with flags */
    memset(copies->body.raw + 392 + 64 * 14 + 2, 7, 6);
    memcpy(copies->body.raw + 328, "a label of the owner's", 22);
}

/* Preamble bytes that are ignored, too; they are sealed with the body. */
static void fill_unknown_and_preamble(struct copies *copies, void *user)
{
    fill_unknown(copies, user);
    for (unsigned copy = 0; copy < HEADER_COPIES; copy++) {
        copies->block[copy][10] = 0x34; /* visible flags */
        copies->block[copy][15] = 0x56; /* reserved */
    }
}

static bool may_change(size_t at)
{
    return (at >= 16 && at < 24) || (at >= 392 + 64 * 0 && at < 392 + 64 * 3) || (at >= 1384 && at < 1864);
}

static void expect_kept(const struct header_body *before, const char *after_what)
{
    struct header_body now;
    uint8_t byte;
    helper_read_body(second, &now);
    for (size_t at = 0; at < sizeof(now.raw); at++) {
        if (now.raw[at] != before->raw[at] && !may_change(at)) {
            fail_msg("%s: byte %zu of the body has changed", after_what, at);
        }
    }
    for (uint64_t at = 0; at <= TAIL; at += TAIL) {
        helper_get(at + 10, &byte, 1);
        assert_int_equal(byte, 0x34);
        helper_get(at + 15, &byte, 1);
        assert_int_equal(byte, 0x56);
    }
}

static void test_what_is_not_known_survives_every_rewrite(void **state)
{
    (void)state;
    struct coffer_open_options options = COFFER_OPEN_OPTIONS_INIT;
    struct coffer_credential *third = helper_raw_key(3);
    struct coffer_volume *volume;
    struct coffer_header *header;
    struct coffer_key keys[COFFER_SLOTS];
    struct header_body before;
    static const uint8_t zeros[4096];
    unsigned slot;
    create();
    helper_edit_header(key, fill_unknown_and_preamble, NULL);
    helper_read_body(key, &before);
    assert_int_equal(coffer_header_open(helper_path, key, &options, &header, NULL), COFFER_OK);
    coffer_header_keys(header, keys);
    assert_int_equal((int)keys[14].kind, 200);
    assert_int_equal(coffer_header_add_key(header, second, "added", &slot, NULL), COFFER_OK);
    expect_kept(&before, "an addition");
    assert_int_equal(coffer_header_change_key(header, third, &slot, NULL), COFFER_OK);
    expect_kept(&before, "a change");
    assert_int_equal(coffer_header_remove_key(header, slot, false, NULL), COFFER_OK);
    coffer_header_close(header);
    expect_kept(&before, "a removal");
    for (uint64_t at = 0; at <= TAIL; at += TAIL) {
        helper_put(at, zeros, sizeof(zeros));
        assert_int_equal(coffer_volume_open(helper_path, second, &options, &volume, NULL), COFFER_OK);
        assert_int_equal(coffer_volume_close(volume, NULL), COFFER_OK);
        expect_kept(&before, "healing");
    }
    coffer_credential_free(third);
}

/* RECORD-2, RECORD-3: a slot that is filled or emptied has nothing of its former record. */
static void test_a_record_is_written_whole(void **state)
{
    (void)state;
    struct coffer_open_options options = COFFER_OPEN_OPTIONS_INIT;
    struct coffer_header *header;
    struct header_body body;
    struct header_slot_record record;
    static const uint8_t zeros[64];
    unsigned slot;
    create();
    assert_int_equal(coffer_header_open(helper_path, key, &options, &header, NULL), COFFER_OK);
    assert_int_equal(coffer_header_add_key(header, second, "a name", &slot, NULL), COFFER_OK);
    coffer_header_close(header);
    helper_read_body(key, &body);
    header_get_slot(&body, slot, &record);
    assert_int_equal(record.kind, COFFER_KEY_RAW);
    assert_int_equal(record.flags, 0);
    assert_int_equal(record.seq_written, 2);
    assert_int_not_equal(record.time, 0);
    assert_memory_equal(body.raw + 392 + 64 * slot + 2, zeros, 6);
    assert_int_equal(coffer_header_open(helper_path, key, &options, &header, NULL), COFFER_OK);
    assert_int_equal(coffer_header_remove_key(header, slot, false, NULL), COFFER_OK);
    coffer_header_close(header);
    helper_read_body(key, &body);
    header_get_slot(&body, slot, &record);
    assert_int_equal(record.seq_written, 3);
    assert_memory_equal(body.raw + 392 + 64 * slot, zeros, 8);
    assert_memory_equal(body.raw + 392 + 64 * slot + 16, zeros, 48);
}

/* ---- slots ---- */

static void empty_the_record(struct copies *copies, void *user)
{
    (void)user;
    header_put_slot(&copies->body, copies->slot, &(struct header_slot_record){ .seq_written = 2 });
}

/* OPEN-11: the cell is whole and listed, and its record says that there is none. */
static void test_a_slot_of_kind_0_with_a_cell_that_opens(void **state)
{
    (void)state;
    create();
    helper_edit_header(key, empty_the_record, NULL);
    expect_refused(COFFER_WRONG_SECRET, "a slot of kind 0");
}

/* Slot 0 of both copies, sealed by hand: the master key and 24 bytes of `padding`. */
static void pad_the_slot(struct copies *copies, void *user)
{
    const uint8_t *padding = user;
    assert_true(copies->kek_known[HEADER_FRONT]);
    for (unsigned copy = 0; copy < HEADER_COPIES; copy++) {
        uint8_t context[HEADER_SALT_SIZE + 2], plain[HEADER_MASTER_SIZE + 24], kek[32];
        memcpy(context, copies->salt[copy], HEADER_SALT_SIZE);
        context[HEADER_SALT_SIZE] = (uint8_t)copies->volume;
        context[HEADER_SALT_SIZE + 1] = (uint8_t)copies->slot;
        assert_int_equal(credential_derive(key, CREDENTIAL_AS_GIVEN, copies->salt[copy], 8192, 1, kek, NULL),
                         COFFER_OK);
        memcpy(plain, copies->master, HEADER_MASTER_SIZE);
        memcpy(plain + HEADER_MASTER_SIZE, padding, 24);
        crypto_seal(header_slot_cell(copies->block[copy], copies->slot), kek, "coffer1 slot", context,
                    sizeof(context), plain, sizeof(plain));
        header_slot_digest(copies->block[copy], copies->slot,
                           header_listed_digest(&copies->body, copy, copies->slot));
    }
}

/* SLOT-3, at each of its bytes. */
static void test_every_byte_of_slot_padding(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 24; i++) {
        uint8_t padding[24] = { 0 };
        padding[i] = 1;
        create();
        helper_edit_header(key, pad_the_slot, padding);
        expect_refused(COFFER_UNSUPPORTED, "a padded slot");
    }
    uint8_t none[24] = { 0 };
    struct coffer_open_options options = COFFER_OPEN_OPTIONS_INIT;
    struct coffer_volume *volume;
    create();
    helper_edit_header(key, pad_the_slot, none);
    assert_int_equal(coffer_volume_open(helper_path, key, &options, &volume, NULL), COFFER_OK);
    assert_int_equal(coffer_volume_close(volume, NULL), COFFER_OK);
}

/* ---- a hidden volume that is not inside ---- */

static void hide(void)
{
    struct coffer_create_options options = helper_filled(false), inner = COFFER_CREATE_OPTIONS_INIT;
    struct coffer_volume *volume;
    options.replace = true;
    inner.container_size = 1 << 20;
    assert_int_equal(coffer_volume_create(helper_path, key, &options, &volume, NULL), COFFER_OK);
    assert_int_equal(coffer_volume_publish(volume, NULL), COFFER_OK);
    assert_int_equal(coffer_volume_close(volume, NULL), COFFER_OK);
    assert_int_equal(coffer_volume_create_hidden(helper_path, key, second, &inner, &volume, NULL), COFFER_OK);
    assert_int_equal(coffer_volume_close(volume, NULL), COFFER_OK);
}

static enum coffer_status protect(void)
{
    struct coffer_open_options options = COFFER_OPEN_OPTIONS_INIT;
    struct coffer_volume *volume;
    options.protect_hidden = second;
    enum coffer_status status = coffer_volume_open(helper_path, key, &options, &volume, NULL);
    return status == COFFER_OK ? coffer_volume_close(volume, NULL) : status;
}

/* HIDDEN-9: it would stick out of what is kept from being written. */
static void test_protection_of_a_hidden_volume_that_sticks_out(void **state)
{
    (void)state;
    struct number before = { "data_off", offsetof(struct header_fields, data_offset), (1 << 20) - 4096 };
    struct number last = { "data_off", offsetof(struct header_fields, data_offset), 1 << 20 };
    struct number outer = { "data_size", offsetof(struct header_fields, data_size), 1 << 20 };
    hide();
    assert_int_equal(protect(), COFFER_OK);
    helper_edit_header(second, set_number, &last); /* the first that is inside */
    assert_int_equal(protect(), COFFER_OK);
    helper_edit_header(second, set_number, &before);
    assert_int_equal(protect(), COFFER_DAMAGED);
    hide();
    helper_edit_header(key, set_number, &outer); /* now the outer one ends before it */
    assert_int_equal(protect(), COFFER_DAMAGED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_every_number_at_every_edge, enter, leave),
        cmocka_unit_test_setup_teardown(test_the_last_sequence_number, enter, leave),
        cmocka_unit_test_setup_teardown(test_every_unknown_incompat_bit, enter, leave),
        cmocka_unit_test_setup_teardown(test_every_unknown_ro_compat_bit, enter, leave),
        cmocka_unit_test_setup_teardown(test_what_is_not_known_survives_every_rewrite, enter, leave),
        cmocka_unit_test_setup_teardown(test_a_record_is_written_whole, enter, leave),
        cmocka_unit_test_setup_teardown(test_a_slot_of_kind_0_with_a_cell_that_opens, enter, leave),
        cmocka_unit_test_setup_teardown(test_every_byte_of_slot_padding, enter, leave),
        cmocka_unit_test_setup_teardown(test_protection_of_a_hidden_volume_that_sticks_out, enter, leave),
    };
    return coffer_init(NULL) == COFFER_OK ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
}
