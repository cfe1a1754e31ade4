/* SPDX-License-Identifier: ISC */
/* new_header.h - the header of a volume that is being made, outer or hidden. */
#ifndef CORE_NEW_HEADER_H
#define CORE_NEW_HEADER_H

#include "copies.h"

/* What a guess is to cost, from the options. Errors: INVALID, NO_MEMORY. */
enum coffer_status new_header_settle_cost(struct copies *copies, const struct coffer_create_options *options,
                                          const struct coffer_credential *credential, struct coffer_error *error);

/* Master key, volume key, geometry, slot 0 for the secret, everything else random. The caller has set storage,
 * marked, volume, offset, memory and passes, and, where they are given (a hidden volume), salts with salt_known.
 * label: visible, marked only; label and name may be NULL. Errors: NO_MEMORY. */
enum coffer_status new_header_fill(struct copies *copies, const struct header_fields *fields,
                                   const struct coffer_credential *credential, const char *label, const char *name,
                                   struct coffer_error *error);

/* A second secret in slot 1. Errors: INVALID: it is the first one again; NO_MEMORY. */
enum coffer_status new_header_add(struct copies *copies, const struct coffer_credential *credential,
                                  struct coffer_error *error);

/* Tail, flush, front, flush. */
enum coffer_status new_header_write(struct copies *copies, struct coffer_error *error);

#endif
