/* SPDX-License-Identifier: ISC */
/*
 * tcrypt_keyfile.h - how TrueCrypt and VeraCrypt mix key files into a passphrase. Pure; everything here is secret.
 */
#ifndef CORE_TCRYPT_KEYFILE_H
#define CORE_TCRYPT_KEYFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TCRYPT_PASSWORD_MAX       128 /* bytes */
#define TCRYPT_PASSWORD_SHORT_MAX 64  /* TrueCrypt's, and up to it the pool is the short one */
#define TCRYPT_KEYFILE_READ       (1u << 20)

/* The effect of key files on either pool. It is a sum: they may come in any order. Zeroed at first. */
struct tcrypt_pool {
    uint8_t small[TCRYPT_PASSWORD_SHORT_MAX];
    uint8_t large[TCRYPT_PASSWORD_MAX];
};

/* Adds one key file, from its start; what is beyond TCRYPT_KEYFILE_READ does not count. */
void tcrypt_pool_add(struct tcrypt_pool *pool, const uint8_t *data, size_t size);

/* What the key derivation gets. passphrase_size <= TCRYPT_PASSWORD_MAX, may be 0 with key files. Returns its size;
 * TrueCrypt is possible where that is <= TCRYPT_PASSWORD_SHORT_MAX. */
size_t tcrypt_password_make(uint8_t out[TCRYPT_PASSWORD_MAX], const uint8_t *passphrase, size_t passphrase_size,
                            const struct tcrypt_pool *pool, bool has_keyfiles);

#endif
