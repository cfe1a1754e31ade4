/* SPDX-License-Identifier: ISC */
/*
 * Sectors of foreign formats, compared with second implementations: libgcrypt's own XTS and CBC (which crypto/ does
 * not use for these ciphers), LRW with a multiplication bit by bit, IVs written out, cascades as one layer after the
 * other, and BitLocker's diffuser as its paper draws it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <gcrypt.h>
#include <string.h>

#include "crypto.h"
#include "helper_reference.h"

#define RUN_MAX (5 * 4096)

static const struct {
    enum crypto_cipher cipher;
    uint32_t key_size;
    int algorithm;
    size_t block;
} CIPHERS[] = {
    { CRYPTO_AES, 16, GCRY_CIPHER_AES128, 16 },
    { CRYPTO_AES, 32, GCRY_CIPHER_AES256, 16 },
    { CRYPTO_SERPENT, 16, GCRY_CIPHER_SERPENT128, 16 },
    { CRYPTO_SERPENT, 32, GCRY_CIPHER_SERPENT256, 16 },
    { CRYPTO_TWOFISH, 16, GCRY_CIPHER_TWOFISH128, 16 },
    { CRYPTO_TWOFISH, 32, GCRY_CIPHER_TWOFISH, 16 },
    { CRYPTO_CAMELLIA, 16, GCRY_CIPHER_CAMELLIA128, 16 },
    { CRYPTO_CAMELLIA, 32, GCRY_CIPHER_CAMELLIA256, 16 },
    { CRYPTO_CAST5, 16, GCRY_CIPHER_CAST5, 8 },
    { CRYPTO_BLOWFISH, 56, GCRY_CIPHER_BLOWFISH, 8 },
    { CRYPTO_3DES, 24, GCRY_CIPHER_3DES, 8 },
    { CRYPTO_DES, 8, GCRY_CIPHER_DES, 8 },
};
#define CIPHERS_COUNT (sizeof(CIPHERS) / sizeof(CIPHERS[0]))

static gcry_cipher_hd_t reference_open(int algorithm, int mode, const uint8_t *key, size_t size)
{
    gcry_cipher_hd_t handle;
    assert_int_equal(gcry_cipher_open(&handle, algorithm, mode, 0), 0);
    assert_int_equal(gcry_cipher_setkey(handle, key, size), 0);
    return handle;
}

static void put_le64(uint8_t *out, uint64_t value)
{
    for (unsigned i = 0; i < 8; i++) {
        out[i] = (uint8_t)(value >> (8 * i));
    }
}

/* A spec of one layer with a key from `seed`. */
static struct crypto_sector_spec one_layer(unsigned cipher, enum crypto_mode mode, enum crypto_iv iv,
                                           uint32_t sector_size, uint64_t *seed)
{
    uint32_t key_size = CIPHERS[cipher].key_size * (mode == CRYPTO_XTS ? 2 : 1);
    struct crypto_sector_spec spec = {
        .layer = { { CIPHERS[cipher].cipher, key_size } },
        .layers = 1,
        .mode = mode,
        .iv = iv,
        .sector_size = sector_size,
        .iv_unit = 512,
        .key_size = key_size + (mode == CRYPTO_LRW || mode == CRYPTO_LRW_GCM ? 16 : 0),
    };
    reference_bytes(seed, spec.key, spec.key_size);
    return spec;
}

static void open_spec(struct crypto_sector **sector, const struct crypto_sector_spec *spec)
{
    assert_int_equal(crypto_sector_new_spec(sector, spec), 0);
}

/* Encrypts `plain` of `size` bytes to `cipher`, both ways and in place. */
static void check_run(const struct crypto_sector_spec *spec, uint64_t tweak, const uint8_t *plain,
                      const uint8_t *cipher, size_t size)
{
    static uint8_t got[RUN_MAX];
    struct crypto_sector *sector;
    open_spec(&sector, spec);
    crypto_sector_encrypt(sector, tweak, got, plain, size);
    assert_memory_equal(got, cipher, size);
    crypto_sector_decrypt(sector, tweak, got, got, size);
    assert_memory_equal(got, plain, size);
    crypto_sector_encrypt(sector, tweak, got, got, size);
    assert_memory_equal(got, cipher, size);
    memset(got, 0, size);
    crypto_sector_decrypt(sector, tweak, got, cipher, size);
    assert_memory_equal(got, plain, size);
    crypto_sector_free(sector);
}

