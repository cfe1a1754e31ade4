/* SPDX-License-Identifier: ISC */
/*
 * Tries a secret on all headers with all key derivations and ciphers. A job is one header under one derivation; jobs
 * are taken in the order of their likelihood by as many threads as there are processors. The first 64 bytes are
 * derived first: they are all that a single cipher in XTS takes, which is what most volumes have, and with the
 * large digests a third of the work.
 *
 * Threads: a job's memory is its thread's own; what they share is under the mutex, or atomic. The caller's thread
 * only waits, so that the progress callback is called on it alone. The first hit ends all. Derivations that need much
 * memory run side by side as far as the budget allows.
 */
#include "tcrypt_search.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "error.h"
#include "memory_budget.h"

#define THREADS_MAX   16
#define FIRST_SIZE    64
#define TICK_NS       50000000 /* 50 ms */
#define ARGON2_ROUNDS 50000u   /* what progress counts a quarter of a pass of Argon2id as */

struct search {
    const struct tcrypt_input *input;
    struct tcrypt_found *found;
    atomic_bool stop;
    atomic_uint_fast64_t done; /* rounds */
    pthread_mutex_t mutex;     /* over all below */
    pthread_cond_t changed;
    unsigned next, running;
    bool is_found;
    pthread_cond_t argon2_left;
    unsigned in_argon2;          /* jobs that have its memory */
    bool one_by_one;             /* together they got less than the budget said */
    struct coffer_error skipped; /* why a derivation was left out */
};

/* What a job needs; secret memory. */
struct scratch {
    uint8_t keys[TCRYPT_KEY_MAX + CRYPTO_DIGEST_MAX];
    uint8_t plain[TCRYPT_PLAIN_SIZE];
    struct tcrypt_header header;
};

/* ---- one job ---- */

static bool go_on(void *user, uint32_t rounds)
{
    struct search *search = user;
    atomic_fetch_add(&search->done, rounds);
    return !atomic_load(&search->stop);
}

static void skip(struct search *search, const struct coffer_error *reason)
{
    pthread_mutex_lock(&search->mutex);
    (void)error_set(&search->skipped, reason->status, reason->sys, "%s", reason->text);
    pthread_mutex_unlock(&search->mutex);
}

static void skip_no_memory(struct search *search)
{
    struct coffer_error reason = COFFER_ERROR_INIT;
    (void)error_set_no_memory(&reason);
    skip(search, &reason);
}

static void keep(struct search *search, const struct scratch *scratch, const struct tcrypt_kdf *kdf,
                 const struct tcrypt_cipher *cipher, uint64_t offset)
{
    pthread_mutex_lock(&search->mutex);
    if (!search->is_found) {
        search->is_found = true;
        search->found->header = scratch->header;
        search->found->cipher = cipher;
        search->found->kdf = *kdf;
        search->found->offset = offset;
        atomic_store(&search->stop, true);
    }
    pthread_mutex_unlock(&search->mutex);
}

/* The ciphers that take more than `from` and up to `to` bytes of key. */
static bool try_ciphers(struct search *search, struct scratch *scratch, const struct tcrypt_kdf *kdf,
                        unsigned place, size_t from, size_t to)
{
    const struct tcrypt_cipher *cipher;
    const uint8_t *raw = search->input->place[place].raw;
    for (unsigned i = 0; (cipher = tcrypt_cipher_at(i)) != NULL; i++) {
        size_t size = tcrypt_cipher_key_size(cipher);
        if (size <= from || size > to || (kdf->veracrypt && tcrypt_cipher_is_old(cipher))) {
            continue;
        }
        int failed = tcrypt_cipher_open_header(cipher, scratch->keys, raw + TCRYPT_SALT_SIZE, scratch->plain);
        if (failed == -ENOMEM) {
            skip_no_memory(search);
        }
        if (!failed && tcrypt_header_decode(scratch->plain, &scratch->header) &&
            scratch->header.veracrypt == kdf->veracrypt) {
            keep(search, scratch, kdf, cipher, search->input->place[place].offset);
            return true;
        }
    }
    return false;
}

/* ---- derivations that need much memory ---- */

/* Waits until `memory` KiB fit in, beside what the jobs that are in have or will take: what they have taken is not
 * available any more and so counts twice, on the safe side. A job that is alone waits for nothing: it fits, or not. */
