/* SPDX-License-Identifier: ISC */
/* header_lock.c - the lock on the header, and what is said when others have it. */
#include "header_lock.h"

#include "error.h"

enum coffer_status header_lock(struct storage *storage, struct coffer_error *error)
{
    int held = storage->ops->hold_header(storage, true);
    return held == 0 ? COFFER_OK : error_set(error, COFFER_IN_USE, -held, "its header is being changed elsewhere");
}

void header_unlock(struct storage *storage)
{
    (void)storage->ops->hold_header(storage, false);
}
