/* SPDX-License-Identifier: ISC */
/*
 * lane.c - the lock of lane.h. Whoever comes takes a ticket; tickets enter in order, each as soon as the
 * holders agree with its mode, so that neighbours of one mode hold it together.
 */
#include "lane.h"

#include <stdbool.h>

void lane_init(struct lane *lane)
{
    *lane = (struct lane){ .mode = LANE_READ };
    pthread_mutex_init(&lane->mutex, NULL);
    pthread_cond_init(&lane->changed, NULL);
}

void lane_destroy(struct lane *lane)
{
    pthread_cond_destroy(&lane->changed);
    pthread_mutex_destroy(&lane->mutex);
}

static bool fits(const struct lane *lane, enum lane_mode mode)
{
    return lane->holders == 0 || (lane->mode == mode && mode != LANE_ALONE);
}

void lane_enter(struct lane *lane, enum lane_mode mode)
{
    pthread_mutex_lock(&lane->mutex);
    unsigned long ticket = lane->next++;
    while (ticket != lane->serving || !fits(lane, mode)) {
        lane->waiting++;
        pthread_cond_wait(&lane->changed, &lane->mutex);
        lane->waiting--;
    }
    lane->serving++;
    lane->holders++;
    lane->mode = mode;
    if (lane->waiting > 0) {
        pthread_cond_broadcast(&lane->changed); /* the next ticket may fit too */
    }
    pthread_mutex_unlock(&lane->mutex);
}

void lane_leave(struct lane *lane)
{
    pthread_mutex_lock(&lane->mutex);
    lane->holders--;
    if (lane->holders == 0 && lane->waiting > 0) {
        pthread_cond_broadcast(&lane->changed);
    }
    pthread_mutex_unlock(&lane->mutex);
}
