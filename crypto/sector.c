/* SPDX-License-Identifier: ISC */
/*
 * Runs of sectors, each a unit of its own with its own IV, which is set for every one: libgcrypt would count on
 * by 1 per call, and would take tweak 0 without a word where none was set. AES-XTS, the way of our own format, and CBC
 * are libgcrypt's modes; XTS and LRW of other ciphers and of cascades are in sector_masked.c, because libgcrypt's
 * are slow, and loop-AES's many keys in sector_lmk.c. A handle is one thread's at a time.
 */
#include <errno.h>
#include <gcrypt.h>
#include <stdlib.h>
#include <string.h>

#include "crypto.h"
#include "elephant.h"
#include "private.h"
#include "sector_lmk.h"
#include "sector_masked.h"

#define TWEAK_UNIT 512 /* bytes; what the tweak counts */

struct crypto_sector {
    enum crypto_mode mode;
    uint32_t size; /* bytes of a sector */
    unsigned layers;
    struct {
        gcry_cipher_hd_t handle; /* in libgcrypt's secure memory, with the key schedules; NULL: masked */
        enum crypto_cipher cipher;
        size_t block;
        struct sector_iv iv;
    } layer[CRYPTO_LAYERS_MAX];
    struct sector_masked *masked;
    struct sector_lmk *lmk;
    struct elephant elephant;
};

/* ---- making ---- */

/* Bytes after the layers' keys. */
static size_t shared_key_size(const struct crypto_sector_spec *spec)
{
    switch (spec->mode) {
    case CRYPTO_LRW:
    case CRYPTO_LRW_GCM:
        return CRYPTO_LRW_KEY_SIZE;
    case CRYPTO_CBC_ELEPHANT:
        return spec->layer[0].key_size;
    default:
        return spec->iv == CRYPTO_IV_LMK   ? sector_lmk_shared_size(spec)
               : spec->iv == CRYPTO_IV_TCW ? SECTOR_IV_TCW_SIZE
                                           : 0;
    }
}

static bool is_aes_xts(const struct crypto_sector_spec *spec)
{
    return spec->layers == 1 && spec->layer[0].cipher == CRYPTO_AES && spec->mode == CRYPTO_XTS;
}

static bool sizes_fit(const struct crypto_sector_spec *spec)
{
    bool is_power = (spec->sector_size & (spec->sector_size - 1)) == 0;
    uint32_t largest = is_aes_xts(spec) ? 8192 : 4096;
    if (!is_power || spec->sector_size < TWEAK_UNIT || spec->sector_size > largest ||
        (spec->iv_unit != TWEAK_UNIT && spec->iv_unit != spec->sector_size) || spec->layers < 1 ||
        spec->layers > CRYPTO_LAYERS_MAX) {
        return false;
    }
    size_t total = shared_key_size(spec);
    for (unsigned i = 0; i < spec->layers; i++) {
        if (spec->layer[i].key_size == 0 || spec->layer[i].key_size > CRYPTO_SECTOR_KEY_MAX) {
            return false;
        }
        total += spec->layer[i].key_size;
    }
    return total == spec->key_size && total <= CRYPTO_SECTOR_KEY_MAX;
}

/* XTS with K1 = K2 falls to a chosen plaintext; libgcrypt refuses it only in FIPS mode. */
static bool halves_differ(const struct crypto_sector_spec *spec)
{
    size_t at = 0;
    for (unsigned i = 0; spec->mode == CRYPTO_XTS && i < spec->layers; i++) {
        size_t half = spec->layer[i].key_size / 2;
        if (crypto_equal(spec->key + at, spec->key + at + half, half)) {
            return false;
        }
        at += spec->layer[i].key_size;
    }
    return true;
}

static bool uses_own_mode(const struct crypto_sector_spec *spec)
{
    return is_aes_xts(spec) || spec->mode == CRYPTO_CBC || spec->mode == CRYPTO_CBC_OUTER ||
           spec->mode == CRYPTO_CBC_ELEPHANT;
}

