/* SPDX-License-Identifier: ISC */
/*
 * The front of one volume and the tail of another in one store: HEAL-9, UPD-9. The copy that does not open here may be
 * the last way into the other volume, so nothing is written, until a header backup says whose store it is.
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
#include "helper_volume.h"

#define END   (128u << 10)
#define TAIL  (HELPER_SIZE - END)
#define BLOCK 4096u

/* Two volumes in the same place, one after the other; what is kept of the first. */
struct former {
    uint8_t front[2 * BLOCK], tail[2 * BLOCK]; /* of the outer and the hidden volume */
};

static bool unmarked;

static void create(uint8_t secret, uint64_t size)
{
    struct coffer_create_options options = unmarked ? helper_filled(true) : helper_small();
    options.container_size = size;
    helper_create_raw(secret, &options);
}

static void create_former(uint8_t secret, struct former *former)
{
    create(secret, HELPER_SIZE);
    helper_get(0, former->front, sizeof(former->front));
    helper_get(TAIL, former->tail, sizeof(former->tail));
}

struct heard {
    bool damage, stranger;
};

static void hear(void *user, const char *text)
{
    struct heard *heard = user;
    heard->damage |= strstr(text, "damaged") != NULL;
    heard->stranger |= strstr(text, "that of another volume") != NULL;
}

static uint8_t *content(void)
{
    uint8_t *bytes = malloc(HELPER_SIZE);
    assert_non_null(bytes);
    helper_get(0, bytes, HELPER_SIZE);
    return bytes;
}

static struct coffer_open_options listening(struct heard *heard)
{
    struct coffer_open_options options = COFFER_OPEN_OPTIONS_INIT;
    options.callbacks.notice = hear;
    options.callbacks.user = heard;
    memset(heard, 0, sizeof(*heard));
    return options;
}

/* It opens for writing, and is only read: neither opening, nor a write, nor a new key changes a byte. */
static void expect_untouched(uint8_t secret)
{
    struct heard heard;
    struct coffer_open_options options = listening(&heard);
    struct coffer_credential *key = helper_raw_key(secret), *another = helper_raw_key(99);
    struct coffer_volume *volume;
    struct coffer_header *header;
    uint8_t *before = content(), byte;
    unsigned slot;
    assert_int_equal(coffer_volume_open(helper_path, key, &options, &volume, NULL), COFFER_OK);
    assert_true(heard.stranger);
    assert_false(heard.damage);
    assert_int_equal(coffer_volume_pread(volume, &byte, 1, 0, NULL), COFFER_OK);
    assert_int_equal(coffer_volume_pwrite(volume, "x", 1, 0, NULL), COFFER_NOT_PERMITTED);
    assert_int_equal(coffer_volume_close(volume, NULL), COFFER_OK);
    assert_int_equal(coffer_header_open(helper_path, key, &options, &header, NULL), COFFER_OK);
    assert_int_equal(coffer_header_add_key(header, another, NULL, &slot, NULL), COFFER_INVALID);
    assert_int_equal(coffer_header_change_key(header, another, &slot, NULL), COFFER_INVALID);
    assert_int_equal(coffer_header_remove_key(header, 0, true, NULL), COFFER_INVALID);
    coffer_header_close(header);
    assert_int_equal(coffer_volume_grow(helper_path, key, &options, HELPER_SIZE + (1 << 20), NULL),
                     COFFER_INVALID);
    uint8_t *after = content();
    assert_memory_equal(before, after, HELPER_SIZE);
    free(before);
    free(after);
    coffer_credential_free(key);
    coffer_credential_free(another);
}

/* It opens for writing and can be written; where that repairs something, only the first time. */
static void expect_opens(uint8_t secret, bool repairs)
{
    struct heard heard;
    struct coffer_open_options options = listening(&heard);
    struct coffer_credential *key = helper_raw_key(secret);
    struct coffer_volume *volume;
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(coffer_volume_open(helper_path, key, &options, &volume, NULL), COFFER_OK);
        assert_false(heard.stranger);
        assert_int_equal(heard.damage, repairs && i == 0);
        assert_int_equal(coffer_volume_pwrite(volume, "x", 1, 0, NULL), COFFER_OK);
        assert_int_equal(coffer_volume_close(volume, NULL), COFFER_OK);
        heard.damage = false;
    }
    coffer_credential_free(key);
}