static enum coffer_status enter_argon2(struct search *search, uint32_t memory, bool *alone,
                                       struct coffer_error *reason)
{
    enum coffer_status status = COFFER_OK;
    pthread_mutex_lock(&search->mutex);
    while (search->in_argon2 > 0 &&
           (search->one_by_one || memory_budget_allows((search->in_argon2 + 1) * memory, NULL) != COFFER_OK)) {
        pthread_cond_wait(&search->argon2_left, &search->mutex);
    }
    if (search->in_argon2 == 0) {
        status = memory_budget_allows(memory, reason);
    }
    *alone = search->one_by_one;
    search->in_argon2 += status == COFFER_OK;
    pthread_mutex_unlock(&search->mutex);
    return status;
}

static void leave_argon2(struct search *search, int failed)
{
    pthread_mutex_lock(&search->mutex);
    search->in_argon2--;
    search->one_by_one |= failed == -ENOMEM;
    pthread_cond_broadcast(&search->argon2_left);
    pthread_mutex_unlock(&search->mutex);
}

static int derive_argon2(struct search *search, uint8_t *keys, const struct crypto_argon2 *input,
                         struct coffer_error *reason)
{
    bool alone = false;
    int failed;
    do {
        if (enter_argon2(search, input->memory, &alone, reason) != COFFER_OK) {
            return -ENOMEM;
        }
        failed = atomic_load(&search->stop) ? -ECANCELED : crypto_argon2(keys, TCRYPT_KEY_MAX, input);
        leave_argon2(search, failed);
    } while (failed == -ENOMEM && !alone); /* there are limits that the budget does not know */
    return failed;
}

static bool go_on_argon2(void *user, uint32_t rounds)
{
    return go_on(user, rounds * ARGON2_ROUNDS);
}

static void run_argon2id(struct search *search, struct scratch *scratch, const struct tcrypt_kdf *kdf,
                         unsigned place)
{
    struct coffer_error reason = COFFER_ERROR_INIT;
    const struct crypto_argon2 input = {
        .password = search->input->password,
        .password_size = search->input->password_size,
        .salt = search->input->place[place].raw,
        .salt_size = TCRYPT_SALT_SIZE,
        .memory = kdf->memory,
        .passes = kdf->iterations,
        .lanes = 1,
        .go_on = go_on_argon2,
        .user = search,
    };
    int failed = derive_argon2(search, scratch->keys, &input, &reason);
    if (failed == -ENOMEM) {
        (void)error_set_no_memory(&reason); /* unless the budget has given its reason */
        skip(search, &reason);
    }
    if (!failed) {
        (void)try_ciphers(search, scratch, kdf, place, 0, TCRYPT_KEY_MAX);
    }
}

/* ---- all others ---- */

static void run_pbkdf2(struct search *search, struct scratch *scratch, const struct tcrypt_kdf *kdf,
                       unsigned place)
{
    const struct crypto_pbkdf2 input = {
        .digest = kdf->digest,
        .password = search->input->password,
        .password_size = search->input->password_size,
        .salt = search->input->place[place].raw,
        .salt_size = TCRYPT_SALT_SIZE,
        .iterations = kdf->iterations,
        .go_on = go_on,
        .user = search,
    };
    size_t step = crypto_digest_size(kdf->digest), tried = 0;
    for (size_t at = 0; at < TCRYPT_KEY_MAX; at += step) {
        int failed = crypto_pbkdf2_block(scratch->keys + at, &input, (uint32_t)(at / step) + 1);
        if (failed) {
            if (failed != -ECANCELED) {
                skip_no_memory(search);
            }
            return;
        }
        size_t size = at + step;
        if (tried == 0 && size >= FIRST_SIZE) {
            tried = FIRST_SIZE;
            if (try_ciphers(search, scratch, kdf, place, 0, FIRST_SIZE)) {
                return;
            }
        }
    }
    (void)try_ciphers(search, scratch, kdf, place, tried, TCRYPT_KEY_MAX);
}

/* ---- all jobs ---- */

static bool job_exists(const struct tcrypt_input *input, unsigned job)
{
    return !(input->kdf[job / input->places].veracrypt && input->place[job % input->places].old_only);
}

static uint64_t job_rounds(const struct tcrypt_input *input, unsigned job)
{
    const struct tcrypt_kdf *kdf = &input->kdf[job / input->places];
    if (!job_exists(input, job)) {
        return 0;
    }
    if (kdf->argon2id) {
        return (uint64_t)kdf->iterations * CRYPTO_ARGON2_ROUNDS * ARGON2_ROUNDS;
    }
    size_t step = crypto_digest_size(kdf->digest);
    return (TCRYPT_KEY_MAX + step - 1) / step * kdf->iterations;
}

