/* SPDX-License-Identifier: ISC */
/*
 * heal.c - brings a lost or stale copy of a header back from the one that won (spec/volume.md, 8).
 *
 * The copy that won is never written before the other one is whole. A growth that was cut short is finished first, and
 * what turns out to be the header of another volume is left alone.
 */
#include "copies.h"

#include "crypto.h"
#include "error.h"
#include "slot.h"

/* The present secret's key-encryption key for a copy, derived when it has not been yet. */
static enum coffer_status need_kek(struct copies *copies, enum header_copy copy,
                                   const struct coffer_credential *credential, struct coffer_error *error)
{
    if (copies->kek_known[copy]) {
        return COFFER_OK;
    }
    enum coffer_status status = credential_derive(credential, copies->way, copies->salt[copy], copies->memory,
                                                  copies->passes, copies->kek[copy], error);
    copies->kek_known[copy] = status == COFFER_OK;
    return status;
}

/* For an edit: wraps the present secret into its own slot where a copy lost it; the record stays as it is. */
static void wrap_again(struct copies *next, void *user)
{
    (void)user;
    for (enum header_copy copy = HEADER_FRONT; copy < HEADER_COPIES; copy++) {
        if (next->kek_known[copy] && !copies_slot_is_listed(next, copy, next->slot)) {
            copies_put_cell(next, copy, next->slot, next->kek[copy]);
        }
    }
}

/* The key-encryption keys for the copies that lost the present secret's cell; the copy that has it is written last. */
static enum coffer_status prepare_wrapping(struct copies *copies, const struct coffer_credential *credential,
                                           bool *is_lost, struct coffer_error *error)
{
    *is_lost = false;
    for (enum header_copy copy = HEADER_FRONT; copy < HEADER_COPIES; copy++) {
        if (copies_slot_is_listed(copies, copy, copies->slot)) {
            continue;
        }
        copies_trust_listed_salt(copies, copy);
        enum coffer_status status = need_kek(copies, copy, credential, error);
        if (status != COFFER_OK) {
            return status;
        }
        *is_lost = true;
        copies_write_last(copies, copies_other(copy));
    }
    return COFFER_OK;
}

enum coffer_status copies_wrap_again(struct copies *copies, const struct coffer_credential *credential,
                                     struct coffer_error *error)
{
    bool is_lost;
    enum coffer_status status = prepare_wrapping(copies, credential, &is_lost, error);
    if (status == COFFER_OK) {
        wrap_again(copies, NULL);
    }
    return status;
}

/* Zeros in a thin volume, noise else. */
static int wipe(struct copies *copies, uint64_t offset, uint64_t size)
{
    struct header_fields fields;
    header_get_fields(&copies->body, &fields);
    int result = 0;
    if ((fields.incompat & HEADER_INCOMPAT_HOLES) != 0) {
        result = storage_discard(copies->storage, offset, size);
    } else {
        uint8_t noise[4096];
        for (uint64_t at = 0; at < size && result == 0; at += sizeof(noise)) {
            crypto_random(noise, sizeof(noise));
            result = storage_write(copies->storage, noise, sizeof(noise), offset + at);
        }
    }
    return result != 0 ? result : storage_sync(copies->storage);
}

/* Before the front is healed: afterwards nobody would know where the old tail was. Its header block goes last,
 * being the mark by which all this is known. */
enum coffer_status copies_finish_growth(struct copies *copies, struct coffer_error *error)
{
    int result = wipe(copies, copies->old_tail + HEADER_BLOCK_SIZE, HEADER_END_SIZE - (uint64_t)HEADER_BLOCK_SIZE);
    result = result != 0 ? result : wipe(copies, copies->old_tail, HEADER_BLOCK_SIZE);
    if (result != 0) {
        return error_set_system(error, -result, "cannot finish a growth that was cut short");
    }
    copies->old_tail = 0;
    return COFFER_OK;
}

/* What a cell gave on trial; in secret memory. */
struct trial {
    uint8_t master[HEADER_MASTER_SIZE];
    struct header_body body;
};