static void xts_agrees_with_libgcrypts_own(void **state)
{
    (void)state;
    static uint8_t plain[RUN_MAX], cipher[RUN_MAX];
    uint64_t seed = 11;
    for (unsigned c = 0; c < CIPHERS_COUNT; c++) {
        for (uint32_t sector_size = 512; CIPHERS[c].block == 16 && sector_size <= 4096; sector_size *= 2) {
            struct crypto_sector_spec spec = one_layer(c, CRYPTO_XTS, CRYPTO_IV_PLAIN64, sector_size, &seed);
            gcry_cipher_hd_t xts =
                reference_open(CIPHERS[c].algorithm, GCRY_CIPHER_MODE_XTS, spec.key, spec.key_size);
            size_t size = RUN_MAX - (sector_size < 4096 ? 3 * sector_size : 0);
            uint64_t tweak = UINT64_C(0xfffffffe) - seed % 7 * 8;
            reference_bytes(&seed, plain, size);
            for (size_t at = 0; at < size; at += sector_size) {
                uint8_t iv[16] = { 0 };
                put_le64(iv, tweak + at / 512);
                assert_int_equal(gcry_cipher_setiv(xts, iv, 16), 0);
                assert_int_equal(gcry_cipher_encrypt(xts, cipher + at, sector_size, plain + at, sector_size), 0);
            }
            gcry_cipher_close(xts);
            check_run(&spec, tweak, plain, cipher, size);
        }
    }
}

/* The IV of CBC, as each kind's definition says. */
static void reference_iv(const struct crypto_sector_spec *spec, unsigned c, uint64_t tweak, uint8_t iv[16])
{
    uint64_t number = tweak / (spec->iv_unit / 512);
    uint8_t key[32] = { 0 }, digest[64] = { 0 };
    gcry_cipher_hd_t ecb = NULL;
    memset(iv, 0, 16);
    switch (spec->iv) {
    case CRYPTO_IV_PLAIN:
        put_le64(iv, number & 0xffffffff);
        break;
    case CRYPTO_IV_PLAIN64:
        put_le64(iv, number);
        break;
    case CRYPTO_IV_PLAIN64BE:
        for (unsigned i = 0; i < 8; i++) {
            iv[CIPHERS[c].block - 1 - i] = (uint8_t)(number >> (8 * i));
        }
        break;
    case CRYPTO_IV_DIGEST:
        put_le64(iv, number);
        gcry_md_hash_buffer(GCRY_MD_SHA256, digest, iv, 4);
        memcpy(iv, digest, 16);
        break;
    case CRYPTO_IV_DIGEST64:
        put_le64(iv, number);
        gcry_md_hash_buffer(GCRY_MD_SHA256, digest, iv, 8);
        memcpy(iv, digest, 16);
        break;
    case CRYPTO_IV_ESSIV:
        gcry_md_hash_buffer(spec->iv_digest == CRYPTO_SHA1 ? GCRY_MD_SHA1 : GCRY_MD_SHA256, key, spec->key,
                            spec->layer[0].key_size);
        put_le64(iv, number);
        ecb = reference_open(GCRY_CIPHER_AES256, GCRY_CIPHER_MODE_ECB, key, 32);
        break;
    case CRYPTO_IV_EBOIV:
        put_le64(iv, tweak * 512);
        ecb = reference_open(CIPHERS[c].algorithm, GCRY_CIPHER_MODE_ECB, spec->key, spec->key_size);
        break;
    default:
        break;
    }
    if (ecb != NULL) {
        assert_int_equal(gcry_cipher_encrypt(ecb, iv, 16, NULL, 0), 0);
        gcry_cipher_close(ecb);
    }
    for (unsigned i = 0; i < 16; i++) {
        iv[i] ^= spec->iv_mask[i];
    }
}

