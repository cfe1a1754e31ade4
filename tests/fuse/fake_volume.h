/* SPDX-License-Identifier: ISC */
/*
 * fake_volume.h - a test double of the part of libcoffer that the FUSE layer uses: the coffer_volume_* functions
 * over a plain file without any cryptography, with faults that a test switches on and off while it runs.
 */
#ifndef FAKE_VOLUME_H
#define FAKE_VOLUME_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "coffer.h"

enum fake_call { FAKE_READ, FAKE_WRITE, FAKE_FLUSH, FAKE_DISCARD, FAKE_SEEK, FAKE_CALLS };

/* What a volume is to do wrong, and what it has been asked to do; changed and read at any time. */
struct fake_faults {
    atomic_int fault[FAKE_CALLS]; /* errno with which a call fails; -1: with none; 0: it works */
    _Atomic uint64_t from, to;    /* reads and writes fail only if they touch [from, to); 0, 0: any */
    atomic_uint gate;             /* writes wait until so many of them are inside at once, or 0 */
    atomic_uint calls[FAKE_CALLS];
    atomic_uint inside[FAKE_CALLS];      /* now */
    atomic_uint most_inside[FAKE_CALLS]; /* at once, so far */
};

/* Over a descriptor, which it takes; its size becomes `size`. */
struct coffer_volume *fake_volume_new(int fd, uint64_t size, bool thin);

/* The same over memory. */
struct coffer_volume *fake_volume_in_memory(uint64_t size, bool thin);

void fake_volume_free(struct coffer_volume *volume);

struct fake_faults *fake_volume_faults(struct coffer_volume *volume);

#endif