static bool take_job(struct search *search, unsigned *job)
{
    const struct tcrypt_input *input = search->input;
    pthread_mutex_lock(&search->mutex);
    while (search->next < input->kdfs * input->places && !job_exists(input, search->next)) {
        search->next++;
    }
    bool is_there = search->next < input->kdfs * input->places && !atomic_load(&search->stop);
    *job = search->next;
    search->next += is_there;
    pthread_mutex_unlock(&search->mutex);
    return is_there;
}

static void *work(void *user)
{
    struct search *search = user;
    struct scratch *scratch = crypto_secret_alloc(sizeof(*scratch));
    unsigned job;
    if (scratch == NULL) {
        skip_no_memory(search);
    }
    while (scratch != NULL && take_job(search, &job)) {
        const struct tcrypt_kdf *kdf = &search->input->kdf[job / search->input->places];
        (kdf->argon2id ? run_argon2id : run_pbkdf2)(search, scratch, kdf, job % search->input->places);
    }
    crypto_secret_free(scratch);
    pthread_mutex_lock(&search->mutex);
    search->running--;
    pthread_cond_signal(&search->changed);
    pthread_mutex_unlock(&search->mutex);
    return NULL;
}

/* Until all threads are at their end. False: the callback said stop. */
static bool wait_for_threads(struct search *search, const struct coffer_callbacks *callbacks, uint64_t total)
{
    bool going = true;
    pthread_mutex_lock(&search->mutex);
    while (search->running > 0) {
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_nsec += TICK_NS;
        until.tv_sec += until.tv_nsec / 1000000000;
        until.tv_nsec %= 1000000000;
        (void)pthread_cond_timedwait(&search->changed, &search->mutex, &until);
        if (callbacks->progress == NULL || !going || search->running == 0) {
            continue;
        }
        pthread_mutex_unlock(&search->mutex);
        uint64_t done = atomic_load(&search->done);
        going = callbacks->progress(callbacks->user, "key derivation", done < total ? done : total, total);
        if (!going) {
            atomic_store(&search->stop, true);
        }
        pthread_mutex_lock(&search->mutex);
    }
    pthread_mutex_unlock(&search->mutex);
    return going;
}

static unsigned suitable_threads(unsigned jobs)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    unsigned count = processors < 1 ? 1 : processors > THREADS_MAX ? THREADS_MAX : (unsigned)processors;
    return count < jobs ? count : jobs;
}

static bool run_all(struct search *search, const struct coffer_callbacks *callbacks)
{
    pthread_t threads[THREADS_MAX];
    unsigned jobs = search->input->kdfs * search->input->places;
    unsigned wanted = suitable_threads(jobs), started = 0;
    uint64_t total = 0;
    for (unsigned job = 0; job < jobs; job++) {
        total += job_rounds(search->input, job);
    }
    for (; started < wanted; started++) {
        pthread_mutex_lock(&search->mutex);
        search->running++;
        pthread_mutex_unlock(&search->mutex);
        if (pthread_create(&threads[started], NULL, work, search) != 0) {
            break;
        }
    }
    if (started < wanted) { /* `running` counts one too many */
        if (started == 0) {
            (void)work(search);
        } else {
            pthread_mutex_lock(&search->mutex);
            search->running--;
            pthread_mutex_unlock(&search->mutex);
        }
    }
    bool going = wait_for_threads(search, callbacks, total);
    for (unsigned i = 0; i < started; i++) {
        pthread_join(threads[i], NULL);
    }
    return going;
}

enum coffer_status tcrypt_search(const struct tcrypt_input *input, const struct coffer_callbacks *callbacks,
                                 struct tcrypt_found *found, struct coffer_error *error)
{
    struct search search = { .input = input, .found = found, .skipped = COFFER_ERROR_INIT };
    pthread_condattr_t clock;
    pthread_condattr_init(&clock);
    pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
    pthread_cond_init(&search.changed, &clock);
    pthread_condattr_destroy(&clock);
    pthread_mutex_init(&search.mutex, NULL);
    pthread_cond_init(&search.argon2_left, NULL);
    bool going = run_all(&search, callbacks);
    pthread_cond_destroy(&search.argon2_left);
    pthread_mutex_destroy(&search.mutex);
    pthread_cond_destroy(&search.changed);
    if (search.is_found) {
        return COFFER_OK;
    }
    if (!going) {
        return error_set(error, COFFER_INTERRUPTED, 0, "interrupted while trying the secret");
    }
    if (search.skipped.status != COFFER_OK) {
        return error_set(error, search.skipped.status, search.skipped.sys, "a derivation was skipped: %.200s",
                         search.skipped.text);
    }
    return error_set(error, COFFER_WRONG_SECRET, 0, "no TrueCrypt or VeraCrypt header opens with this secret");
}