static void test_a_tail_of_another_volume_with_one_secret(void **state)
{
    (void)state;
    struct former former;
    create_former(1, &former);
    create(1, HELPER_SIZE);
    helper_put(TAIL, former.tail, BLOCK);
    expect_untouched(1);
}

/* The other one's secret finds its tail, and the front of this one in the way. */
static void test_a_front_of_another_volume_with_another_secret(void **state)
{
    (void)state;
    struct former former;
    create_former(1, &former);
    create(2, HELPER_SIZE);
    helper_put(TAIL, former.tail, BLOCK);
    expect_untouched(2);
    expect_untouched(1);
}

/* An image that is written to a larger device, whose end still holds a volume: that one's secret must not cost the
 * image its front. The image itself is whole, its tail being where its front says. */
static void test_an_image_over_the_start_of_another_volume(void **state)
{
    (void)state;
    struct former former;
    static uint8_t image[2 << 20];
    create(2, sizeof(image));
    helper_get(0, image, sizeof(image));
    create_former(1, &former);
    helper_put(0, image, sizeof(image));
    expect_untouched(1);
    struct coffer_open_options options = COFFER_OPEN_OPTIONS_INIT;
    struct coffer_credential *key = helper_raw_key(2);
    struct coffer_volume *volume;
    assert_int_equal(coffer_volume_open(helper_path, key, &options, &volume, NULL), COFFER_OK);
    assert_int_equal(coffer_volume_pwrite(volume, "x", 1, 0, NULL), COFFER_OK);
    assert_int_equal(coffer_volume_close(volume, NULL), COFFER_OK);
    coffer_credential_free(key);
    /* Its tail lies in the middle of what may be the data of the other one: not made anew there. */
    memset(image, 0x55, BLOCK);
    helper_put(sizeof(image) - END, image, BLOCK);
    expect_untouched(2);
}

static void expect_healed(uint8_t secret)
{
    expect_opens(secret, true);
}

static void change(uint64_t offset, size_t size)
{
    uint8_t bytes[BLOCK];
    helper_get(offset, bytes, size);
    for (size_t i = 0; i < size; i++) {
        bytes[i] ^= 0x5a;
    }
    helper_put(offset, bytes, size);
}

/* What damage can make of one's own copy is healed: no torn write, and no byte that flips, looks like another volume. */
static void test_own_copies_are_still_healed(void **state)
{
    (void)state;
    static const uint64_t COPY[] = { 0, TAIL };
    for (unsigned copy = 0; copy < 2; copy++) {
        create(1, HELPER_SIZE);
        change(COPY[copy] + 32, 16); /* the UUID */
        expect_healed(1);
        change(COPY[copy] + 112, 16); /* the salt */
        expect_healed(1);
        change(COPY[copy] + 32, 16);
        change(COPY[copy] + 112, 16);
        change(COPY[copy] + 1000, 1); /* both, and a slot that nobody uses: this is noise, not a volume */
        expect_healed(1);
    }
}

/* A piece of 512 bytes of one header in the other: torn, not another volume. */
static void test_pieces_of_another_header_are_healed(void **state)
{
    (void)state;
    struct former former;
    create_former(1, &former);
    create(1, HELPER_SIZE);
    for (unsigned at = 0; at < BLOCK; at += 512) {
        helper_put(TAIL + at, former.tail + at, 512);
        expect_healed(1);
    }
    helper_put(TAIL, former.tail, 3 * 512); /* its check covers what is missing */
    expect_healed(1);
}

static void test_without_a_magic_the_secret_tells(void **state)
{
    (void)state;
    struct former former;
    unmarked = true;
    create_former(1, &former);
    create(1, HELPER_SIZE);
    helper_put(TAIL, former.tail, BLOCK);
    expect_untouched(1);
    change(TAIL + 2048, 16); /* no body any more: a way to nothing */
    expect_healed(1);
    create_former(2, &former); /* another secret: it is noise like any other */
    create(1, HELPER_SIZE);
    helper_put(TAIL, former.tail, BLOCK);
    expect_healed(1);
    unmarked = false;
}

