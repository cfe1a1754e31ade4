/* SPDX-License-Identifier: ISC */
/*
 * fvault_key.c - a passphrase derives a key that unwraps a second one, which unwraps the first half of the volume's
 * key; the second half is a hash of the first and of a number that lies in the clear.
 */
#include "fvault_key.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "credential.h"
#include "crypto.h"
#include "derivation.h"
#include "error.h"

#define HALF 16

/* Secret memory. */
struct work {
    uint8_t derived[HALF];
    uint8_t middle[HALF];
    uint8_t hashed[2 * HALF]; /* the key's first half, then the family of the volume */
    uint8_t digest[32];
};

static void free_work(struct work **work)
{
    crypto_secret_free(*work);
}

static enum coffer_status derive(struct work *work, const struct fvault_user *user, unsigned number,
                                 const uint8_t *passphrase, size_t size, const struct coffer_callbacks *callbacks,
                                 struct coffer_error *error)
{
    struct derivation derivation;
    char what[sizeof(derivation.what)];
    (void)snprintf(what, sizeof(what), "user %u", number);
    derivation_begin(&derivation, callbacks, what, user->iterations);
    const struct crypto_pbkdf2 input = {
        .digest = CRYPTO_SHA256,
        .password = passphrase,
        .password_size = size,
        .salt = user->salt,
        .salt_size = sizeof(user->salt),
        .iterations = user->iterations,
        .go_on = derivation_go_on,
        .user = &derivation,
    };
    switch (crypto_pbkdf2(work->derived, HALF, &input)) {
    case 0:
        return COFFER_OK;
    case -ECANCELED:
        return derivation_interrupted(error);
    case -ENOMEM:
        return error_set_no_memory(error);
    default:
        return error_set(error, COFFER_DAMAGED, 0, "its FileVault metadata is damaged: a user has no iterations");
    }
}

/* Into `key`. False: none of the volume's keys opens. */
static bool unwrap(struct work *work, const struct fvault *fvault, const struct fvault_user *user,
                   uint8_t key[FVAULT_KEY_SIZE])
{
    if (!crypto_unwrap(work->middle, work->derived, user->wrapped)) {
        return false;
    }
    for (unsigned i = 0; i < fvault->keys; i++) {
        if (crypto_unwrap(work->hashed, work->middle, fvault->key[i])) {
            memcpy(work->hashed + HALF, fvault->family, HALF);
            crypto_digest(CRYPTO_SHA256, work->digest, work->hashed, sizeof(work->hashed));
            memcpy(key, work->hashed, HALF);
            memcpy(key + HALF, work->digest, HALF);
            return true;
        }
    }
    return false;
}

enum coffer_status fvault_key_open(const struct fvault *fvault, const struct coffer_credential *credential,
                                   const struct coffer_open_options *options, uint8_t key[FVAULT_KEY_SIZE],
                                   unsigned *opened, struct coffer_error *error)
{
    const int only = options->slot;
    const uint8_t *passphrase;
    size_t size = credential_passphrase(credential, &passphrase);
    struct work *work __attribute__((cleanup(free_work))) = crypto_secret_alloc(sizeof(*work));
    if (work == NULL) {
        return error_set_no_memory(error);
    }
    if (size == 0 || credential_key_files(credential) > 0) {
        return error_set(error, COFFER_INVALID, 0, "a FileVault volume opens with a passphrase and nothing else");
    }
    if (only >= (int)fvault->users) {
        return error_set(error, COFFER_INVALID, 0, "it has no user %d", only);
    }
    for (unsigned i = 0; i < fvault->users; i++) {
        if (only >= 0 && i != (unsigned)only) {
            continue;
        }
        enum coffer_status status =
            derive(work, &fvault->user[i], i, passphrase, size, &options->callbacks, error);
        if (status != COFFER_OK) {
            return status;
        }
        if (unwrap(work, fvault, &fvault->user[i], key)) {
            *opened = i;
            return COFFER_OK;
        }
    }
    return error_set(error, COFFER_WRONG_SECRET, 0, "it opens for none of its users with this secret");
}
