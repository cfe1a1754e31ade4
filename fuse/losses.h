/* SPDX-License-Identifier: ISC */
/*
 * losses.h - data that was accepted into the kernel's cache and could not be written afterwards.
 *
 * No request can report that: the program that wrote the data has long been told that all is well. So every
 * descriptor that was open at the time, or that opens before anyone has heard of it, gets the error from each
 * of its fsync and close, and the end of the mount reports the first one again.
 */
#ifndef LOSSES_H
#define LOSSES_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

#include "coffer.h"

struct losses {
    atomic_uint count; /* so far */
    atomic_uint told;  /* how many of them some fsync or close has reported */
    atomic_int sys;    /* errno of the latest */
    pthread_mutex_t lock;
    struct coffer_error first;
};

void losses_init(struct losses *losses);
void losses_destroy(struct losses *losses);

/* One more; `sys` is its errno. */
void losses_add(struct losses *losses, int sys, const struct coffer_error *error);

/* One that its request has reported, to something that will not tell: only losses_first knows of it. */
void losses_note(struct losses *losses, int sys, const struct coffer_error *error);

/* What a new descriptor is to remember: it does not answer for losses that someone else was told of. */
uint32_t losses_mark(const struct losses *losses);

/* The errno that fsync and close of a descriptor with this mark report, 0 for none. */
int losses_report(struct losses *losses, uint32_t mark);

/* The first one of all, or COFFER_OK. */
enum coffer_status losses_first(struct losses *losses, struct coffer_error *error);

#endif