static int open_layers(struct crypto_sector *sector, const struct crypto_sector_spec *spec)
{
    bool is_elephant = spec->mode == CRYPTO_CBC_ELEPHANT;
    bool is_cbc = spec->mode == CRYPTO_CBC || is_elephant;
    enum gcry_cipher_modes mode = spec->mode == CRYPTO_XTS ? GCRY_CIPHER_MODE_XTS
                                  : is_cbc                 ? GCRY_CIPHER_MODE_CBC
                                                           : GCRY_CIPHER_MODE_ECB;
    bool own_mode = uses_own_mode(spec);
    const uint8_t *key = spec->key;
    for (unsigned i = 0; i < spec->layers; i++) {
        enum crypto_cipher cipher = spec->layer[i].cipher;
        sector->layer[i].cipher = cipher;
        sector->layer[i].block = cipher_block_size(cipher);
        int failed = sector_iv_open(&sector->layer[i].iv, spec, i);
        if (!failed && own_mode) {
            failed = cipher_open(&sector->layer[i].handle, cipher, mode, key, spec->layer[i].key_size);
        }
        if (!failed && spec->mode == CRYPTO_CBC_OUTER && sector->layer[i].block != sector->layer[0].block) {
            failed = -EOPNOTSUPP;
        }
        if (failed) {
            return failed;
        }
        key += spec->layer[i].key_size;
    }
    if (is_elephant) {
        bool fits = spec->layers == 1 && spec->iv == CRYPTO_IV_EBOIV;
        return fits ? elephant_open(&sector->elephant, key, spec->layer[0].key_size) : -EOPNOTSUPP;
    }
    return own_mode ? 0 : sector_masked_new(&sector->masked, spec);
}

int crypto_sector_new_spec(struct crypto_sector **sector, const struct crypto_sector_spec *spec)
{
    if (!sizes_fit(spec) || !halves_differ(spec)) {
        return -EINVAL;
    }
    struct crypto_sector *made = calloc(1, sizeof(*made));
    if (!made) {
        return -ENOMEM;
    }
    made->mode = spec->mode;
    made->size = spec->sector_size;
    made->layers = spec->layers;
    int failed = spec->iv == CRYPTO_IV_LMK ? sector_lmk_new(&made->lmk, spec) : open_layers(made, spec);
    if (failed) {
        crypto_sector_free(made);
        return failed;
    }
    *sector = made;
    return 0;
}

int crypto_sector_new(struct crypto_sector **sector, const uint8_t key[CRYPTO_SECTOR_KEY_SIZE],
                      uint32_t sector_size)
{
    if (sector_size != 512 && sector_size != 4096) {
        return -EINVAL;
    }
    struct crypto_sector_spec spec = {
        .layer = { { CRYPTO_AES, CRYPTO_SECTOR_KEY_SIZE } },
        .layers = 1,
        .mode = CRYPTO_XTS,
        .iv = CRYPTO_IV_PLAIN64,
        .sector_size = sector_size,
        .iv_unit = TWEAK_UNIT,
        .key_size = CRYPTO_SECTOR_KEY_SIZE,
    };
    memcpy(spec.key, key, CRYPTO_SECTOR_KEY_SIZE);
    int failed = crypto_sector_new_spec(sector, &spec);
    crypto_wipe(&spec, sizeof(spec));
    return failed;
}

void crypto_sector_free(struct crypto_sector *sector)
{
    if (!sector) {
        return;
    }
    for (unsigned i = 0; i < sector->layers; i++) {
        gcry_cipher_close(sector->layer[i].handle); /* wipes; NULL is fine */
        sector_iv_close(&sector->layer[i].iv);
    }
    sector_masked_free(sector->masked);
    sector_lmk_free(sector->lmk);
    elephant_close(&sector->elephant);
    free(sector);
}

/* ---- one sector ---- */

/* XTS, and CBC of a layer, in libgcrypt's mode. */
static void crypt_layer(struct crypto_sector *sector, unsigned i, bool encrypt, uint64_t tweak, uint8_t *out,
                        const uint8_t *in)
{
    uint8_t iv[CIPHER_BLOCK_MAX];
    sector_iv_make(&sector->layer[i].iv, tweak, iv);
    if (sector->layer[i].cipher == CRYPTO_BLOWFISH_LE) {
        for (unsigned at = 0; at < 8; at += 4) { /* the chain runs through swapped words */
            uint8_t word[4] = { iv[at + 3], iv[at + 2], iv[at + 1], iv[at] };
            memcpy(iv + at, word, sizeof(word));
        }
    }
    if (gcry_cipher_setiv(sector->layer[i].handle, iv, sector->layer[i].block)) {
        crypto_panic(); /* the size is right: nothing is left that can fail */
    }
    cipher_crypt(sector->layer[i].handle, sector->layer[i].cipher, encrypt, out, in, sector->size);
}

