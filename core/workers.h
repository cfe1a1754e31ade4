/* SPDX-License-Identifier: ISC */
/*
 * workers.h - what a thread needs while it moves data: a cipher handle of its own and a buffer.
 *
 * All are made when the volume is opened: no allocation, and so no failure, on the way of a write.
 */
#ifndef CORE_WORKERS_H
#define CORE_WORKERS_H

#include <pthread.h>
#include <stdint.h>

#include "crypto.h"

#define WORKER_BUFFER_SIZE (128u << 10) /* bytes; stays in a core's second-level cache */

struct worker {
    struct crypto_sector *cipher;
    uint8_t *buffer; /* WORKER_BUFFER_SIZE bytes, page-aligned, left out of core dumps */
    struct worker *next;
};

struct workers {
    pthread_mutex_t mutex;
    pthread_cond_t returned;
    unsigned count;
    struct worker *all, *idle;
    uint8_t *memory;
};

/* 0 or a negative errno. */
int workers_init(struct workers *workers, const struct crypto_sector_spec *sectors);
void workers_destroy(struct workers *workers);

/* Waits while all are taken. */
struct worker *workers_take(struct workers *workers);
void workers_return(struct workers *workers, struct worker *worker);

#endif
