/* SPDX-License-Identifier: ISC */
/*
 * What crypto/ leaves behind: after each call, the process's whole memory is searched for keys that should be in
 * secret memory or nowhere. The calls run deep in the stack, where nothing that comes after reaches by accident.
 *
 * It needs -z now, as the product is linked: the resolver of lazily bound calls saves the vector registers, and what
 * a copy of a key left in them, on the stack.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "crypto.h"
#include "helper_child.h"
#include "helper_maps.h"
#include "helper_vectors.h"

#define DEEP (64 * 1024) /* more than the search and stdio use */

/* Runs with DEEP bytes of stack between itself and the caller. */
__attribute__((noinline)) static bool deep(bool (*function)(void *context), void *context)
{
    volatile uint8_t room[DEEP];
    room[0] = 1;
    room[DEEP - 1] = 1;
    bool result = function(context);
    room[0] = room[DEEP - 1];
    return result;
}

/* A field of the current vector as a needle and, where asked for, in secret memory. */
static struct needle take_field(const struct vectors *vectors, const char *name, uint8_t *secret)
{
    uint8_t bytes[32];
    vectors_exactly(vectors, name, bytes, sizeof(bytes));
    if (secret) {
        memcpy(secret, bytes, sizeof(bytes));
    }
    struct needle needle = needle_of(bytes);
    crypto_wipe(bytes, sizeof(bytes));
    return needle;
}

static bool only_in_secret_memory(const struct needle *needle)
{
    return maps_count(needle) == 1 && maps_count_without(needle, "lo") == 0;
}

struct sealing {
    uint8_t *key;
    uint8_t ad[64], plain[64], sealed[64 + CRYPTO_SEAL_OVERHEAD];
    size_t ad_size, size;
};

static bool do_open(void *context)
{
    struct sealing *s = context;
    return crypto_open(s->plain, s->key, "coffer1 slot", s->ad, s->ad_size, s->sealed, s->size);
}

static bool do_seal(void *context)
{
    struct sealing *s = context;
    crypto_seal(s->sealed, s->key, "coffer1 slot", s->ad, s->ad_size, s->plain, s->size - CRYPTO_SEAL_OVERHEAD);
    return true;
}

/* The inner key of what was just sealed, into secret memory. */
static void find_inner_key(const struct sealing *s, uint8_t okm[64])
{
    static const uint8_t label[16] = "coffer1 slot";
    struct crypto_hash hash;
    crypto_hash_begin(&hash, 64, s->key, 32);
    crypto_hash_add(&hash, label, sizeof(label));
    crypto_hash_add(&hash, s->sealed, 24);
    crypto_hash_add(&hash, s->ad, s->ad_size);
    crypto_hash_end(&hash, okm, 64);
}

static int seals(void *context)
{
    (void)context;
    struct sealing s;
    CHILD_CHECK(crypto_init() == 0);
    struct vectors *vectors = vectors_open("primitives/seal.txt");
    CHILD_CHECK(vectors_next(vectors));
    s.key = crypto_secret_alloc(32);
    CHILD_CHECK(s.key);
    struct needle outer = take_field(vectors, "key", s.key), inner = take_field(vectors, "ek", NULL);
    s.ad_size = vectors_bytes(vectors, "ad", s.ad, sizeof(s.ad));
    s.size = vectors_bytes(vectors, "sealed", s.sealed, sizeof(s.sealed));

    CHILD_CHECK(deep(do_open, &s));
    CHILD_CHECK(maps_count(&inner) == 0);
    CHILD_CHECK(only_in_secret_memory(&outer));
    s.sealed[s.size - 1] ^= 1;
    CHILD_CHECK(!deep(do_open, &s));
    CHILD_CHECK(maps_count(&inner) == 0);
    CHILD_CHECK(deep(do_seal, &s));
    CHILD_CHECK(only_in_secret_memory(&outer));
    uint8_t *okm = crypto_secret_alloc(64);
    CHILD_CHECK(okm);
    find_inner_key(&s, okm);
    CHILD_CHECK(memcmp(okm, s.sealed + 24, 32) == 0);
    inner = needle_of(okm + 32);
    CHILD_CHECK(only_in_secret_memory(&inner));
    return 0;
}

static void a_seal_leaves_no_key(void **state)
{
    (void)state;
    child_must_pass(seals, NULL);
}

struct deriving {
    uint8_t *password, *key;
    uint8_t salt[16];
    uint32_t memory;
};

static bool do_derive(void *context)
{
    struct deriving *d = context;
    return crypto_argon2id(d->key, d->password, 64, d->salt, d->memory, 1) == 0;
}

static int derives(void *context)
{
    (void)context;
    struct deriving d = { .memory = 1024 };
    CHILD_CHECK(crypto_init() == 0);
    struct vectors *vectors = vectors_open("primitives/argon2id.txt");
    do {
        CHILD_CHECK(vectors_next(vectors));
    } while (vectors_number(vectors, "memory") != d.memory);
    d.password = crypto_secret_alloc(64);
    d.key = crypto_secret_alloc(32);
    CHILD_CHECK(d.password && d.key);
    vectors_exactly(vectors, "password", d.password, 64);
    vectors_exactly(vectors, "salt", d.salt, sizeof(d.salt));
    struct needle key = take_field(vectors, "key", NULL);
    CHILD_CHECK(deep(do_derive, &d));
    CHILD_CHECK(only_in_secret_memory(&key));

    struct needle password = needle_random();
    needle_put(&password, d.password);
    d.memory = 8192;
    CHILD_CHECK(deep(do_derive, &d));
    CHILD_CHECK(only_in_secret_memory(&password));
    CHILD_CHECK(maps_count(&key) == 0);
    return 0;
}

