/* SPDX-License-Identifier: ISC */
/* format_coffer.h - our own format, from an opened header to a volume. */
#ifndef CORE_FORMAT_COFFER_H
#define CORE_FORMAT_COFFER_H

#include "copies.h"
#include "format.h"
#include "unlock.h"

/* The costs that an unmarked volume can have. */
struct format_coffer_level {
    uint32_t memory; /* KiB */
    uint32_t passes;
};

#define FORMAT_COFFER_LEVELS 5

extern const struct format_coffer_level FORMAT_COFFER_LEVEL[FORMAT_COFFER_LEVELS];

/* Unlocks the header in `image`, marked or not, and writes nothing. Errors: as coffer_volume_open. */
enum coffer_status format_coffer_find(const struct unlock_image *image, const struct coffer_credential *credential,
                                      const struct coffer_open_options *options, struct copies *copies,
                                      struct coffer_error *error);

/* Unlocks the header in `image`, and heals it where the store may be written. Errors: as above. */
enum coffer_status format_coffer_unlock(const struct unlock_image *image,
                                        const struct coffer_credential *credential,
                                        const struct coffer_open_options *options, struct copies *copies,
                                        struct coffer_error *error);

/* The public part of info. */
void format_coffer_describe_public(const struct unlock_image *image, struct coffer_info *info);

/* Map, key and description of the volume whose header is `copies`. */
void format_coffer_describe(struct copies *copies, struct format_opened *opened);

#endif
