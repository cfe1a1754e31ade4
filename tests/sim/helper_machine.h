/* SPDX-License-Identifier: ISC */
/*
 * helper_machine.h - a machine that tests can look into: two media under the public calls, a log of what reached
 * them and in which order, and faults on request.
 *
 * The library opens its backing stores through storage_open and storage_create; the link of these tests puts the
 * functions of this file in front of them (-Wl,--wrap). So what is tested is the public interface as it is.
 * One thread at a time; those that the library starts may use a store together.
 */
#ifndef HELPER_MACHINE_H
#define HELPER_MACHINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "helper_disk.h"

/* The paths that exist. */
#define MACHINE_VOLUME "volume"
#define MACHINE_BACKUP "backup"

struct log_entry {
    enum log_kind { LOG_WRITE, LOG_RESIZE, LOG_SYNC, LOG_SYNC_FAILED } kind;
    uint64_t offset; /* LOG_WRITE: place, size and content; LOG_RESIZE: the new size */
    size_t size;
    uint8_t *data;
};

/* What was done to the volume's medium, in order. */
struct log {
    unsigned entries, capacity;
    struct log_entry *entry;
};

void log_free(struct log *log); /* its entries; leaves it empty */

/* Calls of a backing store that can fail; bits. */
enum {
    CALL_READ = 1,
    CALL_WRITE = 2,
    CALL_SYNC = 4,
    CALL_DISCARD = 8,
    CALL_SEEK = 16,
    CALL_RESIZE = 32,
    CALL_RESERVE = 64,
    CALL_HOLD = 128,
    CALL_PUBLISH = 256,
    CALL_ANY = 511,
};

struct machine {
    struct disk *volume, *backup; /* the media; NULL = not there */
    bool device;                  /* the volume is a block device */
    struct log *log;              /* NULL = not kept */

    /* The call number fail_at (from 1, 0 = none) of the kinds in fail_kinds fails with -fail_with. A write that fails
     * has written half. */
    unsigned fail_kinds, fail_at;
    int fail_with;
    bool fail_on;   /* and all after it */
    unsigned calls; /* of these kinds since machine_fail */
    bool failed;    /* whether it has come to that */

    unsigned open_stores;   /* now */
    uint64_t bytes_written; /* to the volume's medium, ever */
};

extern struct machine machine;

void machine_fail(unsigned kinds, unsigned at, int with);
void machine_fail_from(unsigned kinds, unsigned at, int with);
void machine_fail_never(void);

/* Another medium instead of the volume's; `disk` is taken over. */
void machine_insert(struct disk *disk);

#endif
