/* SPDX-License-Identifier: ISC */
/*
 * luks_key.c - opens key slots.
 *
 * A slot holds the volume key, blown up to 4000 times its size so that parts of it can be destroyed for sure, and
 * encrypted under what the key derivation makes of the secret. Everything happens in this process on libgcrypt:
 * libcryptsetup needs the kernel's ciphers for most of them, and repairs headers unasked.
 */
#include "luks_key.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cipher_name.h"
#include "credential.h"
#include "crypto.h"
#include "derivation.h"
#include "error.h"
#include "luks_split.h"
#include "memory_budget.h"
#include "scope.h"

#define SPLIT_SIZE_MAX ((size_t)LUKS_KEY_MAX * LUKS_STRIPES + LUKS_UNIT)
#define DIGEST_MAX     64

/* Secret memory. */
struct work {
    struct crypto_sector_spec spec; /* of the slot's area, with its key */
    uint8_t block[LUKS_KEY_MAX];
    uint8_t digest[DIGEST_MAX];
};

static void free_work(struct work **work)
{
    crypto_secret_free(*work);
}

enum coffer_status luks_key_secret(const struct coffer_credential *credential, struct luks_secret *secret,
                                   struct coffer_error *error)
{
    bool is_cut = false;
    size_t files = credential_key_files(credential);
    secret->size = credential_passphrase(credential, &secret->data);
    if (files + (secret->size > 0) != 1) {
        return error_set(error, COFFER_INVALID, 0,
                         "a LUKS volume opens with a passphrase or with one key file, and with nothing else");
    }
    if (files == 1) {
        secret->size = credential_key_file(credential, 0, &secret->data, &is_cut);
    }
    return !is_cut ? COFFER_OK
                   : error_set(error, COFFER_INVALID, 0,
                               "the key file is too large to be one of LUKS; name the part of it that counts");
}

/* ---- one slot ---- */

static enum coffer_status unknown_hash(struct coffer_error *error, const char *name)
{
    return error_set(error, COFFER_UNSUPPORTED, 0, "its hash, %.40s, is not supported", name);
}

/* Rounds until the key of a slot is there. */
static uint64_t rounds_of(const struct luks_slot *slot)
{
    size_t step = slot->kdf == LUKS_PBKDF2 ? crypto_digest_size(cipher_name_digest(slot->hash)) : 0;
    return step == 0 ? (uint64_t)slot->passes * CRYPTO_ARGON2_ROUNDS
                     : (slot->area_key_size + step - 1) / step * slot->passes;
}

static int derive_pbkdf2(const struct luks_slot *slot, const struct luks_secret *secret, uint8_t *key,
                         struct derivation *derivation)
{
    const struct crypto_pbkdf2 input = {
        .digest = cipher_name_digest(slot->hash),
        .password = secret->data,
        .password_size = secret->size,
        .salt = slot->salt,
        .salt_size = slot->salt_size,
        .iterations = slot->passes,
        .go_on = derivation_go_on,
        .user = derivation,
    };
    return crypto_pbkdf2(key, slot->area_key_size, &input);
}

static int derive_argon2(const struct luks_slot *slot, const struct luks_secret *secret, uint8_t *key,
                         struct derivation *derivation)
{
    const struct crypto_argon2 input = {
        .independent = slot->kdf == LUKS_ARGON2I,
        .password = secret->data,
        .password_size = secret->size,
        .salt = slot->salt,
        .salt_size = slot->salt_size,
        .memory = slot->memory,
        .passes = slot->passes,
        .lanes = slot->lanes,
        .go_on = derivation_go_on,
        .user = derivation,
    };
    return crypto_argon2(key, slot->area_key_size, &input);
}

