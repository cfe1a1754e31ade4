/* SPDX-License-Identifier: ISC */
/* deadline.h - points in time to wait until, on the monotonic clock, in milliseconds. */
#ifndef DEADLINE_H
#define DEADLINE_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#define DEADLINE_NEVER INT64_MAX

static inline int64_t deadline_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static inline int64_t deadline_in(int64_t milliseconds)
{
    return deadline_now() + milliseconds;
}

static inline bool deadline_is_over(int64_t deadline)
{
    return deadline_now() >= deadline;
}

/* How long to sleep for one look: until the deadline, `most` at most; for poll(2). */
static inline int deadline_nap(int64_t deadline, int most)
{
    int64_t left = deadline - deadline_now();

    if (left <= 0) {
        return 0;
    }
    return left < most ? (int)left : most;
}

#endif
