/* SPDX-License-Identifier: ISC */
/*
 * Second implementations to compare crypto/ with, put together from other parts than crypto/ uses: BLAKE2b, Argon2id
 * and ChaCha20-Poly1305 from libgcrypt (crypto/: libsodium), XTS from single AES blocks (crypto/: libgcrypt's
 * XTS), HChaCha20 written out. Slow, checked against published vectors, for tests only.
 */
#ifndef HELPER_REFERENCE_H
#define HELPER_REFERENCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* out_size 32, 48 or 64. */
void reference_blake2b(uint8_t *out, size_t out_size, const uint8_t *key, size_t key_size, const uint8_t *data,
                       size_t size);

struct reference_argon2id {
    const uint8_t *password, *salt, *secret, *ad;
    size_t password_size, salt_size, secret_size, ad_size;
    unsigned long memory, passes, lanes;
};

void reference_argon2id(uint8_t out[32], const struct reference_argon2id *input);

void reference_hchacha20(uint8_t out[32], const uint8_t key[32], const uint8_t nonce[16]);

/* sealed: size + 16 bytes. */
void reference_xchacha20poly1305(uint8_t *sealed, const uint8_t key[32], const uint8_t nonce[24],
                                 const uint8_t *ad, size_t ad_size, const uint8_t *plain, size_t size);

/* SEAL with a given nonce; sealed: size + 72 bytes. */
void reference_seal(uint8_t *sealed, const uint8_t key[32], const char *label, const uint8_t nonce[24],
                    const uint8_t *ad, size_t ad_size, const uint8_t *plain, size_t size);

/* One data unit, a multiple of 16 bytes, with AES-256. */
void reference_xts(bool encrypt, const uint8_t key[64], const uint8_t tweak[16], uint8_t *out, const uint8_t *in,
                   size_t size);

/* Bytes that are the same at every run: a small generator, splitmix64. */
uint64_t reference_number(uint64_t *state);
void reference_bytes(uint64_t *state, uint8_t *out, size_t size);

#endif
