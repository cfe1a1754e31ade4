/* SPDX-License-Identifier: ISC */
/*
 * copies.c - healing and updating the two copies of a header (spec/volume.md).
 *
 * All changes are made to a second struct in secret memory; the medium is written from it, and only then does
 * it become the present one. The copy that won is always the last to be written.
 */
#include "copies.h"

#include <string.h>

#include "crypto.h"
#include "error.h"
#include "slot.h"

struct copies *copies_new(void)
{
    return crypto_secret_alloc(sizeof(struct copies));
}

void copies_free(struct copies *copies)
{
    crypto_secret_free(copies);
}

static void free_copies(struct copies **copies)
{
    copies_free(*copies);
}

static enum header_copy other_copy(enum header_copy copy)
{
    return copy == HEADER_FRONT ? HEADER_TAIL : HEADER_FRONT;
}

bool copies_slot_is_listed(const struct copies *copies, enum header_copy copy, unsigned slot)
{
    uint8_t digest[HEADER_DIGEST_SIZE];
    struct header_body *body = (struct header_body *)(uintptr_t)&copies->body;
    header_slot_digest(copies->block[copy], slot, digest);
    return crypto_equal(digest, header_listed_digest(body, copy, slot), sizeof(digest));
}

static void list_cell(struct copies *copies, enum header_copy copy, unsigned slot)
{
    header_slot_digest(copies->block[copy], slot, header_listed_digest(&copies->body, copy, slot));
}

void copies_rebuild(struct copies *copies, enum header_copy copy)
{
    uint8_t *block = copies->block[copy];
    for (unsigned slot = 0; slot < HEADER_SLOTS; slot++) {
        if (!copies_slot_is_listed(copies, copy, slot)) {
            slot_erase(block, slot);
        }
    }
    if (copies->volume != 0) {
        header_write_random_preamble(block, NULL);
        return;
    }
    const uint8_t *salt = header_listed_salt(&copies->body, copy);
    if (!copies->salt_known[copy] || !crypto_equal(copies->salt[copy], salt, HEADER_SALT_SIZE)) {
        memcpy(copies->salt[copy], salt, HEADER_SALT_SIZE);
        copies->salt_known[copy] = true;
        copies->kek_known[copy] = false;
    }
    if (copies->marked) {
        header_copy_preamble(block, copy, copies->block[other_copy(copy)], salt);
    } else {
        header_write_random_preamble(block, salt);
    }
}

void copies_seal_block(struct copies *copies, enum header_copy copy)
{
    if (copies->volume == 0 && copies->marked) {
        header_renew_check(copies->block[copy]);
    }
    header_seal_body(copies->block[copy], &copies->body, copies->master, copy, copies->volume);
}

int copies_write_block(struct copies *copies, enum header_copy copy)
{
    copies_seal_block(copies, copy);
    int result = storage_write(copies->storage, copies->block[copy], HEADER_BLOCK_SIZE, copies->offset[copy]);
    return result != 0 ? result : storage_sync(copies->storage);
}

void copies_put_cell(struct copies *next, enum header_copy copy, unsigned slot,
                     const uint8_t kek[CREDENTIAL_KEK_SIZE])
{
    slot_wrap(next->block[copy], slot, kek, header_listed_salt(&next->body, copy), next->volume, next->master);
    list_cell(next, copy, slot);
}

void copies_put_slot(struct copies *next, unsigned slot, const uint8_t kek[HEADER_COPIES][CREDENTIAL_KEK_SIZE],
                     const struct header_slot_record *record)
{
    copies_put_cell(next, HEADER_FRONT, slot, kek[HEADER_FRONT]);
    copies_put_cell(next, HEADER_TAIL, slot, kek[HEADER_TAIL]);
    header_put_slot(&next->body, slot, record);
}

void copies_clear_slot(struct copies *next, unsigned slot)
{
    struct header_fields fields;
    header_get_fields(&next->body, &fields);
    for (enum header_copy copy = HEADER_FRONT; copy < HEADER_COPIES; copy++) {
        slot_erase(next->block[copy], slot);
        list_cell(next, copy, slot);
    }
    header_put_slot(&next->body, slot, &(struct header_slot_record){ .seq_written = fields.seq });
}

void copies_write_last(struct copies *copies, enum header_copy copy)
{
    if (copies->good[HEADER_FRONT] && copies->good[HEADER_TAIL]) {
        copies->winner = copy;
    }
}

/* Nothing of a volume with features that are not known may be written. And where the store is larger than the volume,
 * only the front says where the tail is: a torn front would lose both. */
