/* SPDX-License-Identifier: ISC */
/*
 * format.h - what a volume format provides: recognising a store, and opening it.
 *
 * Opening ends in a map from cleartext to the store, and the key of its sectors; everything after that
 * (parallel I/O, read-modify-write, holes) is the same for all formats and knows none of them.
 */
#ifndef CORE_FORMAT_H
#define CORE_FORMAT_H

#include "coffer.h"
#include "crypto.h"
#include "storage.h"

enum segment_kind {
    SEGMENT_CIPHER, /* sectors under the volume's key */
    SEGMENT_PLAIN,  /* stored in the clear; a volume that has one is read and never written */
    SEGMENT_ZERO,   /* reads as zeros, cannot be written */
};

/* A run of cleartext and where it is stored. Starts and sizes are multiples of the sector size. */
struct segment {
    enum segment_kind kind;
    uint64_t start, size;    /* bytes of cleartext */
    uint64_t storage_offset; /* bytes */
    uint64_t tweak;          /* of the first sector, in 512-byte units */
};

#define FORMAT_SEGMENTS_MAX (4u << 20) /* 160 MiB of them */

/* Keep it in secret memory (format_opened_new). */
struct format_opened {
    struct segment
        *segment; /* in order, without gaps, from 0 to data_size; format_opened_place, format_opened_add */
    size_t segments, segments_room;
    uint64_t data_size;
    uint32_t sector_size;
    bool thin;                               /* a stored sector of zeros reads as zeros */
    bool read_only;                          /* the volume must not be written, though the store could be */
    struct crypto_sector_spec sectors;       /* of the same sector size */
    uint64_t protected_start, protected_end; /* of the store: not to be written; equal = nothing */
    struct coffer_info info;                 /* for coffer_volume_info */
};

struct format {
    const char *name;
    bool has_no_header;   /* so that nothing can be checked, a secret neither */
    bool protects_hidden; /* knows coffer_open_options.protect_hidden */

    /* Whether the store has this format's magic; NULL where it has none. Fills the public part of info when it has, and says in `error`
     * what is wrong with it. */
    bool (*recognise)(struct storage *storage, struct coffer_info *info, enum coffer_status *status,
                      struct coffer_error *error);

    /* Errors: as coffer_volume_open. On a store without this format's magic: an attempt with the secret, after which
     * opened->info.unlocked tells whether it opens anything, even when there is another error. */
    enum coffer_status (*open)(struct storage *storage, const struct coffer_credential *credential,
                               const struct coffer_open_options *options, struct format_opened *opened,
                               struct coffer_error *error);
};

extern const struct format FORMAT_COFFER, FORMAT_LUKS, FORMAT_BITLK, FORMAT_FVAULT, FORMAT_QCOW, FORMAT_REFUSED,
    FORMAT_VERACRYPT, FORMAT_TRUECRYPT, FORMAT_LOOPAES_128, FORMAT_LOOPAES_192, FORMAT_LOOPAES_256,
    FORMAT_FREEOTFE;

struct format_opened *format_opened_new(void);
void format_opened_free(struct format_opened *opened);

/* The map is one run of sectors. */
void format_opened_place(struct format_opened *opened, uint64_t size, uint64_t storage_offset, uint64_t tweak);

/* Puts a run of `size` bytes behind the map, whose size grows by that; one that continues the last becomes part of
 * it. `tweak` counts for SEGMENT_CIPHER. Errors: UNSUPPORTED (more than FORMAT_SEGMENTS_MAX), DAMAGED (more bytes
 * than can be counted), NO_MEMORY. */
enum coffer_status format_opened_add(struct format_opened *opened, enum segment_kind kind, uint64_t size,
                                     uint64_t storage_offset, uint64_t tweak, struct coffer_error *error);

/* The format of that name; NULL when there is none. Index from 0; NULL after the last. */
const struct format *format_by_name(const char *name);
const struct format *format_at(unsigned index);

/* The format whose magic the store has, `except` passed over (NULL = none is); NULL when none has. Fills info and *status
 * as its recognise does; else they stay as they are. */
const struct format *format_recognise(struct storage *storage, const struct format *except,
                                      struct coffer_info *info, enum coffer_status *status,
                                      struct coffer_error *error);

#endif
