/* SPDX-License-Identifier: ISC */
/*
 * luks2_write.h - the bytes of a LUKS2 header that we make: two copies, each a binary part and JSON, and the area of
 * one key slot behind them.
 */
#ifndef CORE_LUKS2_WRITE_H
#define CORE_LUKS2_WRITE_H

#include "bytes.h"
#include "coffer.h"
#include "luks2_layout.h"
#include "luks_key.h"

#define LUKS2_WRITE_COPY       LUKS2_COPY_MIN         /* bytes of a copy */
#define LUKS2_WRITE_AREA       (2 * LUKS2_WRITE_COPY) /* where the first key slot's area is */
#define LUKS2_WRITE_PASSES_MIN 4                      /* cryptsetup's own limit */
#define LUKS2_WRITE_SALT       32
#define LUKS2_WRITE_DIGEST     32

/* What a header that is not to be used yet has in its "config". */
#define LUKS2_UNFINISHED_JSON ",\"requirements\":{\"mandatory\":[\"" LUKS2_UNFINISHED "\"]}"

/* Nothing secret. */
struct luks2_plan {
    /* set by the caller */
    const char *cipher;                         /* "aes-xts-plain64" */
    uint64_t data_offset, data_size, iv_offset; /* bytes; data_size 0 = to the end; units of 512 bytes */
    uint32_t sector_size;
    uint32_t memory, passes;      /* KiB; of Argon2id */
    uint32_t header_size;         /* bytes that the copies and the areas of key slots have, a multiple of 4096 */
    char label[LUKS2_LABEL_SIZE]; /* NUL-padded */
    bool unfinished;

    /* set by luks2_write_prepare */
    uint32_t key_size, area_size;
    char uuid[37];
    uint8_t slot_salt[LUKS2_WRITE_SALT], digest_salt[LUKS2_WRITE_SALT], digest[LUKS2_WRITE_DIGEST];
};

/* Settles sizes, salts and the digest of the volume key. Errors: NO_MEMORY. */
enum coffer_status luks2_write_prepare(struct luks2_plan *plan, struct coffer_secret *key, const uint8_t uuid[16],
                                       struct coffer_error *error);

/* The area of key slot 0: plan->area_size bytes, secret memory. Errors: NO_MEMORY. */
enum coffer_status luks2_write_slot(const struct luks2_plan *plan, struct coffer_secret *key,
                                    const struct luks_secret *secret, uint8_t *area, struct coffer_error *error);

/* Both copies. Errors: FAILED: the JSON is too long. */
enum coffer_status luks2_write_copies(const struct luks2_plan *plan, uint8_t copies[2 * LUKS2_WRITE_COPY],
                                      struct coffer_error *error);

/* Takes the mark of an unfinished volume from a copy and makes it newer; luks2_write_as then seals it. False: it
 * has none. */
bool luks2_write_finished(struct bytes copy);

/* Makes the copy the first (0) or the second (1), with a salt and a checksum of its own. */
void luks2_write_as(struct bytes copy, unsigned which);

#endif