static enum coffer_status derive(const struct luks_slot *slot, const struct luks_secret *secret, uint8_t *key,
                                 struct derivation *derivation, struct coffer_error *error)
{
    int result;
    if (slot->kdf == LUKS_OTHER) {
        return error_set(error, COFFER_UNSUPPORTED, 0, "its key derivation, %.40s, is not supported", slot->hash);
    }
    if (slot->kdf == LUKS_PBKDF2) {
        if (cipher_name_digest(slot->hash) == CRYPTO_DIGESTS) {
            return unknown_hash(error, slot->hash);
        }
        result = derive_pbkdf2(slot, secret, key, derivation);
    } else {
        enum coffer_status status = memory_budget_allows(slot->memory, error);
        if (status != COFFER_OK) {
            return status;
        }
        result = derive_argon2(slot, secret, key, derivation);
    }
    if (result == -ECANCELED) {
        return derivation_interrupted(error);
    }
    if (result == -ENOMEM) {
        return error_set(error, COFFER_NO_MEMORY, ENOMEM, "the key derivation needs %u MiB of memory",
                         slot->memory / 1024);
    }
    return result == 0 ? COFFER_OK
                       : error_set(error, COFFER_UNSUPPORTED, 0, "its key derivation is not supported");
}

/* Reads and decrypts the area of a slot; `spec` holds its key. */
static enum coffer_status read_area(struct storage *storage, const struct luks_slot *slot,
                                    const struct crypto_sector_spec *spec, uint8_t *area, size_t size,
                                    struct coffer_error *error)
{
    struct crypto_sector *sector;
    int result = crypto_sector_new_spec(&sector, spec);
    if (result != 0) {
        return result == -ENOMEM
                   ? error_set_no_memory(error)
                   : error_set(error, COFFER_UNSUPPORTED, -result,
                               "the cipher of its key slot, %.63s, is not supported", slot->area_cipher);
    }
    result = storage_read(storage, area, size, slot->area_offset);
    if (result == 0) {
        crypto_sector_decrypt(sector, 0, area, area, size);
    }
    crypto_sector_free(sector);
    return result == 0 ? COFFER_OK : error_set_system(error, -result, "cannot read a key slot");
}

static enum coffer_status check_key(const struct luks_digest *digest, struct work *work, uint32_t key_size,
                                    struct derivation *derivation, struct coffer_error *error)
{
    enum crypto_digest hash = cipher_name_digest(digest->hash);
    if (hash == CRYPTO_DIGESTS) {
        return unknown_hash(error, digest->hash);
    }
    const struct crypto_pbkdf2 input = {
        .digest = hash,
        .password = work->block,
        .password_size = key_size,
        .salt = digest->salt,
        .salt_size = digest->salt_size,
        .iterations = digest->iterations,
        .go_on = derivation_go_on,
        .user = derivation,
    };
    int result = crypto_pbkdf2(work->digest, digest->value_size, &input);
    if (result != 0) {
        return result == -ECANCELED ? derivation_interrupted(error) : error_set_no_memory(error);
    }
    return crypto_equal(work->digest, digest->value, digest->value_size)
               ? COFFER_OK
               : error_set(error, COFFER_WRONG_SECRET, 0, "no key slot opens with this secret");
}

static enum coffer_status open_slot(struct storage *storage, const struct luks_slot *slot,
                                    const struct luks_digest *digest, const struct luks_secret *secret,
                                    struct derivation *derivation, uint8_t *key, struct coffer_error *error)
{
    size_t size = ((size_t)slot->key_size * LUKS_STRIPES + LUKS_UNIT - 1) / LUKS_UNIT * LUKS_UNIT;
    struct work *work __attribute__((cleanup(free_work))) = crypto_secret_alloc(sizeof(*work));
    uint8_t *area __attribute__((cleanup(free_secret_bytes))) = crypto_secret_alloc(size);
    if (work == NULL || area == NULL) {
        return error_set_no_memory(error);
    }
    enum crypto_digest split = cipher_name_digest(slot->split_hash);
    if (split == CRYPTO_DIGESTS) {
        return unknown_hash(error, slot->split_hash);
    }
    enum coffer_status status =
        cipher_name_parse(slot->area_cipher, slot->area_key_size, LUKS_UNIT, &work->spec, error);
    status = status != COFFER_OK ? status : derive(slot, secret, work->spec.key, derivation, error);
    status = status != COFFER_OK ? status : read_area(storage, slot, &work->spec, area, size, error);
    if (status != COFFER_OK) {
        return status;
    }
    if (luks_split_merge(split, work->block, slot->key_size, area) != 0) {
        return error_set_no_memory(error);
    }
    status = check_key(digest, work, slot->key_size, derivation, error);
    if (status == COFFER_OK) {
        memcpy(key, work->block, slot->key_size);
    }
    return status;
}

