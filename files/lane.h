/* SPDX-License-Identifier: ISC */
/*
 * lane.h - a lock with three ways to hold it: many readers together, many writers together, or one alone.
 *
 * Writers that touch different blocks need not exclude each other, only readers and whoever changes the
 * mapping; that is more than a reader-writer lock says. First come, first served, so nobody starves.
 */
#ifndef LANE_H
#define LANE_H

#include <pthread.h>

enum lane_mode { LANE_READ, LANE_WRITE, LANE_ALONE };

struct lane {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    enum lane_mode mode; /* of the holders */
    unsigned holders;
    unsigned waiting;
    unsigned long next;    /* ticket of the next one to come */
    unsigned long serving; /* ticket of the next one to enter */
};

void lane_init(struct lane *lane);
void lane_destroy(struct lane *lane);
void lane_enter(struct lane *lane, enum lane_mode mode);
void lane_leave(struct lane *lane);

#endif
