/* SPDX-License-Identifier: ISC */
/*
 * range_lock.c - a queue of ranges.
 *
 * An entry may go on as soon as nobody who came before it conflicts with it. The queue is as long as there are
 * threads in it, so walking it is cheaper than anything cleverer.
 */
#include "range_lock.h"

#include <stddef.h>

void range_lock_init(struct range_lock *lock)
{
    pthread_mutex_init(&lock->mutex, NULL);
    pthread_cond_init(&lock->left, NULL);
    lock->waiting = 0;
    lock->first = NULL;
    lock->last = &lock->first;
}

void range_lock_destroy(struct range_lock *lock)
{
    pthread_cond_destroy(&lock->left);
    pthread_mutex_destroy(&lock->mutex);
}

static bool conflicts(const struct range *a, const struct range *b)
{
    return (a->exclusive || b->exclusive) && a->start < b->end && b->start < a->end;
}

static bool must_wait(const struct range_lock *lock, const struct range *range)
{
    for (const struct range *before = lock->first; before != range; before = before->next) {
        if (conflicts(before, range)) {
            return true;
        }
    }
    return false;
}

void range_lock_acquire(struct range_lock *lock, struct range *range)
{
    pthread_mutex_lock(&lock->mutex);
    range->next = NULL;
    *lock->last = range;
    lock->last = &range->next;
    while (must_wait(lock, range)) {
        lock->waiting++;
        pthread_cond_wait(&lock->left, &lock->mutex);
        lock->waiting--;
    }
    pthread_mutex_unlock(&lock->mutex);
}

void range_lock_release(struct range_lock *lock, struct range *range)
{
    pthread_mutex_lock(&lock->mutex);
    struct range **link = &lock->first;
    while (*link != range) {
        link = &(*link)->next;
    }
    *link = range->next;
    if (range->next == NULL) {
        lock->last = link;
    }
    if (lock->waiting > 0) {
        pthread_cond_broadcast(&lock->left);
    }
    pthread_mutex_unlock(&lock->mutex);
}
