/* SPDX-License-Identifier: ISC */
/*
 * slow_machine: stands in front of the C library (LD_PRELOAD) and says, whenever it is asked for the processor time used so far,
 * that it was 0.6 s more than before. qemu-img, which measures how many iterations a derivation can have, then measures once,
 * settles for the fewest, and does not give up where a machine counts that time badly.
 */
#include <stdatomic.h>
#include <sys/resource.h>

#define STEP_US 600000

__attribute__((visibility("default"))) int getrusage(__rusage_who_t who, struct rusage *usage)
{
    static atomic_long calls;
    long us = STEP_US * (atomic_fetch_add(&calls, 1) + 1);
    (void)who;
    *usage = (struct rusage){ .ru_utime = { .tv_sec = us / 1000000, .tv_usec = us % 1000000 } };
    return 0;
}
