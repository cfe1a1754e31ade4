/* SPDX-License-Identifier: ISC */
/* freeotfe_cipher.h - the digests, ciphers and IVs of FreeOTFE and LibreCrypt, and how the sectors of their volumes
 * are made. */
#ifndef CORE_FREEOTFE_CIPHER_H
#define CORE_FREEOTFE_CIPHER_H

#include "crypto.h"

#define FREEOTFE_KEY_MAX 64 /* bytes that any of them takes */

/* By the number that is stored. */
enum freeotfe_iv {
    FREEOTFE_IV_NULL,
    FREEOTFE_IV_NUMBER32,
    FREEOTFE_IV_NUMBER64,
    FREEOTFE_IV_DIGEST32,
    FREEOTFE_IV_DIGEST64,
    FREEOTFE_IV_ESSIV,
    FREEOTFE_IVS,
};

struct freeotfe_digest {
    const char *name; /* "sha512" */
    enum crypto_digest digest;
};

struct freeotfe_cipher {
    const char *name; /* "aes-256-xts" */
    enum crypto_cipher cipher;
    enum crypto_mode mode;
    uint32_t key_size; /* bytes; with the second key of XTS and LRW */
};

/* From 0, likely ones first; NULL after the last. */
const struct freeotfe_digest *freeotfe_digest_at(unsigned index);
const struct freeotfe_cipher *freeotfe_cipher_at(unsigned index);

/* How a critical data block is encrypted, as if it were the first sector; spec: secret memory. */
void freeotfe_cipher_of_cdb(const struct freeotfe_cipher *cipher, const uint8_t *key,
                            struct crypto_sector_spec *spec);

/* How the sectors of a volume are; only CBC has IVs, which `volume_iv` is added to. */
void freeotfe_cipher_of_volume(const struct freeotfe_cipher *cipher, enum crypto_digest digest,
                               enum freeotfe_iv iv, const uint8_t volume_iv[CRYPTO_IV_MASK_SIZE],
                               const uint8_t *key, struct crypto_sector_spec *spec);

/* "aes-256-xts", "3des-192-cbc-plain, volume IV". */
#define FREEOTFE_NAME_MAX 64
void freeotfe_cipher_describe(const struct freeotfe_cipher *cipher, const char *digest, enum freeotfe_iv iv,
                              bool has_volume_iv, char text[FREEOTFE_NAME_MAX]);

#endif
