/* SPDX-License-Identifier: ISC */
/*
 * trials.h - attempts with one secret at a volume that does not say how it was made: in as many threads as there are
 * processors, until one of them succeeds.
 */
#ifndef CORE_TRIALS_H
#define CORE_TRIALS_H

#include <pthread.h>
#include <stdatomic.h>

#include "coffer.h"

struct trials {
    unsigned jobs;   /* taken in their order: likely ones first */
    uint64_t rounds; /* of all of them, for the progress callback */
    /* On a thread of its own, with `scratch_size` bytes of secret memory that are the thread's. */
    void (*run)(struct trials *trials, unsigned job, void *scratch);
    size_t scratch_size;

    /* Between the threads; zeros at first. */
    atomic_bool stop;
    atomic_uint_fast64_t done; /* rounds */
    pthread_mutex_t mutex;     /* over all below */
    pthread_cond_t changed;
    unsigned next, running;
    bool is_found;
    struct coffer_error skipped; /* why a job could not be tried */
};

/* Whether one of them succeeded. The progress callback is called on the thread of the caller alone. Errors:
 * WRONG_SECRET, with the text `nothing`; what trials_skip was told; INTERRUPTED. */
enum coffer_status trials_all(struct trials *trials, const struct coffer_callbacks *callbacks, const char *nothing,
                              struct coffer_error *error);

/* ---- for a job ---- */

/* A crypto_go_on_fn; `user` is the struct trials. */
bool trials_go_on(void *user, uint32_t rounds);

/* It succeeded. True: it is the first, and may keep what it found where the caller of trials_all finds it. Ends the
 * others. */
bool trials_succeed(struct trials *trials);

/* It could not be tried, and the secret may be right for it. */
void trials_skip(struct trials *trials, const struct coffer_error *reason);
void trials_skip_no_memory(struct trials *trials);

#endif