static void free_trial(struct trial **trial)
{
    crypto_secret_free(*trial);
}

/* Without a magic only the secret can tell: whether the lost block, under the salt that lies before it, opens as the
 * header of a volume of its own. */
enum coffer_status copies_try_stranger(struct copies *copies, const struct coffer_credential *credential,
                                       struct coffer_error *error)
{
    enum header_copy lost = copies_other(copies->winner);
    if (copies->marked || copies->good[lost] || !copies->salt_known[lost] ||
        crypto_equal(copies->salt[lost], header_listed_salt(&copies->body, lost), HEADER_SALT_SIZE)) {
        return COFFER_OK;
    }
    struct trial *trial __attribute__((cleanup(free_trial))) = crypto_secret_alloc(sizeof(*trial));
    if (trial == NULL) {
        return error_set_no_memory(error);
    }
    enum coffer_status status = need_kek(copies, lost, credential, error);
    for (unsigned slot = 0; slot < HEADER_SLOTS && status == COFFER_OK; slot++) {
        copies->stranger[lost] |=
            slot_unwrap(copies->block[lost], slot, copies->kek[lost], copies->salt[lost], copies->volume,
                        trial->master) == SLOT_OPEN &&
            header_open_body(copies->block[lost], &trial->body, trial->master, lost, copies->volume);
    }
    return status;
}

/* When it fails, nobody knows what that copy is now: the other one wins, which is as new. */
static enum coffer_status rewrite_copy(struct copies *copies, enum header_copy copy, bool *healed,
                                       struct coffer_error *error)
{
    copies->good[copy] = false;
    copies->winner = copies_other(copy);
    int result = copies_write_block(copies, copy);
    if (result != 0) {
        return error_set_system(error, -result, "cannot repair the damaged header copy");
    }
    copies->good[copy] = true;
    *healed = true;
    return COFFER_OK;
}

/* Whether the public check of a current copy fails for nothing that is in use. */
static bool check_is_wrong(const struct copies *copies, enum header_copy copy)
{
    if (copies->volume != 0 || !copies->marked || header_slots_check(copies->block[copy])) {
        return false;
    }
    for (unsigned slot = 0; slot < HEADER_SLOTS; slot++) {
        struct header_slot_record record;
        header_get_slot(&copies->body, slot, &record);
        if (record.kind != CREDENTIAL_EMPTY && !copies_slot_is_listed(copies, copy, slot)) {
            return false;
        }
    }
    return true;
}

static enum coffer_status renew_checks(struct copies *copies, bool *healed, struct coffer_error *error)
{
    enum coffer_status status = COFFER_OK;
    for (enum header_copy copy = HEADER_FRONT; copy < HEADER_COPIES && status == COFFER_OK; copy++) {
        if (check_is_wrong(copies, copy)) {
            status = rewrite_copy(copies, copy, healed, error);
        }
    }
    return status;
}

enum coffer_status copies_heal(struct copies *copies, const struct coffer_credential *credential, bool *healed,
                               struct coffer_error *error)
{
    enum header_copy other = copies_other(copies->winner);
    *healed = false;
    if (copies->storage->read_only || copies_check_known(copies, NULL) != COFFER_OK) {
        return COFFER_OK;
    }
    if (copies->old_tail != 0) {
        enum coffer_status status = copies_finish_growth(copies, error);
        if (status != COFFER_OK) {
            return status;
        }
    }
    enum coffer_status status = copies_try_stranger(copies, credential, error);
    if (status != COFFER_OK || copies->stranger[other]) {
        return status;
    }
    if (!copies->good[other]) {
        copies_rebuild(copies, other);
    }
    bool is_lost;
    status = prepare_wrapping(copies, credential, &is_lost, error);
    if (status == COFFER_OK && is_lost) {
        status = copies_update(copies, wrap_again, NULL, error);
        *healed = status == COFFER_OK;
    } else if (status == COFFER_OK && !copies->good[other]) {
        status = rewrite_copy(copies, other, healed, error);
    }
    return status == COFFER_OK ? renew_checks(copies, healed, error) : status;
}
