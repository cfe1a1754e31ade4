/* SPDX-License-Identifier: ISC */
/*
 * helper_derive.h - the key derivations of other programs' volumes, counted, for nothing, and held up where they are to
 * meet. The link puts this in front of crypto_pbkdf2_block and crypto_argon2.
 */
#ifndef HELPER_DERIVE_H
#define HELPER_DERIVE_H

#include <stdbool.h>

#include "crypto.h"

/* What was asked for. */
struct derive_call {
    bool argon2;
    enum crypto_digest digest;  /* PBKDF2 */
    uint32_t iterations, block; /* Argon2: passes, 0 */
    uint32_t memory;            /* Argon2, KiB */
    uint8_t salt[16];           /* its start */
    bool failed;
};

enum derive_wait {
    DERIVE_NEVER,
    DERIVE_UNTIL_TWO,     /* run */
    DERIVE_UNTIL_REFUSED, /* the memory budget has said no once */
    DERIVE_UNTIL_FAILED,  /* another had no memory */
};

/* Real derivations until this is called. Then each gives a key that depends on all that it gets, at no cost, and is
 * written down from now on; Argon2 waits, until it has once come to what `wait` says, and fails where it would have more
 * than `room` KiB together with what runs. */
void derive_begin(enum derive_wait wait, uint32_t room);

#define DERIVE_CALLS 256u
unsigned derive_calls(struct derive_call call[DERIVE_CALLS]);

/* The most memory, in KiB, that Argon2 had at one time. */
uint32_t derive_most_memory(void);

#endif
