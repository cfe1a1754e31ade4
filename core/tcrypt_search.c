/* SPDX-License-Identifier: ISC */
/*
 * Tries a secret on all headers with all key derivations and ciphers. A job is one header under one derivation;
 * jobs are taken in the order of their likelihood, side by side (trials.h). The first 64 bytes are derived first:
 * they are all that a single cipher in XTS takes, which is what most volumes have, and with the large digests a
 * third of the work.
 *
 * Threads: derivations that need much memory run side by side as far as the budget allows; what they share for that
 * is under a mutex of their own.
 */
#include "tcrypt_search.h"

#include <errno.h>
#include <string.h>

#include "error.h"
#include "memory_budget.h"
#include "trials.h"

#define FIRST_SIZE    64
#define ARGON2_ROUNDS 50000u /* what progress counts a quarter of a pass of Argon2id as */

struct search {
    struct trials trials; /* the first member */
    const struct tcrypt_input *input;
    struct tcrypt_found *found;
    pthread_mutex_t argon2; /* over all below */
    pthread_cond_t argon2_left;
    unsigned in_argon2; /* jobs that have its memory */
    bool one_by_one;    /* together they got less than the budget said */
};

/* What a job needs; secret memory. */
struct scratch {
    uint8_t keys[TCRYPT_KEY_MAX + CRYPTO_DIGEST_MAX];
    uint8_t plain[TCRYPT_PLAIN_SIZE];
    struct tcrypt_header header;
};

/* ---- one job ---- */

static void keep(struct search *search, const struct scratch *scratch, const struct tcrypt_kdf *kdf,
                 const struct tcrypt_cipher *cipher, uint64_t offset)
{
    if (trials_succeed(&search->trials)) {
        search->found->header = scratch->header;
        search->found->cipher = cipher;
        search->found->kdf = *kdf;
        search->found->offset = offset;
    }
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
            trials_skip_no_memory(&search->trials);
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
    pthread_mutex_lock(&search->argon2);
    while (search->in_argon2 > 0 &&
           (search->one_by_one || memory_budget_allows((search->in_argon2 + 1) * memory, NULL) != COFFER_OK)) {
        pthread_cond_wait(&search->argon2_left, &search->argon2);
    }
    if (search->in_argon2 == 0) {
        status = memory_budget_allows(memory, reason);
    }
    *alone = search->one_by_one;
    search->in_argon2 += status == COFFER_OK;
    pthread_mutex_unlock(&search->argon2);
    return status;
}

static void leave_argon2(struct search *search, int failed)
{
    pthread_mutex_lock(&search->argon2);
    search->in_argon2--;
    search->one_by_one |= failed == -ENOMEM;
    pthread_cond_broadcast(&search->argon2_left);
    pthread_mutex_unlock(&search->argon2);
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
        failed = atomic_load(&search->trials.stop) ? -ECANCELED : crypto_argon2(keys, TCRYPT_KEY_MAX, input);
        leave_argon2(search, failed);
    } while (failed == -ENOMEM && !alone); /* there are limits that the budget does not know */
    return failed;
}

static bool go_on_argon2(void *user, uint32_t rounds)
{
    return trials_go_on(user, rounds * ARGON2_ROUNDS);
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
        .user = &search->trials,
    };
    int failed = derive_argon2(search, scratch->keys, &input, &reason);
    if (failed == -ENOMEM) {
        (void)error_set_no_memory(&reason); /* unless the budget has given its reason */
        trials_skip(&search->trials, &reason);
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
        .go_on = trials_go_on,
        .user = &search->trials,
    };
    size_t step = crypto_digest_size(kdf->digest), tried = 0;
    for (size_t at = 0; at < TCRYPT_KEY_MAX; at += step) {
        int failed = crypto_pbkdf2_block(scratch->keys + at, &input, (uint32_t)(at / step) + 1);
        if (failed) {
            if (failed != -ECANCELED) {
                trials_skip_no_memory(&search->trials);
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

static void run(struct trials *trials, unsigned job, void *scratch)
{
    struct search *search = (struct search *)(void *)trials;
    const struct tcrypt_kdf *kdf = &search->input->kdf[job / search->input->places];
    if (job_exists(search->input, job)) {
        (kdf->argon2id ? run_argon2id : run_pbkdf2)(search, scratch, kdf, job % search->input->places);
    }
}

enum coffer_status tcrypt_search(const struct tcrypt_input *input, const struct coffer_callbacks *callbacks,
                                 struct tcrypt_found *found, struct coffer_error *error)
{
    struct search search = {
        .trials = {
            .jobs = input->kdfs * input->places,
            .run = run,
            .scratch_size = sizeof(struct scratch),
            .skipped = COFFER_ERROR_INIT,
        },
        .input = input,
        .found = found,
    };
    for (unsigned job = 0; job < search.trials.jobs; job++) {
        search.trials.rounds += job_rounds(input, job);
    }
    pthread_mutex_init(&search.argon2, NULL);
    pthread_cond_init(&search.argon2_left, NULL);
    enum coffer_status status =
        trials_all(&search.trials, callbacks, "no TrueCrypt or VeraCrypt header opens with this secret", error);
    pthread_cond_destroy(&search.argon2_left);
    pthread_mutex_destroy(&search.argon2);
    return status;
}
