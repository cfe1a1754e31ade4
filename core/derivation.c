/* SPDX-License-Identifier: ISC */
/*
 * derivation.c - key derivations ask every few milliseconds whether to go on; whoever watches wants to be asked twenty
 * times a second.
 */
#include "derivation.h"

#include <stdio.h>
#include <time.h>

#include "error.h"

#define ASK_EVERY_NS 50000000 /* 50 ms */

static int64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

void derivation_begin(struct derivation *derivation, const struct coffer_callbacks *callbacks, const char *what,
                      uint64_t total)
{
    *derivation = (struct derivation){ .callbacks = callbacks, .total = total, .asked_ns = now_ns() };
    (void)snprintf(derivation->what, sizeof(derivation->what), "%s", what);
}

bool derivation_go_on(void *user, uint32_t rounds)
{
    struct derivation *derivation = user;
    derivation->done += rounds;
    if (derivation->callbacks->progress == NULL) {
        return true;
    }
    int64_t now = now_ns();
    if (now - derivation->asked_ns < ASK_EVERY_NS && derivation->done < derivation->total) {
        return true;
    }
    derivation->asked_ns = now;
    uint64_t done = derivation->done < derivation->total ? derivation->done : derivation->total;
    return derivation->callbacks->progress(derivation->callbacks->user, derivation->what, done, derivation->total);
}

enum coffer_status derivation_interrupted(struct coffer_error *error)
{
    return error_set(error, COFFER_INTERRUPTED, 0, "interrupted while the key was derived");
}
