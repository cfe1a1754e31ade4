/* SPDX-License-Identifier: ISC */
/*
 * XTS and LRW over any ciphers of 16-byte blocks, alone or in cascades. Both encrypt a block between two additions
 * of the same mask; the masks of up to 4 KiB are computed first, then all blocks go through the cipher at once. So
 * do the tweaks of many sectors. In a cascade every layer covers the whole sector; XTS layers have tweak keys of
 * their own, LRW layers share one.
 */
#include "sector_masked.h"

#include <errno.h>
#include <string.h>

#include "private.h"

#define BLOCK      16
#define INDEX_BITS 128 /* of an LRW block index */
#define COUNT_BITS 64  /* of it that counting changes */
#define AHEAD      256 /* sectors whose tweaks are encrypted at once */

struct sector_masked {
    unsigned layers;
    enum crypto_mode mode;
    uint32_t sector_size;
    struct {
        struct blocks blocks;
        struct ecb tweaks;           /* XTS */
        uint8_t first[AHEAD][BLOCK]; /* XTS: the masks of the first blocks of sectors */
    } layer[CRYPTO_LAYERS_MAX];
    /* LRW: the tweak key times what bit i of an index is worth, and times what bits 0 to i are; high half, low half */
    uint64_t power[INDEX_BITS][2], step[COUNT_BITS][2];
    uint8_t mask[BLOCKS_RUN];
};

static uint64_t get_be64(const uint8_t *in)
{
    uint64_t value;
    memcpy(&value, in, sizeof(value));
    return __builtin_bswap64(value);
}

static void put_be64(uint8_t *out, uint64_t value)
{
    value = __builtin_bswap64(value);
    memcpy(out, &value, sizeof(value));
}

/* The lowest bit of an index is 1, or in the order of GCM, where the first bit of a block is, x^127. */
static void prepare_lrw(struct sector_masked *masked, const uint8_t key[CRYPTO_LRW_KEY_SIZE])
{
    bool gcm = masked->mode == CRYPTO_LRW_GCM;
    uint64_t high = get_be64(key), low = get_be64(key + 8);
    for (unsigned degree = 0; degree < INDEX_BITS; degree++) {
        unsigned bit = gcm ? INDEX_BITS - 1 - degree : degree;
        masked->power[bit][0] = high;
        masked->power[bit][1] = low;
        uint64_t carry = gcm ? low & 1 : high >> 63;
        if (gcm) {
            low = low >> 1 | high << 63;
            high = high >> 1 ^ carry * UINT64_C(0xe1) << 56;
        } else {
            high = high << 1 | low >> 63;
            low = low << 1 ^ (carry * 0x87);
        }
    }
    for (unsigned i = 0; i < COUNT_BITS; i++) {
        masked->step[i][0] = masked->power[i][0] ^ (i > 0 ? masked->step[i - 1][0] : 0);
        masked->step[i][1] = masked->power[i][1] ^ (i > 0 ? masked->step[i - 1][1] : 0);
    }
}

static int open_layer(struct sector_masked *masked, const struct crypto_sector_spec *spec, unsigned i,
                      const uint8_t *key)
{
    size_t size = spec->layer[i].key_size;
    if (spec->mode != CRYPTO_XTS) {
        return blocks_open(&masked->layer[i].blocks, spec->layer[i].cipher, key, size);
    }
    int failed = blocks_open(&masked->layer[i].blocks, spec->layer[i].cipher, key, size / 2);
    return failed ? failed : ecb_open(&masked->layer[i].tweaks, spec->layer[i].cipher, key + size / 2, size / 2);
}

int sector_masked_new(struct sector_masked **masked, const struct crypto_sector_spec *spec)
{
    struct sector_masked *made = crypto_secret_alloc(sizeof(*made));
    if (!made) {
        return -ENOMEM;
    }
    made->mode = spec->mode;
    made->sector_size = spec->sector_size;
    made->layers = spec->layers;
    const uint8_t *key = spec->key;
    for (unsigned i = 0; i < spec->layers; i++) {
        int failed = open_layer(made, spec, i, key);
        if (failed) {
            sector_masked_free(made);
            return failed;
        }
        key += spec->layer[i].key_size;
    }
    if (spec->mode != CRYPTO_XTS) {
        prepare_lrw(made, key);
    }
    *masked = made;
    return 0;
}

void sector_masked_free(struct sector_masked *masked)
{
    for (unsigned i = 0; masked && i < masked->layers; i++) {
        blocks_close(&masked->layer[i].blocks);
        ecb_close(&masked->layer[i].tweaks);
    }
    crypto_secret_free(masked);
}

