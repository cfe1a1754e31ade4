/* SPDX-License-Identifier: ISC */
/*
 * libgcrypt's ciphers by our names. TrueCrypt's Blowfish reads the words of a block little-endian; that is standard
 * Blowfish between two swaps, and because a swap commutes with XOR, the chaining modes go through it unchanged.
 */
#include <errno.h>
#include <string.h>

#include "cipher.h"
#include "private.h"

struct known {
    enum crypto_cipher cipher;
    uint32_t key_size; /* 0: any */
    int algorithm;
};

static const struct known KNOWN[] = {
    { CRYPTO_AES, 16, GCRY_CIPHER_AES128 },
    { CRYPTO_AES, 24, GCRY_CIPHER_AES192 },
    { CRYPTO_AES, 32, GCRY_CIPHER_AES256 },
    { CRYPTO_SERPENT, 16, GCRY_CIPHER_SERPENT128 },
    { CRYPTO_SERPENT, 24, GCRY_CIPHER_SERPENT192 },
    { CRYPTO_SERPENT, 32, GCRY_CIPHER_SERPENT256 },
    { CRYPTO_TWOFISH, 16, GCRY_CIPHER_TWOFISH128 },
    { CRYPTO_TWOFISH, 32, GCRY_CIPHER_TWOFISH },
    { CRYPTO_CAMELLIA, 16, GCRY_CIPHER_CAMELLIA128 },
    { CRYPTO_CAMELLIA, 24, GCRY_CIPHER_CAMELLIA192 },
    { CRYPTO_CAMELLIA, 32, GCRY_CIPHER_CAMELLIA256 },
    { CRYPTO_CAST5, 16, GCRY_CIPHER_CAST5 },
    { CRYPTO_BLOWFISH, 0, GCRY_CIPHER_BLOWFISH },
    { CRYPTO_BLOWFISH_LE, 0, GCRY_CIPHER_BLOWFISH },
    { CRYPTO_3DES, 24, GCRY_CIPHER_3DES },
    { CRYPTO_DES, 8, GCRY_CIPHER_DES },
};

size_t cipher_block_size(enum crypto_cipher cipher)
{
    if (cipher == CRYPTO_KUZNYECHIK) {
        return 16; /* ecb.c */
    }
    for (size_t i = 0; i < sizeof(KNOWN) / sizeof(KNOWN[0]); i++) {
        if (KNOWN[i].cipher == cipher) {
            return gcry_cipher_get_algo_blklen(KNOWN[i].algorithm);
        }
    }
    return 0;
}

size_t crypto_cipher_block(enum crypto_cipher cipher)
{
    return cipher_block_size(cipher);
}

static int algorithm_of(enum crypto_cipher cipher, size_t key_size)
{
    for (size_t i = 0; i < sizeof(KNOWN) / sizeof(KNOWN[0]); i++) {
        if (KNOWN[i].cipher == cipher && (KNOWN[i].key_size == 0 || KNOWN[i].key_size == key_size)) {
            return KNOWN[i].algorithm;
        }
    }
    return GCRY_CIPHER_NONE;
}

int cipher_open(gcry_cipher_hd_t *handle, enum crypto_cipher cipher, enum gcry_cipher_modes mode,
                const uint8_t *key, size_t key_size)
{
    int algorithm = algorithm_of(cipher, mode == GCRY_CIPHER_MODE_XTS ? key_size / 2 : key_size);
    if (algorithm == GCRY_CIPHER_NONE) {
        return cipher == CRYPTO_KUZNYECHIK ? -EOPNOTSUPP : -EINVAL;
    }
    gcry_cipher_hd_t made;
    gcry_error_t error = gcry_cipher_open(&made, algorithm, (int)mode, GCRY_CIPHER_SECURE);
    if (error) {
        return gcry_err_code(error) == GPG_ERR_ENOMEM ? -ENOMEM : -EOPNOTSUPP;
    }
    pool_lock_handle(made);
    if (gcry_cipher_setkey(made, key, key_size)) {
        gcry_cipher_close(made);
        return -EINVAL;
    }
    *handle = made;
    return 0;
}

static void swap_words(uint8_t *out, const uint8_t *in, size_t size)
{
    for (size_t at = 0; at < size; at += 4) {
        uint32_t word;
        memcpy(&word, in + at, 4);
        word = __builtin_bswap32(word);
        memcpy(out + at, &word, 4);
    }
}

void cipher_crypt(gcry_cipher_hd_t handle, enum crypto_cipher cipher, bool encrypt, uint8_t *out,
                  const uint8_t *in, size_t size)
{
    bool swapped = cipher == CRYPTO_BLOWFISH_LE;
    if (swapped) {
        swap_words(out, in, size);
        in = out;
    }
    if ((encrypt ? gcry_cipher_encrypt : gcry_cipher_decrypt)(handle, out, size, in, size)) {
        crypto_panic(); /* sizes are right and the key is set: nothing is left that can fail */
    }
    if (swapped) {
        swap_words(out, out, size);
    }
}