static void check_cbc_spec(struct crypto_sector_spec spec, unsigned c, uint64_t *seed)
{
    static uint8_t plain[RUN_MAX], cipher[RUN_MAX];
    uint32_t sector_size = spec.sector_size;
    size_t size = 3 * (size_t)sector_size;
    uint64_t tweak = UINT64_C(0x1fffffff8);
    gcry_cipher_hd_t cbc = reference_open(CIPHERS[c].algorithm, GCRY_CIPHER_MODE_CBC, spec.key, spec.key_size);
    reference_bytes(seed, plain, size);
    for (size_t at = 0; at < size; at += sector_size) {
        uint8_t block[16];
        reference_iv(&spec, c, tweak + at / 512, block);
        assert_int_equal(gcry_cipher_setiv(cbc, block, CIPHERS[c].block), 0);
        assert_int_equal(gcry_cipher_encrypt(cbc, cipher + at, sector_size, plain + at, sector_size), 0);
    }
    gcry_cipher_close(cbc);
    check_run(&spec, tweak, plain, cipher, size);
}

static void check_cbc(unsigned c, enum crypto_iv iv, uint32_t sector_size, uint32_t iv_unit, uint64_t *seed)
{
    struct crypto_sector_spec spec = one_layer(c, CRYPTO_CBC, iv, sector_size, seed);
    spec.iv_digest = CRYPTO_SHA256;
    spec.iv_unit = iv_unit;
    check_cbc_spec(spec, c, seed);
    reference_bytes(seed, spec.iv_mask, sizeof(spec.iv_mask));
    check_cbc_spec(spec, c, seed);
}

/* A digest of 20 bytes for a key of 32: the rest of it is zeros. */
static void check_short_essiv(uint64_t *seed)
{
    struct crypto_sector_spec spec = one_layer(1, CRYPTO_CBC, CRYPTO_IV_ESSIV, 512, seed);
    spec.iv_digest = CRYPTO_SHA1;
    spec.essiv_key_size = 32;
    check_cbc_spec(spec, 1, seed);
}

static void cbc_agrees_for_every_iv(void **state)
{
    (void)state;
    uint64_t seed = 12;
    for (unsigned c = 0; c < CIPHERS_COUNT; c++) {
        check_cbc(c, CRYPTO_IV_NULL, 512, 512, &seed);
        check_cbc(c, CRYPTO_IV_PLAIN, 512, 512, &seed);
        check_cbc(c, CRYPTO_IV_PLAIN64, 4096, 512, &seed);
        check_cbc(c, CRYPTO_IV_PLAIN64, 4096, 4096, &seed);
        check_cbc(c, CRYPTO_IV_PLAIN64BE, 1024, 512, &seed);
        check_cbc(c, CRYPTO_IV_DIGEST, 512, 512, &seed);
        check_cbc(c, CRYPTO_IV_DIGEST64, 1024, 512, &seed);
    }
    check_short_essiv(&seed);
    check_cbc(0, CRYPTO_IV_EBOIV, 512, 512, &seed);
    check_cbc(1, CRYPTO_IV_EBOIV, 4096, 512, &seed);
    check_cbc(1, CRYPTO_IV_ESSIV, 512, 512, &seed);
    check_cbc(1, CRYPTO_IV_ESSIV, 4096, 4096, &seed);
    check_cbc(0, CRYPTO_IV_ESSIV, 512, 512, &seed); /* AES-128 for the data, AES-256 for the IV */
}

/* mask = key * index in GF(2^128), both as big-endian numbers. */
static void reference_lrw_mask(const uint8_t key[16], const uint8_t index[16], uint8_t mask[16])
{
    uint8_t power[16];
    memcpy(power, key, 16);
    memset(mask, 0, 16);
    for (unsigned bit = 0; bit < 128; bit++) {
        for (unsigned i = 0; i < 16 && (index[15 - bit / 8] >> bit % 8 & 1); i++) {
            mask[i] ^= power[i];
        }
        unsigned carry = power[0] >> 7;
        for (unsigned i = 0; i < 16; i++) {
            power[i] = (uint8_t)(power[i] << 1 | (i < 15 ? power[i + 1] >> 7 : 0));
        }
        power[15] = (uint8_t)(power[15] ^ (carry ? 0x87 : 0));
    }
}

