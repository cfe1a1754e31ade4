/* SPDX-License-Identifier: ISC */
/*
 * tcrypt_cipher.h - the ciphers, cascades and modes of TrueCrypt and VeraCrypt, and how keys lie for each.
 */
#ifndef CORE_TCRYPT_CIPHER_H
#define CORE_TCRYPT_CIPHER_H

#include "crypto.h"
#include "tcrypt_header.h"

#define TCRYPT_KEY_MAX 192 /* bytes that any of them takes */

struct tcrypt_cipher {
    const char *name; /* layers in the order of encryption, then the mode: "serpent-twofish-aes-xts" */
    enum crypto_mode mode;
    unsigned layers;
    enum crypto_cipher layer[CRYPTO_LAYERS_MAX];
};

/* From 0, likely ones first; NULL after the last. */
const struct tcrypt_cipher *tcrypt_cipher_at(unsigned index);

/* Only TrueCrypt has it. */
bool tcrypt_cipher_is_old(const struct tcrypt_cipher *cipher);

/* Bytes of key material, from its start, that the cipher takes. */
size_t tcrypt_cipher_key_size(const struct tcrypt_cipher *cipher);

/* How the sectors of the data area are turned into cleartext; spec: secret memory. */
void tcrypt_cipher_spec(const struct tcrypt_cipher *cipher, const uint8_t *keys, struct crypto_sector_spec *spec);

/* Decrypts a header with derived key material. 0 or a negative errno. plain: secret memory. */
int tcrypt_cipher_open_header(const struct tcrypt_cipher *cipher, const uint8_t *keys,
                              const uint8_t encrypted[TCRYPT_PLAIN_SIZE], uint8_t plain[TCRYPT_PLAIN_SIZE]);

/* The tweak of the first sector of a data area. */
uint64_t tcrypt_cipher_first_tweak(const struct tcrypt_cipher *cipher, uint64_t data_offset);

#endif
