/* SPDX-License-Identifier: ISC */
/*
 * Argon2id (RFC 9106, version 0x13, one lane) from libsodium, whose vector code makes it a third faster than
 * the others; speed here is strength, because the defender can ask for more work in the same wait.
 */
#include <errno.h>
#include <sodium.h>

#include "crypto.h"

_Static_assert(crypto_pwhash_argon2id_SALTBYTES == 16, "the salt of the format");

int crypto_argon2id(uint8_t out[32], const void *password, size_t password_size, const uint8_t salt[16],
                    uint32_t memory, uint32_t passes)
{
    unsigned long long bytes = (unsigned long long)memory * 1024;
    if (passes < crypto_pwhash_argon2id_OPSLIMIT_MIN || bytes < crypto_pwhash_argon2id_MEMLIMIT_MIN ||
        bytes > crypto_pwhash_argon2id_MEMLIMIT_MAX || password_size > crypto_pwhash_argon2id_PASSWD_MAX) {
        return -EINVAL;
    }
    if (crypto_pwhash_argon2id(out, 32, password, password_size, salt, passes, (size_t)bytes,
                               crypto_pwhash_argon2id_ALG_ARGON2ID13) != 0) {
        return -ENOMEM;
    }
    return 0;
}