/* The same with bits in the order of GCM: the first is 1, the last x^127 (NIST SP 800-38D, 6.3). */
static void reference_lrw_mask_gcm(const uint8_t key[16], const uint8_t index[16], uint8_t mask[16])
{
    uint8_t power[16];
    memcpy(power, key, 16);
    memset(mask, 0, 16);
    for (unsigned bit = 0; bit < 128; bit++) {
        for (unsigned i = 0; i < 16 && (index[bit / 8] << bit % 8 & 0x80); i++) {
            mask[i] ^= power[i];
        }
        unsigned carry = power[15] & 1;
        for (unsigned i = 16; i-- > 0;) {
            power[i] = (uint8_t)(power[i] >> 1 | (i > 0 ? power[i - 1] << 7 : 0));
        }
        power[0] = (uint8_t)(power[0] ^ (carry ? 0xe1 : 0));
    }
}

/* The index of a block: counted from 1 through the volume, or from where plain64, little-endian, says in each sector. */
static void reference_lrw_index(bool counted, uint64_t tweak, size_t at, uint8_t index[16])
{
    memset(index, 0, 16);
    uint64_t low = counted ? tweak * 32 + 1 + at / 16 : at % 512 / 16;
    for (unsigned i = 0; i < 8; i++) {
        index[15 - i] = (uint8_t)(low >> (8 * i));
    }
    if (!counted) {
        put_le64(index, tweak + at / 512);
    }
}

static void check_lrw(unsigned c, enum crypto_mode mode, bool counted, uint64_t *seed)
{
    static uint8_t plain[RUN_MAX], cipher[RUN_MAX];
    struct crypto_sector_spec spec = one_layer(c, mode, counted ? CRYPTO_IV_NULL : CRYPTO_IV_PLAIN64, 512, seed);
    gcry_cipher_hd_t ecb =
        reference_open(CIPHERS[c].algorithm, GCRY_CIPHER_MODE_ECB, spec.key, CIPHERS[c].key_size);
    uint64_t tweak = UINT64_C(0x10000000ff);
    size_t size = RUN_MAX - 1024;
    reference_bytes(seed, plain, size);
    for (size_t at = 0; at < size; at += 16) {
        uint8_t mask[16], index[16], block[16];
        reference_lrw_index(counted, tweak, at, index);
        (mode == CRYPTO_LRW ? reference_lrw_mask : reference_lrw_mask_gcm)(spec.key + spec.key_size - 16, index,
                                                                           mask);
        for (unsigned i = 0; i < 16; i++) {
            block[i] = plain[at + i] ^ mask[i];
        }
        assert_int_equal(gcry_cipher_encrypt(ecb, block, 16, NULL, 0), 0);
        for (unsigned i = 0; i < 16; i++) {
            cipher[at + i] = block[i] ^ mask[i];
        }
    }
    gcry_cipher_close(ecb);
    check_run(&spec, tweak, plain, cipher, size);
}

static void lrw_agrees_with_the_long_way(void **state)
{
    (void)state;
    uint64_t seed = 13;
    for (unsigned c = 0; c < CIPHERS_COUNT; c++) {
        if (CIPHERS[c].block == 16) {
            check_lrw(c, CRYPTO_LRW, true, &seed);
            check_lrw(c, CRYPTO_LRW, false, &seed);
            check_lrw(c, CRYPTO_LRW_GCM, true, &seed);
            check_lrw(c, CRYPTO_LRW_GCM, false, &seed);
        }
    }
}

static void cascades_are_one_layer_after_the_other(void **state)
{
    (void)state;
    static uint8_t plain[RUN_MAX], cipher[RUN_MAX];
    uint64_t seed = 14;
    static const enum crypto_mode modes[] = { CRYPTO_XTS, CRYPTO_LRW, CRYPTO_CBC };
    static const unsigned layers[3] = { 3, 5, 1 };
    for (unsigned m = 0; m < 3; m++) {
        struct crypto_sector_spec all = {
            .layers = 3, .mode = modes[m], .iv = CRYPTO_IV_PLAIN64, .sector_size = 512, .iv_unit = 512
        };
        uint8_t shared[16];
        reference_bytes(&seed, plain, RUN_MAX);
        reference_bytes(&seed, shared, 16);
        memcpy(cipher, plain, RUN_MAX);
        for (unsigned i = 0; i < 3; i++) {
            struct crypto_sector_spec one = one_layer(layers[i], modes[m], CRYPTO_IV_PLAIN64, 512, &seed);
            struct crypto_sector *sector;
            memcpy(one.key + one.layer[0].key_size, shared, modes[m] == CRYPTO_LRW ? 16 : 0);
            memcpy(all.key + all.key_size, one.key, one.layer[0].key_size);
            all.key_size += one.layer[0].key_size;
            all.layer[i] = one.layer[0];
            open_spec(&sector, &one);
            crypto_sector_encrypt(sector, 77, cipher, cipher, RUN_MAX);
            crypto_sector_free(sector);
        }
        if (modes[m] == CRYPTO_LRW) {
            memcpy(all.key + all.key_size, shared, 16);
            all.key_size += 16;
        }
        check_run(&all, 77, plain, cipher, RUN_MAX);
    }
}