/* ---- all slots ---- */

/* The digest that vouches for the key of every encrypted segment; NULL when there is no such one. */
static const struct luks_digest *find_digest(const struct luks_header *header)
{
    uint32_t wanted = 0;
    for (unsigned i = 0; i < header->segments; i++) {
        wanted |= 1u << i;
    }
    for (unsigned i = 0; i < LUKS_DIGESTS_MAX; i++) {
        const struct luks_digest *digest = &header->digest[i];
        if (digest->used && wanted != 0 && (digest->segments & wanted) == wanted) {
            return digest;
        }
    }
    return NULL;
}

static bool is_turn(const struct luks_header *header, const struct luks_digest *digest, unsigned slot, int only,
                    enum luks_priority priority)
{
    bool chosen = only >= 0 ? slot == (unsigned)only : header->slot[slot].priority == priority;
    return chosen && header->slot[slot].used && (digest->slots >> slot & 1) != 0;
}

/* A slot that cannot be tried is remembered: the secret may belong to it. */
static enum coffer_status try_slots(struct storage *storage, const struct luks_header *header,
                                    const struct luks_digest *digest, const struct luks_secret *secret,
                                    const struct coffer_open_options *options, uint8_t *key, unsigned *opened,
                                    struct coffer_error *error)
{
    const int only = options->slot;
    struct coffer_error skipped = COFFER_ERROR_INIT;
    unsigned tried = 0;
    for (int priority = LUKS_PREFERRED; priority >= (only >= 0 ? LUKS_PREFERRED : LUKS_NORMAL); priority--) {
        for (unsigned slot = 0; slot < LUKS_SLOTS_MAX; slot++) {
            struct coffer_error reason = COFFER_ERROR_INIT;
            if (!is_turn(header, digest, slot, only, (enum luks_priority)priority)) {
                continue;
            }
            tried++;
            struct derivation derivation;
            char what[sizeof(derivation.what)];
            (void)snprintf(what, sizeof(what), "key slot %u", slot);
            derivation_begin(&derivation, &options->callbacks, what, rounds_of(&header->slot[slot]));
            enum coffer_status status =
                open_slot(storage, &header->slot[slot], digest, secret, &derivation, key, &reason);
            if (status == COFFER_OK) {
                *opened = slot;
                return COFFER_OK;
            }
            if (status == COFFER_INTERRUPTED) {
                return error_set(error, status, reason.sys, "%s", reason.text);
            }
            if (status != COFFER_WRONG_SECRET) {
                (void)error_set(&skipped, status, reason.sys, "key slot %u was skipped: %.200s", slot,
                                reason.text);
            }
        }
    }
    if (skipped.status != COFFER_OK) {
        return error_set(error, skipped.status, skipped.sys, "%s", skipped.text);
    }
    return tried == 0 && only >= 0
               ? error_set(error, COFFER_INVALID, 0, "its key slot %d is not in use", only)
               : error_set(error, COFFER_WRONG_SECRET, 0, "no key slot opens with this secret");
}

enum coffer_status luks_key_open(struct storage *storage, const struct luks_header *header,
                                 const struct coffer_credential *credential,
                                 const struct coffer_open_options *options, uint8_t *key, uint32_t *key_size,
                                 unsigned *opened, struct coffer_error *error)
{
    struct luks_secret secret;
    const struct luks_digest *digest = find_digest(header);
    if (digest == NULL) {
        return error_set(error, COFFER_UNSUPPORTED, 0,
                         "its segments have different keys, or none that can be checked");
    }
    enum coffer_status status = luks_key_secret(credential, &secret, error);
    if (status == COFFER_OK) {
        status = try_slots(storage, header, digest, &secret, options, key, opened, error);
    }
    if (status == COFFER_OK) {
        *key_size = header->slot[*opened].key_size;
    }
    return status;
}
