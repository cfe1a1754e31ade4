/* SPDX-License-Identifier: ISC */
/*
 * From the number of a sector to its IV. TCW is TrueCrypt's way before 4.1: the seeds are XORed with the number of
 * the sector, and besides the IV they give eight bytes that whiten the ciphertext.
 */
#include "sector_iv.h"

#include <errno.h>
#include <string.h>

#include "digest.h"

static void put_le64(uint8_t *out, uint64_t value)
{
    for (unsigned i = 0; i < 8; i++) {
        out[i] = (uint8_t)(value >> (8 * i));
    }
}

static int open_essiv(struct sector_iv *iv, const struct crypto_sector_spec *spec)
{
    uint8_t salt[CRYPTO_DIGEST_MAX] = { 0 };
    size_t size = crypto_digest_size(spec->iv_digest);
    if (size == 0 || spec->essiv_key_size > sizeof(salt)) {
        return size == 0 ? -EOPNOTSUPP : -EINVAL;
    }
    int failed = digest_of(spec->iv_digest, salt, spec->key, spec->layer[0].key_size);
    if (!failed) {
        failed = cipher_open(&iv->encryptor, iv->cipher, GCRY_CIPHER_MODE_ECB, salt,
                             spec->essiv_key_size ? spec->essiv_key_size : size);
    }
    crypto_wipe(salt, sizeof(salt));
    return failed;
}

int sector_iv_open(struct sector_iv *iv, const struct crypto_sector_spec *spec, unsigned layer)
{
    *iv = (struct sector_iv){ .kind = spec->iv, .cipher = spec->layer[layer].cipher, .digest = spec->iv_digest };
    iv->shift = (uint32_t)__builtin_ctz(spec->iv_unit / 512);
    memcpy(iv->mask, spec->iv_mask, sizeof(iv->mask));
    if (spec->mode != CRYPTO_CBC && !crypto_is_zero(iv->mask, sizeof(iv->mask))) {
        return -EOPNOTSUPP;
    }
    switch (spec->iv) {
    case CRYPTO_IV_NULL:
    case CRYPTO_IV_PLAIN:
    case CRYPTO_IV_PLAIN64:
    case CRYPTO_IV_PLAIN64BE:
        return 0;
    case CRYPTO_IV_DIGEST:
    case CRYPTO_IV_DIGEST64:
        return crypto_digest_size(iv->digest) > 0 ? 0 : -EOPNOTSUPP;
    case CRYPTO_IV_ESSIV:
        return spec->layers == 1 ? open_essiv(iv, spec) : -EOPNOTSUPP;
    case CRYPTO_IV_EBOIV:
        if (spec->layers != 1 || (spec->mode != CRYPTO_CBC && spec->mode != CRYPTO_CBC_ELEPHANT)) {
            return -EOPNOTSUPP;
        }
        return cipher_open(&iv->encryptor, iv->cipher, GCRY_CIPHER_MODE_ECB, spec->key, spec->layer[0].key_size);
    case CRYPTO_IV_TCW:
        if ((spec->mode != CRYPTO_CBC && spec->mode != CRYPTO_CBC_OUTER) || spec->sector_size != 512) {
            return -EOPNOTSUPP;
        }
        iv->seed = crypto_secret_alloc(SECTOR_IV_TCW_SIZE);
        if (!iv->seed) {
            return -ENOMEM;
        }
        memcpy(iv->seed, spec->key + spec->key_size - SECTOR_IV_TCW_SIZE, SECTOR_IV_TCW_SIZE);
        return 0;
    case CRYPTO_IV_LMK:
        break; /* sector_lmk.c */
    }
    return -EOPNOTSUPP;
}

void sector_iv_close(struct sector_iv *iv)
{
    gcry_cipher_close(iv->encryptor); /* NULL is fine */
    crypto_secret_free(iv->seed);
    crypto_wipe(iv->mask, sizeof(iv->mask));
    *iv = (struct sector_iv){ .kind = CRYPTO_IV_NULL };
}

static void digest_number(const struct sector_iv *iv, uint64_t number, uint8_t out[CIPHER_BLOCK_MAX])
{
    uint8_t digest[CRYPTO_DIGEST_MAX] = { 0 }, data[8];
    put_le64(data, number);
    crypto_digest(iv->digest, digest, data, iv->kind == CRYPTO_IV_DIGEST ? 4 : 8);
    memcpy(out, digest, CIPHER_BLOCK_MAX);
}

static void make(const struct sector_iv *iv, uint64_t tweak, uint8_t out[CIPHER_BLOCK_MAX])
{
    uint64_t number = tweak >> iv->shift;
    memset(out, 0, CIPHER_BLOCK_MAX);
    switch (iv->kind) {
    case CRYPTO_IV_NULL:
    case CRYPTO_IV_LMK:
        return;
    case CRYPTO_IV_PLAIN:
        put_le64(out, number & UINT32_MAX);
        return;
    case CRYPTO_IV_PLAIN64:
        put_le64(out, number);
        return;
    case CRYPTO_IV_PLAIN64BE:
        put_le64(out + cipher_block_size(iv->cipher) - 8, __builtin_bswap64(number));
        return;
    case CRYPTO_IV_DIGEST:
    case CRYPTO_IV_DIGEST64:
        digest_number(iv, number, out);
        return;
    case CRYPTO_IV_ESSIV:
    case CRYPTO_IV_EBOIV:
        put_le64(out, iv->kind == CRYPTO_IV_ESSIV ? number : tweak * 512);
        cipher_crypt(iv->encryptor, iv->cipher, true, out, out, cipher_block_size(iv->cipher));
        return;
    case CRYPTO_IV_TCW:
        put_le64(out, number);
        put_le64(out + 8, number);
        blocks_xor(out, out, iv->seed, CIPHER_BLOCK_MAX);
        return;
    }
}

void sector_iv_make(const struct sector_iv *iv, uint64_t tweak, uint8_t out[CIPHER_BLOCK_MAX])
{
    make(iv, tweak, out);
    blocks_xor(out, out, iv->mask, CIPHER_BLOCK_MAX);
}

/* CRC-32 of four bytes, from 0 and without the final complement. */
static uint32_t crc_of_word(const uint8_t *word)
{
    uint32_t crc = 0;
    for (unsigned i = 0; i < 4; i++) {
        crc ^= word[i];
        for (unsigned bit = 0; bit < 8; bit++) {
            crc = crc >> 1 ^ (UINT32_C(0xedb88320) & -(crc & 1));
        }
    }
    return crc;
}

void sector_iv_whiten(const struct sector_iv *iv, uint64_t tweak, uint8_t *data, size_t size)
{
    uint8_t w[16], mask[8];
    put_le64(w, tweak);
    put_le64(w + 8, tweak);
    blocks_xor(w, w, iv->seed + cipher_block_size(iv->cipher), sizeof(w));
    put_le64(mask, crc_of_word(w) ^ crc_of_word(w + 12));
    put_le64(w, crc_of_word(w + 4) ^ crc_of_word(w + 8));
    memcpy(mask + 4, w, 4);
    for (size_t at = 0; at < size; at += sizeof(mask)) {
        blocks_xor(data + at, data + at, mask, sizeof(mask));
    }
    crypto_wipe(w, sizeof(w));
    crypto_wipe(mask, sizeof(mask));
}
