/* SPDX-License-Identifier: ISC */
/* scope.h - what __attribute__((cleanup)) calls at the end of a scope, for the handles of this folder. */
#ifndef CORE_SCOPE_H
#define CORE_SCOPE_H

#include <stdlib.h>

#include "copies.h"
#include "format.h"
#include "storage.h"
#include "unlock.h"

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