/* Tweaks are encrypted for many sectors at once: runs of more than that are their sectors, one after the other. */
static void a_long_run_is_its_sectors(void **state)
{
    (void)state;
    static uint8_t run[600 * 512], sector_of[512];
    uint64_t seed = 20;
    static const enum crypto_mode modes[] = { CRYPTO_XTS, CRYPTO_LRW, CRYPTO_LRW_GCM };
    for (unsigned m = 0; m < 3; m++) {
        struct crypto_sector_spec spec = one_layer(3, modes[m], CRYPTO_IV_PLAIN64, 512, &seed);
        struct crypto_sector *sector;
        open_spec(&sector, &spec);
        memset(run, 7, sizeof(run));
        crypto_sector_encrypt(sector, 1000, run, run, sizeof(run));
        for (size_t at = 0; at < sizeof(run); at += 512) {
            memset(sector_of, 7, sizeof(sector_of));
            crypto_sector_encrypt(sector, 1000 + at / 512, sector_of, sector_of, 512);
            assert_memory_equal(sector_of, run + at, 512);
        }
        crypto_sector_free(sector);
    }
}

static void an_outer_chain_goes_around_all_layers(void **state)
{
    (void)state;
    uint8_t plain[1024], cipher[1024], chain[16] = { 0 };
    uint64_t seed = 15;
    struct crypto_sector_spec spec = {
        .layer = { { CRYPTO_SERPENT, 32 }, { CRYPTO_AES, 32 } },
        .layers = 2,
        .mode = CRYPTO_CBC_OUTER,
        .iv = CRYPTO_IV_PLAIN64,
        .sector_size = 512,
        .iv_unit = 512,
        .key_size = 64,
    };
    reference_bytes(&seed, spec.key, 64);
    reference_bytes(&seed, plain, sizeof(plain));
    gcry_cipher_hd_t first = reference_open(GCRY_CIPHER_SERPENT256, GCRY_CIPHER_MODE_ECB, spec.key, 32);
    gcry_cipher_hd_t second = reference_open(GCRY_CIPHER_AES256, GCRY_CIPHER_MODE_ECB, spec.key + 32, 32);
    for (size_t at = 0; at < sizeof(plain); at += 16) {
        if (at % 512 == 0) {
            memset(chain, 0, 16);
            put_le64(chain, 9 + at / 512);
        }
        for (unsigned i = 0; i < 16; i++) {
            chain[i] ^= plain[at + i];
        }
        assert_int_equal(gcry_cipher_encrypt(first, chain, 16, NULL, 0), 0);
        assert_int_equal(gcry_cipher_encrypt(second, chain, 16, NULL, 0), 0);
        memcpy(cipher + at, chain, 16);
    }
    gcry_cipher_close(first);
    gcry_cipher_close(second);
    check_run(&spec, 9, plain, cipher, sizeof(plain));
}

static uint32_t rotate_left(uint32_t word, unsigned bits)
{
    return bits == 0 ? word : word << bits | word >> (32 - bits);
}

/* Ferguson's diffusers in their encrypting direction, word by word, with indices that are taken modulo `n` as numbers
 * that may be negative. ahead: B, else A. */
static void reference_diffuser(uint32_t *d, int n, bool ahead)
{
    static const unsigned rotations[2][4] = { { 9, 0, 13, 0 }, { 0, 10, 0, 25 } };
    int sign = ahead ? 1 : -1;
    for (int cycle = ahead ? 3 : 5; cycle > 0; cycle--) {
        for (int i = n - 1; i >= 0; i--) {
            uint32_t near = d[((i + 2 * sign) % n + n) % n], far = d[((i + 5 * sign) % n + n) % n];
            d[i] -= near ^ rotate_left(far, rotations[ahead][i % 4]);
        }
    }
}