/* CBC layer by layer; with TCW every layer's ciphertext is whitened. */
static void crypt_cbc(struct crypto_sector *sector, bool encrypt, uint64_t tweak, uint8_t *out, const uint8_t *in)
{
    for (unsigned i = 0; i < sector->layers; i++) {
        unsigned layer = encrypt ? i : sector->layers - 1 - i;
        bool whitened = sector->layer[layer].iv.kind == CRYPTO_IV_TCW;
        if (whitened && !encrypt) {
            memmove(out, in, sector->size);
            sector_iv_whiten(&sector->layer[layer].iv, tweak, out, sector->size);
            in = out;
        }
        crypt_layer(sector, layer, encrypt, tweak, out, in);
        if (whitened && encrypt) {
            sector_iv_whiten(&sector->layer[layer].iv, tweak, out, sector->size);
        }
        in = out;
    }
}

static void crypt_elephant(struct crypto_sector *sector, bool encrypt, uint64_t tweak, uint8_t *out,
                           const uint8_t *in)
{
    if (encrypt) {
        memmove(out, in, sector->size);
        elephant_mix(&sector->elephant, tweak * TWEAK_UNIT, out, sector->size);
        in = out;
    }
    crypt_layer(sector, 0, encrypt, tweak, out, in);
    if (!encrypt) {
        elephant_unmix(&sector->elephant, tweak * TWEAK_UNIT, out, sector->size);
    }
}

/* One chain around all layers, which are ECB. Block by block: these are volumes of twenty years ago. */
static void crypt_outer(struct crypto_sector *sector, bool encrypt, uint64_t tweak, uint8_t *out,
                        const uint8_t *in)
{
    const struct sector_iv *iv = &sector->layer[0].iv;
    size_t block = sector->layer[0].block;
    bool whitened = iv->kind == CRYPTO_IV_TCW;
    uint8_t chain[CIPHER_BLOCK_MAX], next[CIPHER_BLOCK_MAX];
    sector_iv_make(iv, tweak, chain);
    memmove(out, in, sector->size);
    if (whitened && !encrypt) {
        sector_iv_whiten(iv, tweak, out, sector->size);
    }
    for (uint8_t *at = out; at < out + sector->size; at += block) {
        memcpy(next, at, block);
        if (encrypt) {
            blocks_xor(at, at, chain, block);
        }
        for (unsigned i = 0; i < sector->layers; i++) {
            unsigned layer = encrypt ? i : sector->layers - 1 - i;
            cipher_crypt(sector->layer[layer].handle, sector->layer[layer].cipher, encrypt, at, at, block);
        }
        if (!encrypt) {
            blocks_xor(at, at, chain, block);
        }
        memcpy(chain, encrypt ? at : next, block);
    }
    if (whitened && encrypt) {
        sector_iv_whiten(iv, tweak, out, sector->size);
    }
    crypto_wipe(next, sizeof(next));
}

/* ---- runs ---- */

static void crypt_run(struct crypto_sector *sector, bool encrypt, uint64_t tweak, uint8_t *out, const uint8_t *in,
                      size_t size)
{
    if (size % sector->size != 0) {
        crypto_panic();
    }
    if (sector->masked) {
        sector_masked_crypt(sector->masked, &sector->layer[0].iv, encrypt, tweak, out, in, size);
        return;
    }
    if (sector->lmk) {
        sector_lmk_crypt(sector->lmk, encrypt, tweak, out, in, size);
        return;
    }
    for (size_t done = 0; done < size; done += sector->size) {
        if (sector->mode == CRYPTO_XTS) {
            crypt_layer(sector, 0, encrypt, tweak, out + done, in + done);
        } else if (sector->mode == CRYPTO_CBC) {
            crypt_cbc(sector, encrypt, tweak, out + done, in + done);
        } else if (sector->mode == CRYPTO_CBC_ELEPHANT) {
            crypt_elephant(sector, encrypt, tweak, out + done, in + done);
        } else {
            crypt_outer(sector, encrypt, tweak, out + done, in + done);
        }
        tweak += sector->size / TWEAK_UNIT;
    }
}

void crypto_sector_encrypt(struct crypto_sector *sector, uint64_t tweak, uint8_t *out, const uint8_t *in,
                           size_t size)
{
    crypt_run(sector, true, tweak, out, in, size);
}

void crypto_sector_decrypt(struct crypto_sector *sector, uint64_t tweak, uint8_t *out, const uint8_t *in,
                           size_t size)
{
    crypt_run(sector, false, tweak, out, in, size);
}
