/* SPDX-License-Identifier: ISC */
/* scope.h - what __attribute__((cleanup)) calls at the end of a scope, for the handles of this folder. */
#ifndef CORE_SCOPE_H
#define CORE_SCOPE_H

#include <stdlib.h>

#include "copies.h"
#include "format.h"
#include "storage.h"
#include "unlock.h"

static inline void free_bytes(uint8_t **bytes)
{
    free(*bytes);
}

static inline void free_secret_bytes(uint8_t **bytes)
{
    crypto_secret_free(*bytes);
}

static inline void free_secret(struct coffer_secret **secret)
{
    coffer_secret_free(*secret);
}

static inline void free_sectors(struct crypto_sector_spec **sectors)
{
    crypto_secret_free(*sectors);
}

static inline void close_storage(struct storage **storage)
{
    storage_close(*storage);
}

static inline void free_image(struct unlock_image **image)
{
    free(*image);
}

static inline void free_copies(struct copies **copies)
{
    copies_free(*copies);
}

static inline void free_opened(struct format_opened **opened)
{
    format_opened_free(*opened);
}

#endif