static void the_elephant_diffuser_is_that_of_its_paper(void **state)
{
    (void)state;
    uint64_t seed = 19, tweak = UINT64_C(0x123456788);
    for (unsigned round = 0; round < 4; round++) {
        static uint8_t plain[3 * 4096], cipher[3 * 4096];
        unsigned c = round % 2; /* AES-128, AES-256 */
        uint32_t sector_size = round < 2 ? 512 : 4096, key_size = CIPHERS[c].key_size;
        struct crypto_sector_spec spec = one_layer(c, CRYPTO_CBC_ELEPHANT, CRYPTO_IV_EBOIV, sector_size, &seed);
        reference_bytes(&seed, spec.key + key_size, key_size);
        spec.key_size = 2 * key_size;
        reference_bytes(&seed, plain, sizeof(plain));
        gcry_cipher_hd_t cbc = reference_open(CIPHERS[c].algorithm, GCRY_CIPHER_MODE_CBC, spec.key, key_size);
        gcry_cipher_hd_t single = reference_open(CIPHERS[c].algorithm, GCRY_CIPHER_MODE_ECB, spec.key, key_size);
        gcry_cipher_hd_t mixer =
            reference_open(CIPHERS[c].algorithm, GCRY_CIPHER_MODE_ECB, spec.key + key_size, key_size);
        for (size_t at = 0; at < (size_t)3 * sector_size; at += sector_size) {
            uint8_t block[2][16] = { { 0 } }, iv[16] = { 0 };
            uint32_t word[1024];
            put_le64(iv, tweak * 512 + at);
            memcpy(block[0], iv, 16);
            memcpy(block[1], iv, 16);
            block[1][15] = 0x80;
            assert_int_equal(gcry_cipher_encrypt(mixer, block, 32, NULL, 0), 0);
            for (uint32_t i = 0; i < sector_size; i += 4) {
                const uint8_t *p = plain + at + i, *k = block[0] + i % 32;
                word[i / 4] = (uint32_t)(p[0] ^ k[0]) | (uint32_t)(p[1] ^ k[1]) << 8 |
                              (uint32_t)(p[2] ^ k[2]) << 16 | (uint32_t)(p[3] ^ k[3]) << 24;
            }
            reference_diffuser(word, (int)sector_size / 4, false);
            reference_diffuser(word, (int)sector_size / 4, true);
            for (uint32_t i = 0; i < sector_size; i++) {
                cipher[at + i] = (uint8_t)(word[i / 4] >> (8 * (i % 4)));
            }
            assert_int_equal(gcry_cipher_encrypt(single, iv, 16, NULL, 0), 0);
            assert_int_equal(gcry_cipher_setiv(cbc, iv, 16), 0);
            assert_int_equal(gcry_cipher_encrypt(cbc, cipher + at, sector_size, NULL, 0), 0);
        }
        gcry_cipher_close(cbc);
        gcry_cipher_close(single);
        gcry_cipher_close(mixer);
        check_run(&spec, tweak, plain, cipher, (size_t)3 * sector_size);
    }
}

