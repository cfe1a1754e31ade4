/* SPDX-License-Identifier: ISC */
/*
 * volume.h - an open volume: a map of segments over a backing store, and what its threads share.
 */
#ifndef CORE_VOLUME_H
#define CORE_VOLUME_H

#include <stdatomic.h>

#include "format.h"
#include "range_lock.h"
#include "workers.h"

struct coffer_volume {
    struct storage *storage;
    struct segment *segment; /* in order, without gaps, from 0 to data_size */
    size_t segments;
    uint64_t data_size;
    uint32_t sector_size;
    bool thin;
    bool read_only;
    bool is_new; /* it has just been made: thin, it holds zeros; else nothing that anybody wants */
    struct crypto_sector_spec *sectors; /* secret memory: for coffer_volume_mapping; NULL = forgotten */
    struct coffer_info info;
    struct coffer_callbacks callbacks;       /* of who opened it */
    uint64_t protected_start, protected_end; /* cleartext that must not be written; equal = nothing */

    struct range_lock ranges;
    struct workers workers;
    atomic_int write_error;       /* errno of the first write or discard that failed */
    atomic_uint_fast64_t refused; /* writes into the protected range */
    atomic_int flush_error;       /* errno of the first flush that failed: it fails from then on */
};

/* Takes `storage` over, also when it fails, and the map out of `opened`, unless it fails. */
enum coffer_status volume_new(struct storage *storage, struct format_opened *opened, struct coffer_volume **volume,
                              struct coffer_error *error);

/* The segment that holds cleartext byte `offset` < data_size. */
const struct segment *volume_segment_at(const struct coffer_volume *volume, uint64_t offset);

/* ---- transfer.c: under a range lock, with a worker; 0 or -errno ---- */

int transfer_read(struct coffer_volume *volume, struct worker *worker, uint8_t *data, size_t size,
                  uint64_t offset);
/* data NULL: zeros. */
int transfer_write(struct coffer_volume *volume, struct worker *worker, const uint8_t *data, size_t size,
                   uint64_t offset);

#endif
