/* SPDX-License-Identifier: ISC */
/*
 * unlock.c - finds the slot that opens (spec/volume.md).
 *
 * Everything that a found slot says is held against the newest body before it counts: a slot that the newest
 * body calls empty, or whose bytes it does not list, belongs to the past.
 */
#include "unlock.h"

#include <string.h>

#include "crypto.h"
#include "error.h"
#include "memory_budget.h"
#include "slot.h"

/* The slot `slot` of copy `copy` opened and gave copies->master. OK: it counts, and `copies` is filled; what the
 * body says has not been judged yet. */
static enum coffer_status follow_slot(const struct unlock_image *image, enum header_copy copy, unsigned slot,
                                      struct copies *copies, struct coffer_error *error)
{
    struct header_slot_record record;
    uint8_t digest[HEADER_DIGEST_SIZE];
    enum coffer_status status = unlock_newest(image, copies, error);
    if (status != COFFER_OK) {
        return status;
    }
    header_get_slot(&copies->body, slot, &record);
    header_slot_digest(image->block[copy][copies->volume], slot, digest);
    if (record.kind == CREDENTIAL_EMPTY ||
        !crypto_equal(digest, header_listed_digest(&copies->body, copy, slot), sizeof(digest)) ||
        !crypto_equal(copies->salt[copy], header_listed_salt(&copies->body, copy), HEADER_SALT_SIZE)) {
        return error_set(error, COFFER_WRONG_SECRET, 0, "no key slot opens with this secret");
    }
    copies->slot = slot;
    return COFFER_OK;
}

/* ---- scanning ---- */

#define CELLS (HEADER_VOLUMES * HEADER_SLOTS)

/* What each slot of one copy gave; in secret memory. */
struct scan {
    enum slot_result result[CELLS];
    uint8_t master[CELLS][HEADER_MASTER_SIZE];
};

static void free_scan(struct scan **scan)
{
    crypto_secret_free(*scan);
}

/* Always all slots of both volumes: how long it takes says nothing about which one opens. */
static void scan_cells(const struct unlock_image *image, enum header_copy copy, const struct copies *copies,
                       struct scan *scan)
{
    for (unsigned cell = 0; cell < CELLS; cell++) {
        unsigned volume = cell / HEADER_SLOTS, slot = cell % HEADER_SLOTS;
        scan->result[cell] = SLOT_CLOSED;
        if (image->present[copy][volume]) {
            scan->result[cell] = slot_unwrap(image->block[copy][volume], slot, copies->kek[copy],
                                             copies->salt[copy], volume, scan->master[cell]);
        }
    }
}

bool unlock_opens_any(const struct unlock_image *image, const uint8_t kek[HEADER_COPIES][CREDENTIAL_KEK_SIZE],
                      const uint8_t salt[HEADER_COPIES][HEADER_SALT_SIZE])
{
    uint8_t master[HEADER_MASTER_SIZE];
    bool opens = false;
    for (unsigned i = 0; i < HEADER_COPIES * CELLS; i++) {
        enum header_copy copy = i % HEADER_COPIES;
        unsigned volume = i / HEADER_COPIES / HEADER_SLOTS, slot = i / HEADER_COPIES % HEADER_SLOTS;
        opens |= image->present[copy][volume] && slot_unwrap(image->block[copy][volume], slot, kek[copy],
                                                             salt[copy], volume, master) != SLOT_CLOSED;
    }
    crypto_wipe(master, sizeof(master));
    return opens;
}

/* Follows the slots of one copy that opened, lowest first. The error of one that led nowhere is kept in `error`;
 * the search goes on behind it. */
static enum coffer_status scan_copy(const struct unlock_image *image, enum header_copy copy, struct copies *copies,
                                    struct coffer_error *error)
{
    struct scan *scan __attribute__((cleanup(free_scan))) = crypto_secret_alloc(sizeof(*scan));
    if (scan == NULL) {
        return error_set_no_memory(error);
    }
    scan_cells(image, copy, copies, scan);
    enum coffer_status worst = COFFER_WRONG_SECRET;
    for (unsigned cell = 0; cell < CELLS; cell++) {
        enum coffer_status status = COFFER_WRONG_SECRET;
        struct coffer_error found = COFFER_ERROR_INIT;
        if (scan->result[cell] == SLOT_TOO_NEW) {
            status = error_set(&found, COFFER_UNSUPPORTED, 0, "its key slot is newer than this version");
        } else if (scan->result[cell] == SLOT_OPEN) {
            memcpy(copies->master, scan->master[cell], HEADER_MASTER_SIZE);
            copies->volume = cell / HEADER_SLOTS;
            status = follow_slot(image, copy, cell % HEADER_SLOTS, copies, &found);
        }
        if (status == COFFER_OK) {
            return COFFER_OK;
        }
        if (status != COFFER_WRONG_SECRET) {
            worst = error_set(error, status, found.sys, "%s", found.text);
        }
    }
    return worst;
}