static void refuses_what_cannot_be(void **state)
{
    (void)state;
    uint64_t seed = 16;
    struct crypto_sector *sector = NULL;
    const struct crypto_sector_spec good = one_layer(3, CRYPTO_XTS, CRYPTO_IV_PLAIN64, 512, &seed);
    struct crypto_sector_spec bad;
#define REFUSED(result, change)                                      \
    bad = good;                                                      \
    change;                                                          \
    assert_int_equal(crypto_sector_new_spec(&sector, &bad), result); \
    assert_null(sector)
    REFUSED(-EINVAL, bad.layers = 0);
    REFUSED(-EINVAL, bad.layers = 4);
    REFUSED(-EINVAL, bad.layers = 2);
    REFUSED(-EINVAL, bad.key_size = 63);
    REFUSED(-EINVAL, bad.layer[0].key_size = bad.key_size = 62);
    REFUSED(-EINVAL, bad.layer[0].key_size = UINT32_MAX);
    REFUSED(-EINVAL, bad.sector_size = 0);
    REFUSED(-EINVAL, bad.sector_size = 1536);
    REFUSED(-EINVAL, bad.sector_size = 8192);
    REFUSED(-EINVAL, bad.iv_unit = 1024);
    REFUSED(-EINVAL, memcpy(bad.key, bad.key + 32, 32));
    REFUSED(-EOPNOTSUPP, bad.iv = CRYPTO_IV_EBOIV);
    REFUSED(-EOPNOTSUPP, bad.iv_mask[15] = 1); /* XTS has a tweak of its own */
    REFUSED(-EOPNOTSUPP, bad.iv = CRYPTO_IV_DIGEST; bad.iv_digest = CRYPTO_DIGESTS);
    REFUSED(-EINVAL, bad.mode = CRYPTO_LRW); /* no tweak key */
    REFUSED(-EOPNOTSUPP, bad.layer[0].cipher = CRYPTO_CIPHERS);
    REFUSED(-EOPNOTSUPP, bad.mode = CRYPTO_CBC_ELEPHANT; bad.layer[0].key_size = 32); /* not with such an IV */
    bad = one_layer(9, CRYPTO_LRW, CRYPTO_IV_NULL, 512, &seed);                       /* blocks of eight bytes */
    assert_int_equal(crypto_sector_new_spec(&sector, &bad), -EOPNOTSUPP);
    open_spec(&sector, &good);
    crypto_sector_free(sector);
}

/* The largest: three layers for as many threads as a volume ever has. */
static void handles_for_all_threads_of_a_cascade_fit(void **state)
{
    (void)state;
    struct crypto_sector *sectors[32];
    struct crypto_sector_spec spec = {
        .layer = { { CRYPTO_AES, 64 }, { CRYPTO_TWOFISH, 64 }, { CRYPTO_SERPENT, 64 } },
        .layers = 3,
        .mode = CRYPTO_XTS,
        .iv = CRYPTO_IV_PLAIN64,
        .sector_size = 512,
        .iv_unit = 512,
        .key_size = 192,
    };
    uint64_t seed = 18;
    reference_bytes(&seed, spec.key, spec.key_size);
    for (unsigned i = 0; i < 32; i++) {
        open_spec(&sectors[i], &spec);
    }
    for (unsigned i = 0; i < 32; i++) {
        crypto_sector_free(sectors[i]);
    }
}

/* Old TrueCrypt's Blowfish: swapped words in, swapped words out, in every block of the chain. */
static void the_little_endian_blowfish_swaps_words(void **state)
{
    (void)state;
    uint8_t plain[512], cipher[512], chain[8] = { 5 };
    uint64_t seed = 17;
    struct crypto_sector_spec spec = one_layer(9, CRYPTO_CBC, CRYPTO_IV_PLAIN64, 512, &seed);
    gcry_cipher_hd_t ecb = reference_open(GCRY_CIPHER_BLOWFISH, GCRY_CIPHER_MODE_ECB, spec.key, 56);
    spec.layer[0].cipher = CRYPTO_BLOWFISH_LE;
    reference_bytes(&seed, plain, sizeof(plain));
    for (size_t at = 0; at < sizeof(plain); at += 8) {
        uint8_t swapped[8];
        for (unsigned i = 0; i < 8; i++) {
            swapped[i ^ 3] = chain[i] ^ plain[at + i];
        }
        assert_int_equal(gcry_cipher_encrypt(ecb, swapped, 8, NULL, 0), 0);
        for (unsigned i = 0; i < 8; i++) {
            chain[i] = swapped[i ^ 3];
        }
        memcpy(cipher + at, chain, 8);
    }
    gcry_cipher_close(ecb);
    check_run(&spec, 5, plain, cipher, sizeof(plain));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(xts_agrees_with_libgcrypts_own),
        cmocka_unit_test(cbc_agrees_for_every_iv),
        cmocka_unit_test(lrw_agrees_with_the_long_way),
        cmocka_unit_test(cascades_are_one_layer_after_the_other),
        cmocka_unit_test(a_long_run_is_its_sectors),
        cmocka_unit_test(an_outer_chain_goes_around_all_layers),
        cmocka_unit_test(the_elephant_diffuser_is_that_of_its_paper),
        cmocka_unit_test(the_little_endian_blowfish_swaps_words),
        cmocka_unit_test(handles_for_all_threads_of_a_cascade_fit),
        cmocka_unit_test(refuses_what_cannot_be),
    };
    return crypto_init() == 0 ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
}
