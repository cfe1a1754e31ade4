/* SPDX-License-Identifier: ISC */
/*
 * cipher.h - libgcrypt's ciphers by our names, and a block cipher over many independent blocks at once.
 */
#ifndef CRYPTO_CIPHER_H
#define CRYPTO_CIPHER_H

#include <gcrypt.h>

#include "crypto.h"

#define CIPHER_BLOCK_MAX 16

/* Block size in bytes; 0: there is no such cipher. */
size_t cipher_block_size(enum crypto_cipher cipher);

/* In the pool, with the key set. `handle` is written on success only. 0, -EINVAL (no such key size), -EOPNOTSUPP,
 * -ENOMEM. */
int cipher_open(gcry_cipher_hd_t *handle, enum crypto_cipher cipher, enum gcry_cipher_modes mode,
                const uint8_t *key, size_t key_size);

/* As gcry_cipher_encrypt and _decrypt, but they cannot fail and know Blowfish's other byte order; out == in is fine. */
void cipher_crypt(gcry_cipher_hd_t handle, enum crypto_cipher cipher, bool encrypt, uint8_t *out,
                  const uint8_t *in, size_t size);

/* A cipher of 16-byte blocks (ecb.c). */
struct ecb {
    enum crypto_cipher cipher;
    gcry_cipher_hd_t handle; /* one of the two, the other is NULL */
    struct kuznyechik *own;
};

/* As cipher_open. May be closed also when it fails. */
int ecb_open(struct ecb *ecb, enum crypto_cipher cipher, const uint8_t *key, size_t key_size);
void ecb_close(struct ecb *ecb);

/* Whole blocks; out == in is fine. */
void ecb_crypt(const struct ecb *ecb, bool encrypt, uint8_t *out, const uint8_t *in, size_t size);

#define BLOCKS_RUN 4096 /* bytes */

/* A cipher of 16-byte blocks, as fast as it goes (blocks.c). Secret memory. */
struct blocks {
    struct ecb ecb;             /* where nothing is faster */
    gcry_cipher_hd_t handle;    /* else NULL */
    uint8_t offset[BLOCKS_RUN]; /* what the mode of `handle` adds by itself before and after */
};

/* As cipher_open; also -EIO. */
int blocks_open(struct blocks *blocks, enum crypto_cipher cipher, const uint8_t *key, size_t key_size);
void blocks_close(struct blocks *blocks);

/* out = E(in ^ mask) ^ mask, block by block; size <= BLOCKS_RUN. `mask` is used up. out == in is fine. */
void blocks_crypt_masked(struct blocks *blocks, bool encrypt, uint8_t *out, const uint8_t *in, uint8_t *mask,
                         size_t size);

/* out = a ^ b; out may be either. */
void blocks_xor(uint8_t *out, const uint8_t *a, const uint8_t *b, size_t size);

#endif
