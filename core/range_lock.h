/* SPDX-License-Identifier: ISC */
/*
 * range_lock.h - readers and writers of byte ranges.
 *
 * Ranges that overlap wait for each other unless both only read. A waiter is served before anyone who comes
 * after it and overlaps it, so nobody starves. No allocation: the holder brings the entry.
 */
#ifndef CORE_RANGE_LOCK_H
#define CORE_RANGE_LOCK_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct range {
    uint64_t start, end; /* [start, end) */
    bool exclusive;
    struct range *next; /* in order of arrival */
};

struct range_lock {
    pthread_mutex_t mutex;
    pthread_cond_t left;
    unsigned waiting;
    struct range *first, **last;
};

void range_lock_init(struct range_lock *lock);
void range_lock_destroy(struct range_lock *lock);

/* `range` stays with the lock until range_lock_release. */
void range_lock_acquire(struct range_lock *lock, struct range *range);
void range_lock_release(struct range_lock *lock, struct range *range);

#endif
