/* SPDX-License-Identifier: ISC */
/*
 * Sectors. The published XTS units that are not of sector size prove the reference (XTS from single AES blocks); the
 * reference then proves crypto/sector.c over runs, tweaks and both sector sizes, in place and out of place.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "crypto.h"
#include "helper_reference.h"
#include "helper_vectors.h"

#define RUN_MAX (16 * 4096)

static void put_tweak(uint8_t out[16], uint64_t tweak)
{
    memset(out, 0, 16);
    for (unsigned i = 0; i < 8; i++) {
        out[i] = (uint8_t)(tweak >> (8 * i));
    }
}

struct unit {
    uint8_t key[64], tweak[16], plain[512], cipher[512];
    uint64_t sequence;
    size_t size;
};

static void read_unit(struct vectors *vectors, struct unit *unit)
{
    vectors_exactly(vectors, "key", unit->key, sizeof(unit->key));
    unit->size = vectors_bytes(vectors, "plain", unit->plain, sizeof(unit->plain));
    vectors_exactly(vectors, "cipher", unit->cipher, unit->size);
    if (vectors_has(vectors, "tweak")) {
        vectors_exactly(vectors, "tweak", unit->tweak, sizeof(unit->tweak));
    } else {
        unit->sequence = vectors_number(vectors, "sequence");
        put_tweak(unit->tweak, unit->sequence);
    }
}

static void reference_gives_the_published_answers(void **state)
{
    (void)state;
    static const char *const files[] = { "primitives/aes-256-xts-nist.txt",
                                         "primitives/aes-256-xts-ieee1619.txt" };
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        struct vectors *vectors = vectors_open(files[i]);
        while (vectors_next(vectors)) {
            struct unit unit;
            uint8_t got[512];
            read_unit(vectors, &unit);
            reference_xts(true, unit.key, unit.tweak, got, unit.plain, unit.size);
            assert_memory_equal(got, unit.cipher, unit.size);
            reference_xts(false, unit.key, unit.tweak, got, unit.cipher, unit.size);
            assert_memory_equal(got, unit.plain, unit.size);
        }
        vectors_close(vectors);
    }
}

static void gives_the_answers_of_ieee_1619(void **state)
{
    (void)state;
    struct vectors *vectors = vectors_open("primitives/aes-256-xts-ieee1619.txt");
    while (vectors_next(vectors)) {
        struct unit unit;
        struct crypto_sector *sector;
        uint8_t got[512];
        read_unit(vectors, &unit);
        assert_int_equal(unit.size, 512);
        assert_int_equal(crypto_sector_new(&sector, unit.key, 512), 0);
        crypto_sector_encrypt(sector, unit.sequence, got, unit.plain, 512);
        assert_memory_equal(got, unit.cipher, 512);
        crypto_sector_decrypt(sector, unit.sequence, got, unit.cipher, 512);
        assert_memory_equal(got, unit.plain, 512);
        crypto_sector_free(sector);
    }
    vectors_close(vectors);
}

static void reference_run(const uint8_t key[64], uint32_t sector_size, uint64_t tweak, uint8_t *out,
                          const uint8_t *in, size_t size)
{
    for (size_t at = 0; at < size; at += sector_size, tweak += sector_size / 512) {
        uint8_t block[16];
        put_tweak(block, tweak);
        reference_xts(true, key, block, out + at, in + at, sector_size);
    }
}

/* A run anywhere: far out, around every power of two of the tweak, of any length. */
static uint64_t some_tweak(uint64_t *seed)
{
    uint64_t near = UINT64_C(1) << reference_number(seed) % 63;
    return reference_number(seed) % 3 == 0 ? reference_number(seed) >> 1 : near - 8 + reference_number(seed) % 16;
}

static void check_runs(uint32_t sector_size, uint64_t seed)
{
    static uint8_t plain[RUN_MAX], cipher[RUN_MAX], got[RUN_MAX];
    uint8_t key[64];
    struct crypto_sector *sector;
    reference_bytes(&seed, key, sizeof(key));
    assert_int_equal(crypto_sector_new(&sector, key, sector_size), 0);
    for (unsigned round = 0; round < 60; round++) {
        size_t size = sector_size * (reference_number(&seed) % (RUN_MAX / 4096 + 1));
        uint64_t tweak = some_tweak(&seed);
        reference_bytes(&seed, plain, size);
        reference_run(key, sector_size, tweak, cipher, plain, size);

        crypto_sector_encrypt(sector, tweak, got, plain, size);
        assert_memory_equal(got, cipher, size);
        crypto_sector_decrypt(sector, tweak, got, cipher, size);
        assert_memory_equal(got, plain, size);
        crypto_sector_encrypt(sector, tweak, got, got, size);
        assert_memory_equal(got, cipher, size);
        crypto_sector_decrypt(sector, tweak, got, got, size);
        assert_memory_equal(got, plain, size);
    }
    crypto_sector_free(sector);
}

static void runs_agree_with_the_reference(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 3; seed++) {
        check_runs(512, seed);
        check_runs(4096, seed);
    }
}

