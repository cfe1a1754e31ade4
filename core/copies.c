/* SPDX-License-Identifier: ISC */
/*
 * copies.c - updating the two copies of a header (spec/volume.md).
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

void copies_trust_listed_salt(struct copies *copies, enum header_copy copy)
{
    const uint8_t *salt = header_listed_salt(&copies->body, copy);
    if (!copies->salt_known[copy] || !crypto_equal(copies->salt[copy], salt, HEADER_SALT_SIZE)) {
        memcpy(copies->salt[copy], salt, HEADER_SALT_SIZE);
        copies->salt_known[copy] = true;
        copies->kek_known[copy] = false;
    }
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
    copies_trust_listed_salt(copies, copy);
    const uint8_t *salt = copies->salt[copy];
    if (copies->marked) {
        header_copy_preamble(block, copy, copies->block[copies_other(copy)], salt);
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

enum coffer_status copies_check_own(const struct copies *copies, struct coffer_error *error)
{
    if (!copies->stranger[HEADER_FRONT] && !copies->stranger[HEADER_TAIL]) {
        return COFFER_OK;
    }
    return error_set(error, COFFER_INVALID, 0, "its %s header is that of another volume",
                     copies->stranger[HEADER_FRONT] ? "front" : "tail");
}

enum coffer_status copies_check_known(const struct copies *copies, struct coffer_error *error)
{
    struct header_fields fields;
    header_get_fields(&copies->body, &fields);
    if ((fields.incompat & ~(HEADER_INCOMPAT_KNOWN | copies->also_known)) != 0 ||
        (fields.ro_compat & ~HEADER_RO_COMPAT_KNOWN) != 0) {
        return error_set(error, COFFER_UNSUPPORTED, 0, "it has features that this version does not know");
    }
    return COFFER_OK;
}

enum coffer_status copies_count_up(struct header_fields *fields, struct coffer_error *error)
{
    if (fields->seq >= HEADER_SEQ_END - 1) {
        return error_set(error, COFFER_FAILED, 0, "the header has been written too often");
    }
    fields->seq++;
    return COFFER_OK;
}

/* Where the store is larger than the volume, only the front says where the tail is: a torn front would lose both. */
static enum coffer_status check_update(const struct copies *copies, struct coffer_error *error)
{
    enum coffer_status status = copies_check_known(copies, error);
    if (status != COFFER_OK) {
        return status;
    }
    uint64_t end = (copies->storage->size & ~4095ull) - HEADER_END_SIZE;
    if (copies->volume == 0 && copies->offset[HEADER_TAIL] != end) {
        return error_set(error, COFFER_INVALID, 0,
                         "the volume does not fill its file or device; resize it before its keys change");
    }
    return copies_check_own(copies, error);
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
    status = copies_count_up(&fields, error);
    if (status != COFFER_OK) {
        return status;
    }
    header_put_fields(&next->body, &fields);
    if (!next->good[copies_other(next->winner)]) {
        copies_rebuild(next, copies_other(next->winner));
    }
    edit(next, user);

    enum header_copy first = copies_other(next->winner);
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
