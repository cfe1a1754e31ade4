/* SPDX-License-Identifier: ISC */
/*
 * tcrypt_search.h - which header, key derivation and cipher a secret belongs to: everything is tried.
 */
#ifndef CORE_TCRYPT_SEARCH_H
#define CORE_TCRYPT_SEARCH_H

#include "tcrypt_cipher.h"
#include "tcrypt_kdf.h"
#include "tcrypt_keyfile.h"

#define TCRYPT_PLACES_MAX 3

struct tcrypt_input {
    uint8_t password[TCRYPT_PASSWORD_MAX];
    size_t password_size;
    struct tcrypt_kdf kdf[TCRYPT_KDFS_MAX];
    unsigned kdfs;
    struct {
        uint64_t offset; /* where it was read */
        bool old_only;   /* only TrueCrypt has headers there */
        uint8_t raw[TCRYPT_HEADER_SIZE];
    } place[TCRYPT_PLACES_MAX];
    unsigned places;
};

struct tcrypt_found {
    struct tcrypt_header header;
    const struct tcrypt_cipher *cipher;
    struct tcrypt_kdf kdf;
    uint64_t offset;
};

/* Both in secret memory. Derivations run in as many threads as there are processors, those that need much memory
 * while all that run fit into the memory budget together. Errors: WRONG_SECRET, NO_MEMORY (also: a derivation had
 * to be left out, and the secret may belong to it), INTERRUPTED. */
enum coffer_status tcrypt_search(const struct tcrypt_input *input, const struct coffer_callbacks *callbacks,
                                 struct tcrypt_found *found, struct coffer_error *error);

#endif
