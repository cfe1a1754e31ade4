/* SPDX-License-Identifier: ISC */
/*
 * Argon2id (RFC 9106, version 0x13, one lane) from libsodium, whose vector code does the work in two thirds of the
 * others' time; speed here is strength, because the defender can ask for more work in the same wait.
 *
 * The price: libsodium allocates the work area itself (mmap, unmapped before it returns) and offers no hook, so the
 * area is not locked, not wiped and not marked against core dumps. Whoever could read its pages, in swap or
 * through the kernel, would learn as much as from the derived key. So a process that derives keys makes itself
 * undumpable and warns about unencrypted swap; both are the program's to do. What libsodium leaves on the stack is
 * wiped here: it copies the derived key through a buffer there.
 */
#include <errno.h>
#include <sodium.h>

#include "crypto.h"

/* Deeper than any frame of the derivation, well below the smallest stack of a thread. */
#define STACK_USED 8192

_Static_assert(crypto_pwhash_argon2id_SALTBYTES == 16, "the salt of the format");

int crypto_argon2id(uint8_t out[32], const void *password, size_t password_size, const uint8_t salt[16],
                    uint32_t memory, uint32_t passes)
{
    unsigned long long bytes = (unsigned long long)memory * 1024;
    if (passes < crypto_pwhash_argon2id_OPSLIMIT_MIN || bytes < crypto_pwhash_argon2id_MEMLIMIT_MIN ||
        bytes > crypto_pwhash_argon2id_MEMLIMIT_MAX || password_size > crypto_pwhash_argon2id_PASSWD_MAX) {
        return -EINVAL;
    }
    int failed = crypto_pwhash_argon2id(out, 32, password, password_size, salt, passes, (size_t)bytes,
                                        crypto_pwhash_argon2id_ALG_ARGON2ID13);
    sodium_stackzero(STACK_USED);
    return failed ? -ENOMEM : 0; /* the sizes are right, so nothing else is left to fail */
}
