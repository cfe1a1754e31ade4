/* SPDX-License-Identifier: ISC */
/*
 * trials.c - runs jobs in threads until one succeeds.
 *
 * Threads: a job's memory is its thread's own; what they share is under the mutex, or atomic. The caller's thread only
 * waits, so that the progress callback is called on it alone. What the job that succeeded first has kept is read after
 * all threads have ended.
 */
#include "trials.h"

#include <time.h>

#include "crypto.h"
#include "error.h"
#include "processors.h"

#define THREADS_MAX 16
#define TICK_NS     50000000 /* 50 ms */

/* ---- for a job ---- */

bool trials_go_on(void *user, uint32_t rounds)
{
    struct trials *trials = user;
    atomic_fetch_add(&trials->done, rounds);
    return !atomic_load(&trials->stop);
}

bool trials_succeed(struct trials *trials)
{
    pthread_mutex_lock(&trials->mutex);
    bool is_first = !trials->is_found;
    trials->is_found = true;
    atomic_store(&trials->stop, true);
    pthread_mutex_unlock(&trials->mutex);
    return is_first;
}

void trials_skip(struct trials *trials, const struct coffer_error *reason)
{
    pthread_mutex_lock(&trials->mutex);
    (void)error_set(&trials->skipped, reason->status, reason->sys, "%s", reason->text);
    pthread_mutex_unlock(&trials->mutex);
}

void trials_skip_no_memory(struct trials *trials)
{
    struct coffer_error reason = COFFER_ERROR_INIT;
    (void)error_set_no_memory(&reason);
    trials_skip(trials, &reason);
}

/* ---- all jobs ---- */

static bool take_job(struct trials *trials, unsigned *job)
{
    pthread_mutex_lock(&trials->mutex);
    bool is_there = trials->next < trials->jobs && !atomic_load(&trials->stop);
    *job = trials->next;
    trials->next += is_there;
    pthread_mutex_unlock(&trials->mutex);
    return is_there;
}

static void *work(void *user)
{
    struct trials *trials = user;
    void *scratch = crypto_secret_alloc(trials->scratch_size);
    unsigned job;
    if (scratch == NULL) {
        trials_skip_no_memory(trials);
    }
    while (scratch != NULL && take_job(trials, &job)) {
        trials->run(trials, job, scratch);
    }
    crypto_secret_free(scratch);
    pthread_mutex_lock(&trials->mutex);
    trials->running--;
    pthread_cond_signal(&trials->changed);
    pthread_mutex_unlock(&trials->mutex);
    return NULL;
}

/* Until all threads are at their end. False: the callback said stop. */
static bool wait_for_threads(struct trials *trials, const struct coffer_callbacks *callbacks)
{
    bool going = true;
    pthread_mutex_lock(&trials->mutex);
    while (trials->running > 0) {
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_nsec += TICK_NS;
        until.tv_sec += until.tv_nsec / 1000000000;
        until.tv_nsec %= 1000000000;
        (void)pthread_cond_timedwait(&trials->changed, &trials->mutex, &until);
        if (callbacks->progress == NULL || !going || trials->running == 0) {
            continue;
        }
        pthread_mutex_unlock(&trials->mutex);
        uint64_t done = atomic_load(&trials->done), total = trials->rounds;
        going = callbacks->progress(callbacks->user, "key derivation", done < total ? done : total, total);
        if (!going) {
            atomic_store(&trials->stop, true);
        }
        pthread_mutex_lock(&trials->mutex);
    }
    pthread_mutex_unlock(&trials->mutex);
    return going;
}

static unsigned suitable_threads(unsigned jobs)
{
    unsigned count = processors_up_to(THREADS_MAX);
    return count < jobs ? count : jobs;
}

static bool run_all(struct trials *trials, const struct coffer_callbacks *callbacks)
{
    pthread_t threads[THREADS_MAX];
    unsigned wanted = suitable_threads(trials->jobs), started = 0;
    for (; started < wanted; started++) {
        pthread_mutex_lock(&trials->mutex);
        trials->running++;
        pthread_mutex_unlock(&trials->mutex);
        if (pthread_create(&threads[started], NULL, work, trials) != 0) {
            break;
        }
    }
    if (started < wanted) { /* `running` counts one too many */
        if (started == 0) {
            (void)work(trials);
        } else {
            pthread_mutex_lock(&trials->mutex);
            trials->running--;
            pthread_mutex_unlock(&trials->mutex);
        }
    }
    bool going = wait_for_threads(trials, callbacks);
    for (unsigned i = 0; i < started; i++) {
        pthread_join(threads[i], NULL);
    }
    return going;
}

enum coffer_status trials_all(struct trials *trials, const struct coffer_callbacks *callbacks, const char *nothing,
                              struct coffer_error *error)
{
    pthread_condattr_t clock;
    pthread_condattr_init(&clock);
    pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
    pthread_cond_init(&trials->changed, &clock);
    pthread_condattr_destroy(&clock);
    pthread_mutex_init(&trials->mutex, NULL);
    bool going = run_all(trials, callbacks);
    pthread_mutex_destroy(&trials->mutex);
    pthread_cond_destroy(&trials->changed);
    if (trials->is_found) {
        return COFFER_OK;
    }
    if (!going) {
        return error_set(error, COFFER_INTERRUPTED, 0, "interrupted while trying the secret");
    }
    if (trials->skipped.status != COFFER_OK) {
        return error_set(error, trials->skipped.status, trials->skipped.sys, "a derivation was skipped: %.200s",
                         trials->skipped.text);
    }
    return error_set(error, COFFER_WRONG_SECRET, 0, "%s", nothing);
}