static void hide(uint8_t outer, uint8_t inner)
{
    struct coffer_create_options options = COFFER_CREATE_OPTIONS_INIT;
    struct coffer_credential *outside = helper_raw_key(outer), *inside = helper_raw_key(inner);
    struct coffer_volume *volume;
    options.container_size = 1 << 20;
    assert_int_equal(coffer_volume_create_hidden(helper_path, outside, inside, &options, &volume, NULL),
                     COFFER_OK);
    assert_int_equal(coffer_volume_close(volume, NULL), COFFER_OK);
    coffer_credential_free(outside);
    coffer_credential_free(inside);
}

static void create_with_hidden(uint8_t outer, uint8_t inner)
{
    const struct coffer_create_options options = helper_filled(false);
    helper_create_raw(outer, &options);
    hide(outer, inner);
}

/* The hidden volume's second block is as much another's as the outer one's beside it. */
static void test_a_hidden_volume_in_a_mixture(void **state)
{
    (void)state;
    struct former former;
    create_with_hidden(1, 2);
    helper_get(TAIL, former.tail, sizeof(former.tail));
    create_with_hidden(3, 4);
    helper_put(TAIL, former.tail, sizeof(former.tail));
    expect_untouched(4);
    expect_untouched(2);
    expect_untouched(3);
    expect_untouched(1);
}

static void count(void *user, enum coffer_finding finding, const char *text)
{
    unsigned *strangers = user;
    *strangers += finding == COFFER_FINDING_DAMAGE && strstr(text, "that of another volume") != NULL;
    assert_int_not_equal(finding, COFFER_FINDING_REPAIRED);
    assert_null(strstr(text, "damaged in"));
}

/* Says it, and repairs nothing; a backup of the header, put back, settles it. */
static void check_and_settle(void)
{
    struct coffer_open_options options = COFFER_OPEN_OPTIONS_INIT;
    struct coffer_credential *key = helper_raw_key(1);
    struct coffer_volume *volume;
    char backup[128];
    unsigned strangers = 0;
    struct coffer_check_result result;
    uint8_t *before = content();
    assert_int_equal(coffer_check(helper_path, key, &options, count, &strangers, &result, NULL), COFFER_OK);
    assert_true(result.damaged);
    assert_int_equal(strangers, 1);
    uint8_t *after = content();
    assert_memory_equal(before, after, HELPER_SIZE);
    free(before);
    free(after);
    (void)snprintf(backup, sizeof(backup), "%s.backup", helper_path);
    assert_int_equal(coffer_header_backup(helper_path, backup, key, &options, NULL), COFFER_OK);
    assert_int_equal(coffer_header_restore(helper_path, backup, key, &options, NULL), COFFER_OK);
    assert_int_equal(unlink(backup), 0);
    assert_int_equal(coffer_volume_open(helper_path, key, &options, &volume, NULL), COFFER_OK);
    assert_int_equal(coffer_volume_pwrite(volume, "x", 1, 0, NULL), COFFER_OK);
    assert_int_equal(coffer_volume_close(volume, NULL), COFFER_OK);
    assert_int_equal(coffer_check(helper_path, key, &options, count, &strangers, &result, NULL), COFFER_OK);
    assert_false(result.damaged);
    coffer_credential_free(key);
}

static void test_check_says_it_and_a_backup_settles_it(void **state)
{
    (void)state;
    struct former former;
    for (unsigned kind = 0; kind < 2; kind++) {
        unmarked = kind == 1;
        create_former(1, &former);
        create(1, HELPER_SIZE);
        helper_put(TAIL, former.tail, BLOCK);
        check_and_settle();
    }
    unmarked = false;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_tail_of_another_volume_with_one_secret, helper_enter, helper_leave),
        cmocka_unit_test_setup_teardown(test_a_front_of_another_volume_with_another_secret, helper_enter,
                                        helper_leave),
        cmocka_unit_test_setup_teardown(test_an_image_over_the_start_of_another_volume, helper_enter,
                                        helper_leave),
        cmocka_unit_test_setup_teardown(test_own_copies_are_still_healed, helper_enter, helper_leave),
        cmocka_unit_test_setup_teardown(test_pieces_of_another_header_are_healed, helper_enter, helper_leave),
        cmocka_unit_test_setup_teardown(test_without_a_magic_the_secret_tells, helper_enter, helper_leave),
        cmocka_unit_test_setup_teardown(test_a_hidden_volume_in_a_mixture, helper_enter, helper_leave),
        cmocka_unit_test_setup_teardown(test_check_says_it_and_a_backup_settles_it, helper_enter, helper_leave),
    };
    return coffer_init(NULL) == COFFER_OK ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
}