/* One sector's masks from its first: times x from block to block, little-endian. */
static void spread(uint8_t *mask, size_t size, const uint8_t first[BLOCK])
{
    uint64_t t[2];
    memcpy(t, first, BLOCK);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    t[0] = __builtin_bswap64(t[0]);
    t[1] = __builtin_bswap64(t[1]);
#endif
    for (size_t at = 0; at < size; at += BLOCK) {
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
        uint64_t stored[2] = { __builtin_bswap64(t[0]), __builtin_bswap64(t[1]) };
        memcpy(mask + at, stored, BLOCK);
#else
        memcpy(mask + at, t, BLOCK);
#endif
        uint64_t carry = t[1] >> 63;
        t[1] = t[1] << 1 | t[0] >> 63;
        t[0] = t[0] << 1 ^ (carry * 0x87);
    }
}

/* The masks of the first blocks of so many sectors, at most AHEAD. */
static void encrypt_tweaks(struct sector_masked *masked, unsigned layer, const struct sector_iv *iv,
                           uint64_t tweak, size_t sectors)
{
    uint8_t(*first)[BLOCK] = masked->layer[layer].first;
    for (size_t i = 0; i < sectors; i++) {
        sector_iv_make(iv, tweak + i * (masked->sector_size / 512), first[i]);
    }
    ecb_crypt(&masked->layer[layer].tweaks, true, first[0], first[0], sectors * BLOCK);
}

/* From the sector after `done` bytes of those whose tweaks were encrypted. */
static void mask_xts(struct sector_masked *masked, unsigned layer, size_t done, size_t size)
{
    for (size_t at = 0; at < size; at += masked->sector_size) {
        const uint8_t *first = masked->layer[layer].first[(done + at) / masked->sector_size];
        spread(masked->mask + at, masked->sector_size, first);
    }
}

/* product += the tweak key times a number of 64 bits, of which the lowest is worth x^shift. */
static void add_multiple(const struct sector_masked *masked, uint64_t number, unsigned shift, uint64_t product[2])
{
    for (; number != 0; number &= number - 1) {
        unsigned bit = shift + (unsigned)__builtin_ctzll(number);
        product[0] ^= masked->power[bit][0];
        product[1] ^= masked->power[bit][1];
    }
}

/* The tweak key times the index of a block, for blocks that follow each other. Counting on by one flips the lowest
 * clear bit and all below it. */
static void mask_from(const struct sector_masked *masked, uint64_t high, uint64_t low, uint8_t *mask, size_t size)
{
    uint64_t product[2] = { 0, 0 };
    add_multiple(masked, high, COUNT_BITS, product);
    add_multiple(masked, low, 0, product);
    for (size_t at = 0; at < size; at += BLOCK, low++) {
        put_be64(mask + at, product[0]);
        put_be64(mask + at + 8, product[1]);
        unsigned flips = low == UINT64_MAX ? COUNT_BITS - 1 : (unsigned)__builtin_ctzll(~low);
        product[0] ^= masked->step[flips][0];
        product[1] ^= masked->step[flips][1];
    }
}

/* Blocks are counted through all sectors, or in each from what its IV is as a number. */
static void mask_lrw(struct sector_masked *masked, const struct sector_iv *iv, uint64_t tweak, size_t size)
{
    if (iv->kind == CRYPTO_IV_NULL) {
        mask_from(masked, 0, tweak * (512 / BLOCK) + 1, masked->mask, size);
        return;
    }
    for (size_t at = 0; at < size; at += masked->sector_size) {
        uint8_t index[BLOCK];
        sector_iv_make(iv, tweak + at / 512, index);
        mask_from(masked, get_be64(index), get_be64(index + 8), masked->mask + at, masked->sector_size);
    }
}

/* At most BLOCKS_RUN bytes through all layers. */
static void crypt_run(struct sector_masked *masked, const struct sector_iv *iv, bool encrypt, uint64_t tweak,
                      size_t done, uint8_t *out, const uint8_t *in, size_t size)
{
    for (unsigned i = 0; i < masked->layers; i++) {
        unsigned layer = encrypt ? i : masked->layers - 1 - i;
        if (masked->mode != CRYPTO_XTS) {
            mask_lrw(masked, iv, tweak, size);
        } else {
            mask_xts(masked, layer, done, size);
        }
        blocks_crypt_masked(&masked->layer[layer].blocks, encrypt, out, i == 0 ? in : out, masked->mask, size);
    }
}

void sector_masked_crypt(struct sector_masked *masked, const struct sector_iv *iv, bool encrypt, uint64_t tweak,
                         uint8_t *out, const uint8_t *in, size_t size)
{
    const size_t ahead = (size_t)AHEAD * masked->sector_size;
    for (size_t at = 0; at < size;) {
        size_t done = at % ahead, left = size - at, run = left < BLOCKS_RUN ? left : BLOCKS_RUN;
        for (unsigned i = 0; done == 0 && masked->mode == CRYPTO_XTS && i < masked->layers; i++) {
            encrypt_tweaks(masked, i, iv, tweak, (left < ahead ? left : ahead) / masked->sector_size);
        }
        crypt_run(masked, iv, encrypt, tweak, done, out + at, in + at, run);
        tweak += run / 512;
        at += run;
    }
}
