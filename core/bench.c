/* SPDX-License-Identifier: ISC */
/*
 * bench.c - how fast this machine is at what volumes cost: ciphers and key derivations, one thread each. What is
 * measured is what the library runs for a volume, not a loop of its own.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "crypto.h"
#include "error.h"
#include "memory_budget.h"
#include "scope.h"

#define PIECE (256u << 10) /* bytes: stays in a core's cache, as pieces of a transfer do */

static void free_sector(struct crypto_sector **sector)
{
    crypto_sector_free(*sector);
}

static uint64_t now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

/* ---- ciphers ---- */

static const struct cipher {
    const char *name;
    unsigned layers;
    enum crypto_cipher layer[CRYPTO_LAYERS_MAX]; /* in the order of encryption */
    enum crypto_mode mode;
    uint32_t sector_size;
} CIPHERS[] = {
    { "aes-xts-plain64", 1, { CRYPTO_AES }, CRYPTO_XTS, 4096 },
    { "aes-xts-plain64", 1, { CRYPTO_AES }, CRYPTO_XTS, 512 },
    { "aes-cbc-essiv:sha256", 1, { CRYPTO_AES }, CRYPTO_CBC, 512 },
    { "serpent-xts-plain64", 1, { CRYPTO_SERPENT }, CRYPTO_XTS, 512 },
    { "twofish-xts-plain64", 1, { CRYPTO_TWOFISH }, CRYPTO_XTS, 512 },
    { "camellia-xts-plain64", 1, { CRYPTO_CAMELLIA }, CRYPTO_XTS, 512 },
    { "serpent-twofish-aes-xts", 3, { CRYPTO_SERPENT, CRYPTO_TWOFISH, CRYPTO_AES }, CRYPTO_XTS, 512 },
};

static void fill_spec(const struct cipher *cipher, struct crypto_sector_spec *spec)
{
    uint32_t key_size = cipher->mode == CRYPTO_XTS ? 64 : 32;
    *spec = (struct crypto_sector_spec){
        .layers = cipher->layers,
        .mode = cipher->mode,
        .iv = cipher->mode == CRYPTO_XTS ? CRYPTO_IV_PLAIN64 : CRYPTO_IV_ESSIV,
        .iv_digest = CRYPTO_SHA256,
        .sector_size = cipher->sector_size,
        .iv_unit = 512,
        .key_size = key_size * cipher->layers,
    };
    for (unsigned i = 0; i < cipher->layers; i++) {
        spec->layer[i].cipher = cipher->layer[i];
        spec->layer[i].key_size = key_size;
    }
    crypto_random(spec->key, spec->key_size);
}

typedef void crypt_fn(struct crypto_sector *sector, uint64_t tweak, uint8_t *out, const uint8_t *in, size_t size);

/* Bytes a second. */
static uint64_t measure(struct crypto_sector *sector, crypt_fn *crypt, uint8_t *data, unsigned milliseconds)
{
    crypt(sector, 0, data, data, PIECE); /* what the first time costs is not the rate */
    uint64_t start = now(), end, bytes = 0;
    do {
        crypt(sector, bytes / 512, data, data, PIECE);
        bytes += PIECE;
        end = now();
    } while (end - start < milliseconds * UINT64_C(1000000));
    return (uint64_t)((double)bytes * 1e9 / (double)(end - start));
}

enum coffer_status coffer_bench_cipher(unsigned number, unsigned milliseconds, struct coffer_bench_cipher *result,
                                       struct coffer_error *error)
{
    struct crypto_sector *sector __attribute__((cleanup(free_sector))) = NULL;
    struct crypto_sector_spec *spec __attribute__((cleanup(free_sectors))) = crypto_secret_alloc(sizeof(*spec));
    uint8_t *data __attribute__((cleanup(free_bytes))) = calloc(1, PIECE);
    if (number >= sizeof(CIPHERS) / sizeof(CIPHERS[0])) {
        return error_set(error, COFFER_NOT_FOUND, 0, "there is no cipher of that number");
    }
    if (spec == NULL || data == NULL) {
        return error_set_no_memory(error);
    }
    const struct cipher *cipher = &CIPHERS[number];
    fill_spec(cipher, spec);
    int failed = crypto_sector_new_spec(&sector, spec);
    if (failed) {
        return error_set_system(error, -failed, "cannot prepare the cipher");
    }
    *result = (struct coffer_bench_cipher){
        .name = cipher->name,
        .sector_size = cipher->sector_size,
        .encrypt = measure(sector, crypto_sector_encrypt, data, milliseconds),
        .decrypt = measure(sector, crypto_sector_decrypt, data, milliseconds),
    };
    return COFFER_OK;
}

/* ---- key derivations ---- */

static const struct coffer_bench_kdf KDFS[] = {
    { .name = "argon2id", .memory = 64 << 10, .passes = 3 },
    { .name = "argon2id", .memory = 256 << 10, .passes = 3 },
    { .name = "pbkdf2-sha512", .iterations = 100000 },
    { .name = "pbkdf2-sha256", .iterations = 100000 },
};

static int derive(const struct coffer_bench_kdf *kdf)
{
    static const uint8_t salt[16] = "coffer benchmark";
    uint8_t key[CRYPTO_DIGEST_MAX];
    if (kdf->iterations == 0) {
        return crypto_argon2id(key, "passphrase", 10, salt, kdf->memory, kdf->passes);
    }
    const struct crypto_pbkdf2 input = {
        .digest = strcmp(kdf->name, "pbkdf2-sha512") == 0 ? CRYPTO_SHA512 : CRYPTO_SHA256,
        .password = "passphrase",
        .password_size = 10,
        .salt = salt,
        .salt_size = sizeof(salt),
        .iterations = kdf->iterations,
    };
    return crypto_pbkdf2_block(key, &input, 1);
}

enum coffer_status coffer_bench_kdf(unsigned number, struct coffer_bench_kdf *result, struct coffer_error *error)
{
    if (number >= sizeof(KDFS) / sizeof(KDFS[0])) {
        return error_set(error, COFFER_NOT_FOUND, 0, "there is no key derivation of that number");
    }
    struct coffer_bench_kdf kdf = KDFS[number];
    enum coffer_status status = kdf.memory != 0 ? memory_budget_allows(kdf.memory, error) : COFFER_OK;
    if (status != COFFER_OK) {
        return status;
    }
    uint64_t start = now();
    int failed = derive(&kdf);
    kdf.nanoseconds = now() - start;
    if (failed) {
        return error_set_system(error, -failed, "cannot derive a key");
    }
    *result = kdf;
    return COFFER_OK;
}
