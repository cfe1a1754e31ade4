/* SPDX-License-Identifier: ISC */
/*
 * loop-AES from version 2 on. Sector n is CBC under key n modulo 64. Its IV is the MD5 of all of its cleartext but
 * the first block, and of its number; in version 3 a block of seed stands in front of that, which the length in the
 * padding leaves out. An IV meets nothing but the first block of cleartext. So CBC runs without one, and what it
 * would have been is mixed into the first block of the sector, before encryption or after decryption: the same
 * step, for it depends on the rest only.
 */
#include "sector_lmk.h"

#include <errno.h>
#include <sodium.h>
#include <string.h>

#include "cipher.h"
#include "md5.h"
#include "private.h"

#define SECTOR     512
#define BLOCK      16 /* bytes of the cipher's */
#define KEYS       64
#define SEED       16                         /* bytes of key 65 that count */
#define STACK_USED 2048                       /* bytes, by MD5 for what is no longer in registers */
#define BITS       (8 * (SECTOR - BLOCK + 7)) /* of the message: the number has seven bytes */

struct sector_lmk {
    gcry_cipher_hd_t handle; /* one for all keys, set anew for each: 64 of them would fill the pool */
    enum crypto_cipher cipher;
    size_t key_size;
    uint8_t key[CRYPTO_SECTOR_KEY_MAX];
    md5_words start[4]; /* of the MD5, behind the seed */
    md5_words state[4], block[MD5_BLOCK / 4];
};

static size_t keys_of(const struct crypto_sector_spec *spec)
{
    return spec->key_size == (KEYS + 1) * spec->layer[0].key_size ? KEYS + 1 : KEYS;
}

size_t sector_lmk_shared_size(const struct crypto_sector_spec *spec)
{
    return (keys_of(spec) - 1) * spec->layer[0].key_size;
}

static uint32_t get_le32(const uint8_t *in)
{
    return (uint32_t)in[0] | (uint32_t)in[1] << 8 | (uint32_t)in[2] << 16 | (uint32_t)in[3] << 24;
}

/* ---- making ---- */

static void prepare_start(struct sector_lmk *lmk, const uint8_t *seed)
{
    md5_begin(lmk->start);
    if (seed) {
        for (unsigned i = 0; i < SEED / 4; i++) {
            lmk->block[i] = (md5_words){ 0 } + get_le32(seed + 4 * i);
        }
        md5_add(lmk->start, lmk->block); /* the rest of it is zero, as all of this memory */
        sodium_stackzero(STACK_USED);
    }
}

int sector_lmk_new(struct sector_lmk **lmk, const struct crypto_sector_spec *spec)
{
    if (spec->mode != CRYPTO_CBC || spec->layers != 1 || spec->sector_size != SECTOR ||
        cipher_block_size(spec->layer[0].cipher) != BLOCK) {
        return -EOPNOTSUPP;
    }
    struct sector_lmk *made = crypto_secret_alloc(sizeof(*made));
    if (!made) {
        return -ENOMEM;
    }
    made->cipher = spec->layer[0].cipher;
    made->key_size = spec->layer[0].key_size;
    memcpy(made->key, spec->key, spec->key_size);
    int failed = cipher_open(&made->handle, made->cipher, GCRY_CIPHER_MODE_CBC, made->key, made->key_size);
    if (failed) {
        sector_lmk_free(made);
        return failed;
    }
    prepare_start(made, keys_of(spec) > KEYS ? made->key + KEYS * made->key_size : NULL);
    *lmk = made;
    return 0;
}

void sector_lmk_free(struct sector_lmk *lmk)
{
    if (lmk) {
        gcry_cipher_close(lmk->handle); /* NULL is fine */
        crypto_secret_free(lmk);
    }
}

/* ---- the IV ---- */

/* Block `index` of the message of a sector: the sector from its second block on, then number and padding. */
static void set_block(struct sector_lmk *lmk, unsigned lane, unsigned index, const uint8_t *sector,
                      uint64_t number)
{
    const uint8_t *data = sector + BLOCK + index * MD5_BLOCK;
    bool is_last = index == SECTOR / MD5_BLOCK - 1;
    for (unsigned i = 0; i < (is_last ? MD5_BLOCK - BLOCK : MD5_BLOCK) / 4; i++) {
        lmk->block[i][lane] = get_le32(data + 4 * i);
    }
    if (is_last) {
        lmk->block[12][lane] = (uint32_t)number;
        lmk->block[13][lane] = (uint32_t)(number >> 32 & 0xffffff) | 0x80000000;
        lmk->block[14][lane] = BITS;
        lmk->block[15][lane] = 0;
    }
}

static void mix_word(uint8_t *data, uint32_t word)
{
    for (unsigned i = 0; i < 4; i++) {
        data[i] ^= (uint8_t)(word >> (8 * i));
    }
}

/* Of at most MD5_LANES sectors. Lanes that are left over go on with what they hold, for nothing. */
static void mix_some(struct sector_lmk *lmk, uint64_t number, uint8_t *data, size_t sectors)
{
    memcpy(lmk->state, lmk->start, sizeof(lmk->state));
    for (unsigned index = 0; index < SECTOR / MD5_BLOCK; index++) {
        for (unsigned lane = 0; lane < sectors; lane++) {
            set_block(lmk, lane, index, data + lane * (size_t)SECTOR, number + lane);
        }
        md5_add(lmk->state, lmk->block);
    }
    for (unsigned lane = 0; lane < sectors; lane++) {
        for (unsigned i = 0; i < 4; i++) {
            mix_word(data + lane * (size_t)SECTOR + 4 * i, lmk->state[i][lane]);
        }
    }
}

/* Its own inverse. */
static void mix(struct sector_lmk *lmk, uint64_t number, uint8_t *data, size_t sectors)
{
    while (sectors > 0) {
        size_t some = sectors < MD5_LANES ? sectors : MD5_LANES;
        mix_some(lmk, number, data, some);
        number += some;
        data += some * SECTOR;
        sectors -= some;
    }
    sodium_stackzero(STACK_USED);
}

/* ---- runs ---- */

static const uint8_t NO_IV[BLOCK];

/* CBC without an IV. All sectors of a key one after the other, for setting one takes longer than decrypting a
 * sector. */
static void crypt_all(struct sector_lmk *lmk, bool encrypt, uint64_t number, uint8_t *out, const uint8_t *in,
                      size_t sectors)
{
    for (size_t first = 0; first < sectors && first < KEYS; first++) {
        const uint8_t *key = lmk->key + (number + first) % KEYS * lmk->key_size;
        if (gcry_cipher_setkey(lmk->handle, key, lmk->key_size)) {
            crypto_panic(); /* the size is right: nothing is left that can fail */
        }
        for (size_t i = first; i < sectors; i += KEYS) {
            if (gcry_cipher_setiv(lmk->handle, NO_IV, sizeof(NO_IV))) {
                crypto_panic();
            }
            cipher_crypt(lmk->handle, lmk->cipher, encrypt, out + i * SECTOR, in + i * SECTOR, SECTOR);
        }
    }
}

void sector_lmk_crypt(struct sector_lmk *lmk, bool encrypt, uint64_t tweak, uint8_t *out, const uint8_t *in,
                      size_t size)
{
    size_t sectors = size / SECTOR;
    if (encrypt) {
        memmove(out, in, size);
        mix(lmk, tweak, out, sectors);
        in = out;
    }
    crypt_all(lmk, encrypt, tweak, out, in, sectors);
    if (!encrypt) {
        mix(lmk, tweak, out, sectors);
    }
}
