/* SPDX-License-Identifier: ISC */
/* Damaged, truncated, mixed and restored headers, with a raw key so that thousands of openings cost nothing. */
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

static struct coffer_credential *raw_key(uint8_t fill)
{
    struct coffer_secret *secret = coffer_secret_new(COFFER_RAW_KEY_SIZE);
    struct coffer_credential *credential = coffer_credential_new();
    memset(coffer_secret_data(secret), fill, COFFER_RAW_KEY_SIZE);
    coffer_secret_set_size(secret, COFFER_RAW_KEY_SIZE);
    assert_int_equal(coffer_credential_set_raw_key(credential, secret, NULL), COFFER_OK);
    coffer_secret_free(secret);
    return credential;
}

static void create_with_raw_key(uint8_t fill)
{
    struct coffer_create_options options = helper_small();
    struct coffer_credential *key = raw_key(fill);
    struct coffer_volume *volume;
    options.replace = true;
    assert_int_equal(coffer_volume_create(helper_path, key, &options, &volume, NULL), COFFER_OK);
    assert_int_equal(coffer_volume_pwrite(volume, "content", 8, 0, NULL), COFFER_OK);
    assert_int_equal(coffer_volume_publish(volume, NULL), COFFER_OK);
    assert_int_equal(coffer_volume_close(volume, NULL), COFFER_OK);
    coffer_credential_free(key);
}