/* The key-encryption key of one copy, at that copy's cost. */
static enum coffer_status derive_for(const struct unlock_image *image, enum header_copy copy,
                                     const struct coffer_credential *credential, struct copies *copies,
                                     struct coffer_error *error)
{
    if (copies->marked) {
        copies->memory = image->preamble[copy].memory;
        copies->passes = image->preamble[copy].passes;
    }
    if (credential_needs_kdf(credential, copies->way)) {
        enum coffer_status status = memory_budget_allows(copies->memory, error);
        if (status != COFFER_OK) {
            return status;
        }
    }
    enum coffer_status status = credential_derive(credential, copies->way, copies->salt[copy], copies->memory,
                                                  copies->passes, copies->kek[copy], error);
    copies->kek_known[copy] = status == COFFER_OK;
    return status;
}

/* No slot opened. Where no copy's slots are what they were, the secret may well be right. */
static enum coffer_status nothing_opened(const struct unlock_image *image, bool marked, struct coffer_error *error)
{
    if (!marked) {
        return error_set(error, COFFER_WRONG_SECRET, 0, "no format opens with this secret");
    }
    for (enum header_copy copy = HEADER_FRONT; copy < HEADER_COPIES; copy++) {
        if (image->verdict[copy] == HEADER_USABLE && header_slots_check(image->block[copy][0])) {
            return error_set(error, COFFER_WRONG_SECRET, 0, "no key slot opens with this secret");
        }
    }
    return error_set(error, COFFER_DAMAGED, 0,
                     "no key slot opens with this secret, and the key slots are damaged");
}

static void begin(const struct unlock_image *image, uint32_t memory, uint32_t passes, struct copies *copies)
{
    copies->storage = image->storage;
    copies->marked = unlock_is_marked(image);
    copies->memory = memory;
    copies->passes = passes;
    for (enum header_copy copy = HEADER_FRONT; copy < HEADER_COPIES; copy++) {
        copies->salt_known[copy] =
            copies->marked ? image->verdict[copy] == HEADER_USABLE : image->present[copy][0];
        if (copies->salt_known[copy]) {
            memcpy(copies->salt[copy], header_salt(image->block[copy][0]), HEADER_SALT_SIZE);
        }
    }
}

/* Front, then tail, with the secret taken one way. */
static enum coffer_status try_way(const struct unlock_image *image, const struct coffer_credential *credential,
                                  struct copies *copies, struct coffer_error *error)
{
    copies->kek_known[HEADER_FRONT] = copies->kek_known[HEADER_TAIL] = false;
    for (enum header_copy copy = HEADER_FRONT; copy < HEADER_COPIES; copy++) {
        if (!copies->salt_known[copy]) {
            continue;
        }
        enum coffer_status status = derive_for(image, copy, credential, copies, error);
        if (status == COFFER_OK && scan_copy(image, copy, copies, error) == COFFER_OK) {
            return COFFER_OK;
        }
    }
    return COFFER_WRONG_SECRET;
}

enum coffer_status unlock_header(const struct unlock_image *image, const struct coffer_credential *credential,
                                 uint32_t memory, uint32_t passes, struct copies *copies,
                                 struct coffer_error *error)
{
    struct coffer_error first = COFFER_ERROR_INIT; /* what stood in the way, if anything did */
    if (credential_kind(credential) == CREDENTIAL_EMPTY) {
        return error_set(error, COFFER_INVALID, 0, "neither a passphrase nor a key file was given");
    }
    begin(image, memory, passes, copies);
    for (copies->way = CREDENTIAL_AS_CODE; copies->way < CREDENTIAL_WAYS; copies->way++) {
        if (credential_has_way(credential, copies->way) &&
            try_way(image, credential, copies, &first) == COFFER_OK) {
            return header_validate(&copies->body, image->is_backup ? UINT64_MAX : image->storage->size,
                                   HEADER_INCOMPAT_KNOWN | copies->also_known,
                                   error); /* final: nothing else is tried */
        }
    }
    if (first.status != COFFER_OK) {
        return error_set(error, first.status, first.sys, "%s", first.text);
    }
    return nothing_opened(image, copies->marked, error);
}
