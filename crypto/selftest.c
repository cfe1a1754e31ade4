/* SPDX-License-Identifier: ISC */
/*
 * Known answers for everything a volume depends on, at every start (a few hundred microseconds): a miscompiled
 * or broken library must not get near anybody's data. The answers come from implementations other than the
 * ones in use: Python's hashlib, libargon2 and OpenSSL; tests/unit has the long lists of vectors.
 */
#include <errno.h>
#include <sodium.h>
#include <string.h>

#include "crypto.h"

/* Whether the bytes are those that hex spells. */
static bool matches(const uint8_t *bytes, size_t size, const char *hex)
{
    char spelled[2 * 64 + 1];
    return strlen(hex) == 2 * size && size <= 64 &&
           strcmp(sodium_bin2hex(spelled, sizeof(spelled), bytes, size), hex) == 0;
}

static void count_up(uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        bytes[i] = (uint8_t)i;
    }
}

static void hash(uint8_t *out, size_t out_size, const void *key, size_t key_size, const void *data, size_t size)
{
    struct crypto_hash state;
    crypto_hash_begin(&state, out_size, key, key_size);
    crypto_hash_add(&state, data, size);
    crypto_hash_end(&state, out, out_size);
}

/* The example of RFC 7693, and a keyed one. */
static bool hash_is_right(void)
{
    uint8_t key[32];
    uint8_t out[64];
    count_up(key, sizeof(key));
    hash(out, 64, NULL, 0, "abc", 3);
    if (!matches(out, 64,
                 "ba80a53f981c4d0d6a2797b69f12f6e94c212f14685ac4b74b12bb6fdbffa2d1"
                 "7d87c5392aab792dc252d5de4533cc9518d38aa8dbf1925ab92386edd4009923")) {
        return false;
    }
    hash(out, 16, key, sizeof(key), "abc", 3);
    return matches(out, 16, "1a64be47e4729d951c302ee543f97cf3");
}

static bool argon2id_is_right(void)
{
    uint8_t salt[16];
    uint8_t out[32];
    count_up(salt, sizeof(salt));
    return crypto_argon2id(out, "password", 8, salt, 32, 2) == 0 &&
           matches(out, sizeof(out), "7051b23235b9ac1785936c66426bc83af395e79ec48ecb1951bad387df027584");
}

/* SEAL(00 01 .. 1f, "coffer1 selftest", "associated", "known answer") with the nonce 40 41 .. 57. */
static const uint8_t sealed_answer[] = {
    0x40, 0x41, 0x42, 0x43, 0x44, 0x45, 0x46, 0x47, 0x48, 0x49, 0x4a, 0x4b, 0x4c, 0x4d, 0x4e, 0x4f, 0x50,
    0x51, 0x52, 0x53, 0x54, 0x55, 0x56, 0x57, 0xb1, 0x98, 0xe5, 0x4e, 0x07, 0x04, 0x0b, 0x0e, 0xce, 0x58,
    0x8a, 0xc7, 0x18, 0x88, 0xa1, 0x55, 0xaf, 0x61, 0x40, 0x10, 0xc6, 0xa5, 0xfd, 0xa1, 0xfd, 0xed, 0x04,
    0x43, 0xe0, 0x59, 0xa7, 0x75, 0xd9, 0x1a, 0x4e, 0x2e, 0xe4, 0x09, 0xc9, 0x00, 0x44, 0xaf, 0x41, 0xba,
    0x69, 0xbe, 0x5b, 0x0d, 0x4e, 0x76, 0x31, 0xf1, 0x79, 0x5f, 0x09, 0x52, 0x4e, 0x2f, 0x94, 0x97,
};

static bool seal_is_right(void)
{
    uint8_t key[32];
    uint8_t sealed[sizeof(sealed_answer)];
    uint8_t plain[sizeof(sealed_answer) - CRYPTO_SEAL_OVERHEAD];
    count_up(key, sizeof(key));
    memcpy(sealed, sealed_answer, sizeof(sealed));
    if (!crypto_open(plain, key, "coffer1 selftest", "associated", 10, sealed, sizeof(sealed)) ||
        memcmp(plain, "known answer", sizeof(plain)) != 0) {
        return false;
    }
    sealed[sizeof(sealed) - 1] ^= 1; /* the tag */
    if (crypto_open(plain, key, "coffer1 selftest", "associated", 10, sealed, sizeof(sealed))) {
        return false;
    }
    memcpy(sealed, sealed_answer, sizeof(sealed));
    sealed[24] ^= 1; /* the commitment */
    return !crypto_open(plain, key, "coffer1 selftest", "associated", 10, sealed, sizeof(sealed));
}

/* Two sectors, through and back: the BLAKE2b-256 of the ciphertext of `plain` is `hex`. */
static bool sectors_give(uint32_t sector_size, uint64_t tweak, const uint8_t *plain, uint8_t *work,
                         const char *hex)
{
    struct crypto_sector *sector;
    uint8_t key[CRYPTO_SECTOR_KEY_SIZE];
    uint8_t digest[32];
    size_t size = 2 * (size_t)sector_size;
    count_up(key, sizeof(key));
    if (crypto_sector_new(&sector, key, sector_size) != 0) {
        return false;
    }
    crypto_sector_encrypt(sector, tweak, work, plain, size);
    hash(digest, sizeof(digest), NULL, 0, work, size);
    crypto_sector_decrypt(sector, tweak, work, work, size);
    crypto_sector_free(sector);
    return matches(digest, sizeof(digest), hex) && memcmp(work, plain, size) == 0;
}

static bool sector_is_right(void)
{
    uint8_t plain[8192];
    uint8_t work[8192];
    count_up(plain, 1024);
    if (!sectors_give(512, 7, plain, work, "e3b56f0070dda7443f39d607231a91abc95ed85e206ddc5bad899c24d0daf056")) {
        return false;
    }
    memset(plain, 0, sizeof(plain));
    return sectors_give(4096, UINT64_C(1) << 40, plain, work,
                        "ee649d1bc5ac85f364ccef1c359c2bfc6a67cba1fce674e6aea7319f997c1576");
}

/* A source that is stuck gives the same twice. */
static bool random_moves(void)
{
    uint8_t a[32];
    uint8_t b[32];
    crypto_random(a, sizeof(a));
    crypto_random(b, sizeof(b));
    return memcmp(a, b, sizeof(a)) != 0;
}

int crypto_selftest(void)
{
    return hash_is_right() && argon2id_is_right() && seal_is_right() && sector_is_right() && random_moves() ? 0
                                                                                                            : -EIO;
}
