/* SPDX-License-Identifier: ISC */
/* freeotfe_search.h - which digest and cipher a secret opens a critical data block with: everything is tried. */
#ifndef CORE_FREEOTFE_SEARCH_H
#define CORE_FREEOTFE_SEARCH_H

#include "coffer.h"
#include "freeotfe_cdb.h"

struct freeotfe_input {
    const uint8_t *passphrase;
    size_t passphrase_size;
    uint8_t raw[FREEOTFE_CDB_SIZE];
    size_t salt_size; /* bytes, at most FREEOTFE_SALT_MAX */
    uint32_t iterations;
    const char *hash; /* NULL = all */
};

/* Secret memory. */
struct freeotfe_found {
    bool is_old; /* a block of the first format */
    const struct freeotfe_digest *digest;
    const struct freeotfe_cipher *cipher;
    struct freeotfe_plain plain;
};

/* Errors: INVALID (no such hash there), WRONG_SECRET, NO_MEMORY, INTERRUPTED. */
enum coffer_status freeotfe_search(const struct freeotfe_input *input, const struct coffer_callbacks *callbacks,
                                   struct freeotfe_found *found, struct coffer_error *error);

#endif