/* Eight 512-byte units make up a 4096-byte sector's tweaks: the second sector has the tweak of the ninth unit. */
static void the_tweak_grows_by_512_byte_units(void **state)
{
    (void)state;
    uint64_t seed = 6;
    static uint8_t plain[3 * 4096], run[3 * 4096], single[4096];
    uint8_t key[64];
    struct crypto_sector *large, *small;
    reference_bytes(&seed, key, sizeof(key));
    reference_bytes(&seed, plain, sizeof(plain));
    assert_int_equal(crypto_sector_new(&large, key, 4096), 0);
    assert_int_equal(crypto_sector_new(&small, key, 512), 0);

    crypto_sector_encrypt(large, 256, run, plain, sizeof(plain));
    for (unsigned i = 0; i < 3; i++) {
        crypto_sector_encrypt(large, 256 + 8 * i, single, plain + 4096 * i, 4096);
        assert_memory_equal(single, run + 4096 * i, 4096);
        /* The first 512 bytes of a unit do not depend on its length. */
        crypto_sector_encrypt(small, 256 + 8 * i, single, plain + 4096 * i, 512);
        assert_memory_equal(single, run + 4096 * i, 512);
    }
    crypto_sector_encrypt(small, 256, run, plain, 4096);
    for (unsigned i = 0; i < 8; i++) {
        crypto_sector_encrypt(small, 256 + i, single, plain + 512 * i, 512);
        assert_memory_equal(single, run + 512 * i, 512);
    }
    crypto_sector_free(large);
    crypto_sector_free(small);
}

static void refuses_equal_halves_and_odd_sizes(void **state)
{
    (void)state;
    uint8_t key[64];
    struct crypto_sector *sector = NULL;
    memset(key, 7, sizeof(key));
    assert_int_equal(crypto_sector_new(&sector, key, 4096), -EINVAL);
    key[63] ^= 1;
    static const uint32_t sizes[] = { 0, 1, 511, 513, 1024, 2048, 4095, 8192, UINT32_MAX };
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        assert_int_equal(crypto_sector_new(&sector, key, sizes[i]), -EINVAL);
    }
    assert_null(sector);
    assert_int_equal(crypto_sector_new(&sector, key, 4096), 0);
    crypto_sector_free(sector);
    crypto_sector_free(NULL);
}

/* Several volumes of 16 threads each, then more until the pool is full: an error, not a crash, and all of it comes
 * back. */
static void many_handles_fit_and_too_many_are_an_error(void **state)
{
    (void)state;
    enum { MOST = 4096 };
    struct crypto_sector **sectors = calloc(MOST, sizeof(struct crypto_sector *));
    uint8_t key[64] = { 1 };
    assert_non_null(sectors);
    for (unsigned again = 0; again < 2; again++) {
        unsigned count = 0;
        int failed = 0;
        while (count < MOST && (failed = crypto_sector_new(&sectors[count], key, 512)) == 0) {
            count++;
        }
        assert_int_equal(failed, -ENOMEM);
        assert_true(count >= 100);
        while (count > 0) {
            crypto_sector_free(sectors[--count]);
        }
    }
    free(sectors);
}

struct work {
    pthread_t thread;
    const uint8_t *key;
    uint64_t seed;
    bool right;
};

static void *work(void *argument)
{
    struct work *mine = argument;
    uint8_t *plain = calloc(3, RUN_MAX);
    uint8_t *cipher = plain + RUN_MAX, *back = cipher + RUN_MAX;
    struct crypto_sector *sector;
    mine->right = plain && crypto_sector_new(&sector, mine->key, 4096) == 0;
    for (unsigned round = 0; mine->right && round < 100; round++) {
        uint64_t tweak = 8 * (reference_number(&mine->seed) >> 8);
        plain[round] = (uint8_t)mine->seed;
        crypto_sector_encrypt(sector, tweak, cipher, plain, RUN_MAX);
        crypto_sector_decrypt(sector, tweak, back, cipher, RUN_MAX);
        mine->right = memcmp(back, plain, RUN_MAX) == 0 && memcmp(cipher, plain, RUN_MAX) != 0;
    }
    if (mine->right) {
        crypto_sector_free(sector);
    }
    free(plain);
    return NULL;
}

static void threads_with_handles_of_their_own_do_not_meet(void **state)
{
    (void)state;
    struct work works[4];
    uint8_t key[64];
    uint64_t seed = 7;
    reference_bytes(&seed, key, sizeof(key));
    for (unsigned i = 0; i < 4; i++) {
        works[i] = (struct work){ .key = key, .seed = i };
        assert_int_equal(pthread_create(&works[i].thread, NULL, work, &works[i]), 0);
    }
    for (unsigned i = 0; i < 4; i++) {
        pthread_join(works[i].thread, NULL);
        assert_true(works[i].right);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reference_gives_the_published_answers),
        cmocka_unit_test(gives_the_answers_of_ieee_1619),
        cmocka_unit_test(runs_agree_with_the_reference),
        cmocka_unit_test(the_tweak_grows_by_512_byte_units),
        cmocka_unit_test(refuses_equal_halves_and_odd_sizes),
        cmocka_unit_test(many_handles_fit_and_too_many_are_an_error),
        cmocka_unit_test(threads_with_handles_of_their_own_do_not_meet),
    };
    return crypto_init() == 0 ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
}
