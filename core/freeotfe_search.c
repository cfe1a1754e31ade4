/* SPDX-License-Identifier: ISC */
/*
 * Tries a secret on a critical data block with all digests and ciphers. A job is a digest: its key is derived once,
 * for the cipher that takes most, and the others take the start of it. After the derivation of today comes that of
 * the first format, a single digest, which costs nothing beside it.
 */
#include "freeotfe_search.h"

#include <errno.h>
#include <string.h>

#include "error.h"
#include "trials.h"

#define JOBS_MAX 16

struct search {
    struct trials trials; /* the first member */
    const struct freeotfe_input *input;
    struct freeotfe_found *found;
    const struct freeotfe_digest *job[JOBS_MAX];
};

/* What a job needs; secret memory. */
struct scratch {
    uint8_t key[FREEOTFE_KEY_MAX];
    struct freeotfe_plain plain;
};

static bool try_ciphers(struct search *search, struct scratch *scratch, const struct freeotfe_digest *digest,
                        bool is_old)
{
    const struct freeotfe_input *input = search->input;
    const struct freeotfe_cipher *cipher;
    for (unsigned i = 0; (cipher = freeotfe_cipher_at(i)) != NULL && !atomic_load(&search->trials.stop); i++) {
        int failed = freeotfe_cdb_open(input->raw, input->salt_size, is_old, digest->digest, cipher, scratch->key,
                                       &scratch->plain);
        if (failed == -ENOMEM) {
            trials_skip_no_memory(&search->trials);
        }
        if (failed) {
            continue;
        }
        if (trials_succeed(&search->trials)) {
            search->found->is_old = is_old;
            search->found->digest = digest;
            search->found->cipher = cipher;
            search->found->plain = scratch->plain;
        }
        return true;
    }
    return false;
}

static void run(struct trials *trials, unsigned job, void *memory)
{
    struct search *search = (struct search *)(void *)trials;
    struct scratch *scratch = memory;
    const struct freeotfe_input *input = search->input;
    const struct freeotfe_digest *digest = search->job[job];
    const struct crypto_pbkdf2 pbkdf2 = {
        .digest = digest->digest,
        .password = input->passphrase,
        .password_size = input->passphrase_size,
        .salt = input->raw,
        .salt_size = input->salt_size,
        .iterations = input->iterations,
        .go_on = trials_go_on,
        .user = trials,
    };
    int failed = crypto_pbkdf2(scratch->key, sizeof(scratch->key), &pbkdf2);
    if (!failed && try_ciphers(search, scratch, digest, false)) {
        return;
    }
    if (!failed) {
        failed = freeotfe_cdb_old_key(digest->digest, input->passphrase, input->passphrase_size, input->raw,
                                      input->salt_size, scratch->key);
    }
    if (!failed) {
        (void)try_ciphers(search, scratch, digest, true);
    } else if (failed != -ECANCELED) {
        trials_skip_no_memory(trials);
    }
}

static void list_jobs(struct search *search)
{
    const struct freeotfe_digest *digest;
    for (unsigned i = 0; (digest = freeotfe_digest_at(i)) != NULL && search->trials.jobs < JOBS_MAX; i++) {
        if (search->input->hash == NULL || strcmp(search->input->hash, digest->name) == 0) {
            size_t size = crypto_digest_size(digest->digest);
            search->job[search->trials.jobs++] = digest;
            search->trials.rounds += (FREEOTFE_KEY_MAX + size - 1) / size * search->input->iterations;
        }
    }
}

enum coffer_status freeotfe_search(const struct freeotfe_input *input, const struct coffer_callbacks *callbacks,
                                   struct freeotfe_found *found, struct coffer_error *error)
{
    struct search search = {
        .trials = { .run = run, .scratch_size = sizeof(struct scratch), .skipped = COFFER_ERROR_INIT },
        .input = input,
        .found = found,
    };
    list_jobs(&search);
    if (search.trials.jobs == 0) {
        return error_set(
            error, COFFER_INVALID, 0,
            "no volume of FreeOTFE is opened with the hash '%.40s': sha512, sha256, whirlpool, ripemd160, "
            "sha1, sha384, sha224, tiger, md5, md4",
            input->hash);
    }
    return trials_all(&search.trials, callbacks, "no critical data block of FreeOTFE opens with this secret",
                      error);
}