static enum coffer_status try_key(uint8_t fill, bool read_only)
{
    struct coffer_open_options options = COFFER_OPEN_OPTIONS_INIT;
    struct coffer_credential *key = raw_key(fill);
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

static void get(uint64_t offset, void *data, size_t size)
{
    int fd = open(helper_path, O_RDONLY);
    assert_int_equal(pread(fd, data, size, (off_t)offset), size);
    close(fd);
}

static void put(uint64_t offset, const void *data, size_t size)
{
    int fd = open(helper_path, O_WRONLY);
    assert_int_equal(pwrite(fd, data, size, (off_t)offset), size);
    close(fd);
}

/* Any one bit of either copy: it opens, and opening for writing leaves two copies that open alone. */
static void test_every_bit_of_one_copy(void **state)
{
    (void)state;
    static const uint64_t place[] = { 0, TAIL };
    create_with_raw_key(1);
    for (unsigned copy = 0; copy < 2; copy++) {
        uint8_t good[BLOCK], bad[BLOCK];
        get(place[copy], good, BLOCK);
        for (unsigned bit = 0; bit < BLOCK * 8; bit++) {
            memcpy(bad, good, BLOCK);
            bad[bit / 8] ^= (uint8_t)(1u << bit % 8);
            put(place[copy], bad, BLOCK);
            enum coffer_status status = try_key(1, true);
            if (status != COFFER_OK) {
                fail_msg("copy %u, bit %u: status %d", copy, bit, (int)status);
            }
        }
        put(place[copy], good, BLOCK);
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
            put(place[copy] + at, noise, at == 0 ? BLOCK : 256);
            assert_int_equal(try_key(1, false), COFFER_OK);
            put(place[1 - copy], noise, BLOCK);
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
    put(2048, noise, 2048);
    put(TAIL + 2048, noise, 2048);
    assert_int_equal(try_key(1, false), COFFER_DAMAGED);
    assert_int_equal(try_key(2, false), COFFER_WRONG_SECRET);
    put(128, noise, 1920);
    put(TAIL + 128, noise, 1920);
    assert_int_equal(try_key(1, false), COFFER_DAMAGED); /* perhaps it was right: the slots are gone */
    put(0, noise, 128);
    put(TAIL, noise, 128);
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
    put(TAIL + 2048, noise, 2048);
    assert_int_equal(try_key(1, false), COFFER_OK);
    put(0, noise, BLOCK);
    assert_int_equal(truncate(helper_path, HELPER_SIZE), 0);
    assert_int_equal(try_key(1, false), COFFER_OK);
}

/* The tail of another volume that the same secret opens belongs to that volume. */
static void test_copies_of_two_volumes_mixed(void **state)
{
    (void)state;
    uint8_t tail[BLOCK], front[BLOCK], now[BLOCK];
    create_with_raw_key(1);
    get(TAIL, tail, BLOCK);
    create_with_raw_key(1);
    get(0, front, BLOCK);
    put(TAIL, tail, BLOCK);
    assert_int_equal(try_key(1, false), COFFER_OK);
    get(TAIL, now, BLOCK);
    assert_memory_not_equal(now, tail, BLOCK);
    put(0, tail, BLOCK); /* a tail is no front */
    assert_int_equal(try_key(1, false), COFFER_OK);
    get(0, now, BLOCK);
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
    struct coffer_credential *key = secret ? raw_key(1) : NULL;
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
    get(300, &byte, 1); /* a slot */
    byte ^= 1;
    put(300, &byte, 1);
    assert_true(damaged_by_check(false, false, NULL));
    create_with_raw_key(1);
    get(3000, &byte, 1); /* the body: nobody sees that without a secret */
    byte ^= 1;
    put(3000, &byte, 1);
    assert_false(damaged_by_check(false, false, NULL));
    assert_true(damaged_by_check(true, false, NULL));
    assert_true(damaged_by_check(true, false, NULL)); /* reading repairs nothing */
    assert_false(damaged_by_check(true, true, &findings));
    assert_int_equal(findings.repaired, 1);
    assert_false(damaged_by_check(true, false, NULL));
}

static void test_backup_and_restore(void **state)
{
    (void)state;
    struct coffer_open_options options = COFFER_OPEN_OPTIONS_INIT;
    struct coffer_credential *key = raw_key(1), *second = raw_key(2), *wrong = raw_key(3);
    struct coffer_header *header;
    struct coffer_error error = COFFER_ERROR_INIT;
    char backup[128];
    uint8_t noise[BLOCK] = { 0 };
    unsigned slot;
    (void)snprintf(backup, sizeof(backup), "%s.backup", helper_path);
    create_with_raw_key(1);
    assert_int_equal(coffer_header_backup(helper_path, backup, NULL, &options, NULL), COFFER_OK);
    assert_int_equal(coffer_header_backup(helper_path, backup, NULL, &options, &error), COFFER_FAILED);
    assert_int_equal(error.sys, EEXIST);
    /* The secret changes, then both copies are lost: the backup brings back the old secret. */
    assert_int_equal(coffer_header_open(helper_path, key, &options, &header, NULL), COFFER_OK);
    assert_int_equal(coffer_header_change_key(header, second, &slot, NULL), COFFER_OK);
    coffer_header_close(header);
    assert_int_equal(coffer_header_restore(helper_path, backup, wrong, &options, NULL), COFFER_WRONG_SECRET);
    assert_int_equal(coffer_header_restore(helper_path, backup, second, &options, NULL), COFFER_WRONG_SECRET);
    assert_int_equal(try_key(2, true), COFFER_OK);
    put(0, noise, BLOCK);
    put(TAIL, noise, BLOCK);
    assert_int_equal(coffer_header_restore(helper_path, backup, key, &options, NULL), COFFER_OK);
    assert_int_equal(try_key(1, false), COFFER_OK);
    assert_int_equal(try_key(2, false), COFFER_WRONG_SECRET);
    assert_false(damaged_by_check(true, false, NULL));
    /* Into a store that was cut short or has grown. */
    assert_int_equal(truncate(helper_path, 2 << 20), 0);
    assert_int_equal(coffer_header_restore(helper_path, backup, key, &options, NULL), COFFER_DAMAGED);
    assert_int_equal(truncate(helper_path, 8 << 20), 0);
    put(0, noise, BLOCK); /* nothing says any more how large it was: it is as large as the store */
    assert_int_equal(coffer_header_restore(helper_path, backup, key, &options, NULL), COFFER_OK);
    put(0, noise, BLOCK);
    assert_int_equal(try_key(1, false), COFFER_OK);
    assert_int_equal(unlink(backup), 0);
    coffer_credential_free(key);
    coffer_credential_free(second);
    coffer_credential_free(wrong);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_every_bit_of_one_copy, helper_enter, helper_leave),
        cmocka_unit_test_setup_teardown(test_healing, helper_enter, helper_leave),
        cmocka_unit_test_setup_teardown(test_both_copies_damaged, helper_enter, helper_leave),
        cmocka_unit_test_setup_teardown(test_truncated_everywhere, helper_enter, helper_leave),
        cmocka_unit_test_setup_teardown(test_a_larger_store, helper_enter, helper_leave),
        cmocka_unit_test_setup_teardown(test_copies_of_two_volumes_mixed, helper_enter, helper_leave),
        cmocka_unit_test_setup_teardown(test_check, helper_enter, helper_leave),
        cmocka_unit_test_setup_teardown(test_backup_and_restore, helper_enter, helper_leave),
    };
    return coffer_init(NULL) == COFFER_OK ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
}
