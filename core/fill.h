/* SPDX-License-Identifier: ISC */
/* fill.h - what goes onto the medium around the header of a new volume. */
#ifndef CORE_FILL_H
#define CORE_FILL_H

#include "storage.h"

/* Noise over [start, end). */
enum coffer_status fill_with_noise(struct storage *storage, uint64_t start, uint64_t end,
                                   struct coffer_error *error);

/* What the sectors of a volume look like, under a key that nobody keeps, over [start, end). Errors: also
 * INTERRUPTED. */
enum coffer_status fill_with_sectors(struct storage *storage, uint64_t start, uint64_t end,
                                     const struct coffer_callbacks *callbacks, struct coffer_error *error);

/* INVALID when [start, end) does not read as zeros. */
enum coffer_status fill_check_zero(struct storage *storage, uint64_t start, uint64_t end,
                                   const struct coffer_callbacks *callbacks, struct coffer_error *error);

#endif