static void a_derivation_leaves_neither_password_nor_key(void **state)
{
    (void)state;
    child_must_pass(derives, NULL);
}

static bool do_hash(void *context)
{
    uint8_t **buffers = context;
    struct crypto_hash hash;
    crypto_hash_begin(&hash, 64, buffers[0], 32);
    crypto_hash_add(&hash, buffers[1], 64);
    crypto_hash_end(&hash, buffers[2], 64);
    return true;
}

/* Key files and passphrases are hashed, and a hash is a key. */
static int hashes(void *context)
{
    (void)context;
    CHILD_CHECK(crypto_init() == 0);
    uint8_t *buffers[] = { crypto_secret_alloc(32), crypto_secret_alloc(64), crypto_secret_alloc(64) };
    CHILD_CHECK(buffers[0] && buffers[1] && buffers[2]);
    crypto_random(buffers[0], 32);
    crypto_random(buffers[1], 64);
    CHILD_CHECK(deep(do_hash, buffers));
    struct needle needles[] = {
        needle_of(buffers[0]),      needle_of(buffers[0] + 16), needle_of(buffers[1]),
        needle_of(buffers[1] + 48), needle_of(buffers[2]),      needle_of(buffers[2] + 48)
    };
    for (size_t i = 0; i < sizeof(needles) / sizeof(needles[0]); i++) {
        CHILD_CHECK(only_in_secret_memory(&needles[i]));
    }
    return 0;
}

static void a_hash_leaves_neither_input_nor_result(void **state)
{
    (void)state;
    child_must_pass(hashes, NULL);
}

static bool do_sectors(void *context)
{
    static uint8_t bytes[4096];
    struct crypto_sector *sector;
    if (crypto_sector_new(&sector, context, 512) != 0) {
        return false;
    }
    crypto_sector_encrypt(sector, 1, bytes, bytes, sizeof(bytes));
    crypto_sector_decrypt(sector, 1, bytes, bytes, sizeof(bytes));
    crypto_sector_free(sector);
    return true;
}

static int uses_a_cipher(void *context)
{
    (void)context;
    CHILD_CHECK(crypto_init() == 0);
    uint8_t *key = crypto_secret_alloc(CRYPTO_SECTOR_KEY_SIZE);
    CHILD_CHECK(key);
    crypto_random(key, CRYPTO_SECTOR_KEY_SIZE);
    CHILD_CHECK(deep(do_sectors, key));
    for (size_t at = 0; at < CRYPTO_SECTOR_KEY_SIZE; at += NEEDLE_SIZE) {
        struct needle needle = needle_of(key + at);
        CHILD_CHECK(only_in_secret_memory(&needle));
    }
    return 0;
}

static void a_cipher_leaves_no_key(void **state)
{
    (void)state;
    child_must_pass(uses_a_cipher, NULL);
}

/* loop-AES's: 64 keys and a seed, of AES-128. */
static bool do_many_keys(void *context)
{
    static uint8_t bytes[200 * 512];
    struct crypto_sector *sector;
    if (crypto_sector_new_spec(&sector, context) != 0) {
        return false;
    }
    crypto_sector_encrypt(sector, 1, bytes, bytes, sizeof(bytes));
    crypto_sector_decrypt(sector, 1, bytes, bytes, sizeof(bytes));
    crypto_sector_free(sector);
    return true;
}

static int uses_many_keys(void *context)
{
    (void)context;
    CHILD_CHECK(crypto_init() == 0);
    struct crypto_sector_spec *spec = crypto_secret_alloc(sizeof(*spec));
    CHILD_CHECK(spec);
    spec->layers = 1;
    spec->layer[0].key_size = NEEDLE_SIZE;
    spec->mode = CRYPTO_CBC;
    spec->iv = CRYPTO_IV_LMK;
    spec->sector_size = spec->iv_unit = 512;
    spec->key_size = 65 * NEEDLE_SIZE;
    crypto_random(spec->key, spec->key_size);
    CHILD_CHECK(deep(do_many_keys, spec));
    for (size_t at = 0; at < spec->key_size; at += NEEDLE_SIZE) {
        struct needle needle = needle_of(spec->key + at);
        CHILD_CHECK(only_in_secret_memory(&needle));
    }
    return 0;
}

static void many_keys_leave_none(void **state)
{
    (void)state;
    child_must_pass(uses_many_keys, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_seal_leaves_no_key),
        cmocka_unit_test(a_derivation_leaves_neither_password_nor_key),
        cmocka_unit_test(a_hash_leaves_neither_input_nor_result),
        cmocka_unit_test(a_cipher_leaves_no_key),
        cmocka_unit_test(many_keys_leave_none),
    };
    const char *unusable = maps_unusable();
    if (unusable) {
        puts(unusable);
        return 77;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