static enum coffer_status check_update(const struct copies *copies, struct coffer_error *error)
{
    struct header_fields fields;
    header_get_fields(&copies->body, &fields);
    if ((fields.ro_compat & ~HEADER_RO_COMPAT_KNOWN) != 0) {
        return error_set(error, COFFER_UNSUPPORTED, 0, "it has features that this version does not know");
    }
    uint64_t end = (copies->storage->size & ~4095ull) - HEADER_END_SIZE;
    if (copies->volume == 0 && copies->offset[HEADER_TAIL] != end) {
        return error_set(error, COFFER_INVALID, 0,
                         "the volume does not fill its file or device; resize it before its keys change");
    }
    return COFFER_OK;
}

enum coffer_status copies_update(struct copies *copies, copies_edit_fn *edit, void *user,
                                 struct coffer_error *error)
{
    struct copies *next __attribute__((cleanup(free_copies))) = copies_new();
    if (next == NULL) {
        return error_set_no_memory(error);
    }
    enum coffer_status status = check_update(copies, error);
    if (status != COFFER_OK) {
        return status;
    }
    *next = *copies;
    struct header_fields fields;
    header_get_fields(&next->body, &fields);
    if (fields.seq + 1 >= HEADER_SEQ_END) {
        return error_set(error, COFFER_FAILED, 0, "the header has been written too often");
    }
    fields.seq++;
    header_put_fields(&next->body, &fields);
    if (!next->good[other_copy(next->winner)]) {
        copies_rebuild(next, other_copy(next->winner));
    }
    edit(next, user);

    enum header_copy first = other_copy(next->winner);
    int result = copies_write_block(next, first);
    if (result != 0) { /* what is there now nobody knows; the winner has not been touched */
        copies->good[first] = false;
        return error_set_system(error, -result, "cannot write the header");
    }
    next->good[first] = true;
    result = copies_write_block(next, next->winner);
    if (result != 0) { /* the first copy holds the new state now: from here on it wins */
        next->good[next->winner] = false;
        next->winner = first;
    }
    *copies = *next;
    return result == 0 ? COFFER_OK : error_set_system(error, -result, "cannot write the second header copy");
}

/* ---- healing ---- */

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

/* Wraps the present secret into its own slot where a copy lost it; the record stays as it is. */
static void wrap_again(struct copies *next, void *user)
{
    (void)user;
    for (enum header_copy copy = HEADER_FRONT; copy < HEADER_COPIES; copy++) {
        if (next->kek_known[copy] && !copies_slot_is_listed(next, copy, next->slot)) {
            copies_put_cell(next, copy, next->slot, next->kek[copy]);
        }
    }
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

static enum coffer_status rewrite_lost_copy(struct copies *copies, enum header_copy lost,
                                            struct coffer_error *error)
{
    int result = copies_write_block(copies, lost);
    if (result != 0) {
        return error_set_system(error, -result, "cannot repair the damaged header copy");
    }
    copies->good[lost] = true;
    return COFFER_OK;
}

enum coffer_status copies_heal(struct copies *copies, const struct coffer_credential *credential, bool *healed,
                               struct coffer_error *error)
{
    enum header_copy other = other_copy(copies->winner);
    struct header_fields fields;
    header_get_fields(&copies->body, &fields);
    *healed = false;
    if (copies->storage->read_only || (fields.ro_compat & ~HEADER_RO_COMPAT_KNOWN) != 0) {
        return COFFER_OK;
    }
    if (copies->old_tail != 0) {
        enum coffer_status status = copies_finish_growth(copies, error);
        if (status != COFFER_OK) {
            return status;
        }
    }
    if (!copies->good[other]) {
        copies_rebuild(copies, other);
    }
    bool lost_cell = false;
    for (enum header_copy copy = HEADER_FRONT; copy < HEADER_COPIES; copy++) {
        if (copies->salt_known[copy] && !copies_slot_is_listed(copies, copy, copies->slot)) {
            enum coffer_status status = need_kek(copies, copy, credential, error);
            if (status != COFFER_OK) {
                return status;
            }
            lost_cell = true;
            copies_write_last(copies, other_copy(copy));
        }
    }
    if (!lost_cell && copies->good[other]) {
        return COFFER_OK;
    }
    enum coffer_status status =
        lost_cell ? copies_update(copies, wrap_again, NULL, error) : rewrite_lost_copy(copies, other, error);
    *healed = status == COFFER_OK;
    return status;
}
