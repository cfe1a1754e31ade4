/* SPDX-License-Identifier: ISC */
/* loopaes_key.h - loop-AES's keys, from the lines of its key file as GnuPG decrypts it. Pure. */
#ifndef CORE_LOOPAES_KEY_H
#define CORE_LOOPAES_KEY_H

#include "coffer.h"
#include "crypto.h"

#define LOOPAES_KEYS_MAX 65

/* How a line becomes a key: the first `key_size` bytes of its digest, which has as many. */
struct loopaes_hash {
    enum crypto_digest digest;
    uint32_t key_size;
};

/* loop-AES's own choice for keys of 16, 24 or 32 bytes. */
struct loopaes_hash loopaes_hash_of(uint32_t key_size);

/* *keys: 1 (version 1 of loop-AES, the line may be a passphrase), 64 (version 2) or 65 (version 3, the last is a
 * seed), one after the other in `key`, which is secret memory of LOOPAES_KEYS_MAX times key_size bytes. Errors:
 * INVALID, saying what `text` has in place of keys. */
enum coffer_status loopaes_key_make(const uint8_t *text, size_t size, struct loopaes_hash hash, uint8_t *key,
                                    unsigned *keys, struct coffer_error *error);

#endif
