/* SPDX-License-Identifier: ISC */
/*
 * pbkdf2.c - digests and PBKDF2 over them, for formats of others.
 */
#include <errno.h>
#include <gcrypt.h>
#include <sodium.h>
#include <string.h>

#include "crypto.h"
#include "digest.h"

/* libgcrypt keeps the state of such a short hash on the stack, and leaves it there. */
#define STACK_USED 1024

void crypto_digest(enum crypto_digest digest, uint8_t *out, const void *data, size_t size)
{
    gcry_md_hash_buffer(digest_algorithm(digest), out, data, size);
    sodium_stackzero(STACK_USED);
}

int crypto_pbkdf2(enum crypto_digest digest, uint8_t *out, size_t out_size, const void *password,
                  size_t password_size, const void *salt, size_t salt_size, uint32_t iterations)
{
    const struct crypto_pbkdf2 input = {
        .digest = digest,
        .password = password,
        .password_size = password_size,
        .salt = salt,
        .salt_size = salt_size,
        .iterations = iterations,
    };
    uint8_t block[CRYPTO_DIGEST_MAX];
    size_t size = crypto_digest_size(digest);
    int result = size > 0 ? 0 : -EINVAL;
    for (size_t at = 0; at < out_size && result == 0; at += size) {
        result = crypto_pbkdf2_block(block, &input, (uint32_t)(at / size) + 1);
        memcpy(out + at, block, out_size - at < size ? out_size - at : size);
    }
    crypto_wipe(block, sizeof(block));
    return result;
}
