/* SPDX-License-Identifier: ISC */
/*
 * unlock.c - finds the slot that opens, and which copy of the header wins (spec/volume.md).
 *
 * Everything that a found slot says is held against the newest body before it counts: a slot that the newest
 * body calls empty, or whose bytes it does not list, belongs to the past.
 */
#include "unlock.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "crypto.h"
#include "error.h"
#include "memory_budget.h"
#include "slot.h"

/* ---- reading ---- */

/* 0, -ENODATA outside the store, or the medium's error. */
static int fetch_block(struct storage *storage, uint64_t offset, uint8_t block[HEADER_BLOCK_SIZE])
{
    if (offset > storage->size || storage->size - offset < HEADER_BLOCK_SIZE) {
        return -ENODATA;
    }
    storage_forget(storage, offset, HEADER_BLOCK_SIZE);
    return storage_read(storage, block, HEADER_BLOCK_SIZE, offset);
}

static bool read_block(struct storage *storage, uint64_t offset, uint8_t block[HEADER_BLOCK_SIZE])
{
    return fetch_block(storage, offset, block) == 0;
}

void unlock_judge_preambles(struct unlock_image *image)
{
    for (enum header_copy copy = HEADER_FRONT; copy < HEADER_COPIES; copy++) {
        image->verdict[copy] = image->present[copy][0]
                                   ? header_read_preamble(image->block[copy][0], copy, &image->preamble[copy])
                                   : HEADER_NO_MAGIC;
    }
}

struct unlock_image *unlock_read(struct storage *storage)
{
    struct unlock_image *image = calloc(1, sizeof(*image));
    if (image == NULL) {
        return NULL;
    }
    uint64_t size = storage->size & ~4095ull;
    image->storage = storage;
    image->offset[HEADER_FRONT] = 0;
    image->offset[HEADER_TAIL] = size >= HEADER_END_SIZE ? size - HEADER_END_SIZE : UINT64_MAX;
    for (enum header_copy copy = HEADER_FRONT; copy < HEADER_COPIES; copy++) {
        for (unsigned volume = 0; volume < HEADER_VOLUMES && image->offset[copy] != UINT64_MAX; volume++) {
            uint64_t offset = image->offset[copy] + (uint64_t)volume * HEADER_VOLUME_STRIDE;
            int result = fetch_block(storage, offset, image->block[copy][volume]);
            image->present[copy][volume] = result == 0;
            if (volume == 0 && result != 0 && result != -ENODATA) {
                image->unreadable = -result;
            }
        }
    }
    if (image->present[HEADER_FRONT][0] || image->present[HEADER_TAIL][0]) {
        image->unreadable = 0; /* one copy is enough */
    }
    unlock_judge_preambles(image);
    return image;
}

bool unlock_is_marked(const struct unlock_image *image)
{
    return image->unreadable != 0 || image->verdict[HEADER_FRONT] != HEADER_NO_MAGIC ||
           image->verdict[HEADER_TAIL] != HEADER_NO_MAGIC;
}

enum coffer_status unlock_judge(const struct unlock_image *image, struct coffer_error *error)
{
    const enum header_verdict *verdict = image->verdict;
    if (image->unreadable != 0) {
        return error_set_system(error, image->unreadable, "cannot read the header");
    }
    if (verdict[HEADER_FRONT] == HEADER_USABLE || verdict[HEADER_TAIL] == HEADER_USABLE) {
        return COFFER_OK;
    }
    if (verdict[HEADER_FRONT] == HEADER_TOO_NEW || verdict[HEADER_TAIL] == HEADER_TOO_NEW) {
        return error_set(error, COFFER_UNSUPPORTED, 0, "its format or key derivation is newer than this version");
    }
    return error_set(error, COFFER_DAMAGED, 0, "the cost of its key derivation is out of bounds");
}

/* ---- choosing ---- */

/* One block that opened under the master key. */
struct candidate {
    bool opened;
    uint64_t offset;
    uint64_t seq;
    struct header_body body;
    const uint8_t *block;
};

/* What is judged while one slot is followed to its bodies; in secret memory. */
struct choice {
    struct candidate front, tail;
    struct candidate old;                 /* what a growth that was cut short left behind */
    uint8_t elsewhere[HEADER_BLOCK_SIZE]; /* a tail where the front says the volume ends */
};

static void free_choice(struct choice **choice)
{
    crypto_secret_free(*choice);
}

/* A marked block with a preamble that cannot be used is lost even when its body opens: were it to win, healing
 * would spread its preamble to the other copy, and nothing could open the volume any more. */
static bool preamble_counts(const uint8_t *block, const struct copies *copies, enum header_copy copy)
{
    struct header_preamble preamble;
    return !copies->marked || copies->volume != 0 || header_read_preamble(block, copy, &preamble) == HEADER_USABLE;
}

static void try_block(struct candidate *candidate, const uint8_t *block, const struct copies *copies,
                      enum header_copy copy)
{
    struct header_fields fields;
    candidate->opened = preamble_counts(block, copies, copy) &&
                        header_open_body(block, &candidate->body, copies->master, copy, copies->volume);
    candidate->block = block;
    if (candidate->opened) {
        header_get_fields(&candidate->body, &fields);
        candidate->seq = fields.seq;
    }
}

/* Where the tail of volume 0 is when the store has become larger than the volume. 0: where it was looked for. */
static uint64_t tail_elsewhere(const struct unlock_image *image, const struct candidate *front)
{
    struct header_fields fields;
    header_get_fields(&front->body, &fields);
    if (fields.container_size < HEADER_END_SIZE || fields.container_size % 4096 != 0 ||
        fields.container_size > image->storage->size ||
        fields.container_size - HEADER_END_SIZE == image->offset[HEADER_TAIL]) {
        return 0;
    }
    return fields.container_size - HEADER_END_SIZE;
}

static void open_bodies(const struct unlock_image *image, const struct copies *copies, struct choice *choice)
{
    unsigned volume = copies->volume;
    uint64_t stride = (uint64_t)volume * HEADER_VOLUME_STRIDE;
    choice->front.offset = stride;
    choice->tail.offset = image->offset[HEADER_TAIL] + stride;
    if (image->present[HEADER_FRONT][volume]) {
        try_block(&choice->front, image->block[HEADER_FRONT][volume], copies, HEADER_FRONT);
    }
    if (image->present[HEADER_TAIL][volume]) {
        try_block(&choice->tail, image->block[HEADER_TAIL][volume], copies, HEADER_TAIL);
    }
    uint64_t elsewhere =
        volume == 0 && choice->front.opened && !image->is_backup ? tail_elsewhere(image, &choice->front) : 0;
    if (elsewhere == 0 || choice->tail.opened) {
        return;
    }
    choice->tail.offset = elsewhere; /* even if it is lost there: that is where it belongs */
    choice->tail.block = NULL;
    if (read_block(image->storage, elsewhere, choice->elsewhere)) {
        try_block(&choice->tail, choice->elsewhere, copies, HEADER_TAIL);
    }
}

/* Whether a block is the whole front or tail of a marked volume other than the one that won: not a damaged copy of
 * this one, which would keep the UUID or the salt, or have slots that do not fit its check. */
static bool is_of_another_volume(const uint8_t *block, enum header_copy copy, const uint8_t *own,
                                 struct copies *copies)
{
    struct header_preamble its, mine;
    return header_read_preamble(block, copy, &its) == HEADER_USABLE &&
           header_read_preamble(own, copies->winner, &mine) == HEADER_USABLE &&
           memcmp(mine.salt, header_listed_salt(&copies->body, copies->winner), HEADER_SALT_SIZE) == 0 &&
           memcmp(its.salt, header_listed_salt(&copies->body, copy), HEADER_SALT_SIZE) != 0 &&
           memcmp(its.uuid, mine.uuid, sizeof(its.uuid)) != 0 && header_slots_check(block);
}

/* Marked volumes only; without a magic nothing is seen before healing tries the secret. */
static void note_strangers(const struct unlock_image *image, const struct choice *choice, struct copies *copies)
{
    enum header_copy lost = copies_other(copies->winner);
    const struct candidate *candidate = lost == HEADER_FRONT ? &choice->front : &choice->tail;
    const uint8_t *own = image->block[copies->winner][0];
    if (copies->volume == 0) {
        own = copies->block[copies->winner];
    }
    copies->stranger[HEADER_FRONT] = copies->stranger[HEADER_TAIL] = false;
    if (!candidate->opened && copies->marked) {
        copies->stranger[lost] = is_of_another_volume(image->block[lost][0], lost, own, copies) ||
                                 is_of_another_volume(choice->elsewhere, lost, own, copies);
    }
}

/* A raw key opens under any cost: what shows one may be damaged, or somebody may have changed it. New secrets get the one
 * that is sealed: with the preamble, or inside a hidden header, beside which the preamble is another volume's. */
static void take_cost(struct copies *copies, const uint8_t *winner)
{
    struct header_preamble preamble;
    struct header_fields fields;
    header_get_fields(&copies->body, &fields);
    if (!copies->marked) {
        return;
    }
    if (copies->volume != 0 && header_cost_in_bounds(fields.memory, fields.passes)) {
        copies->memory = fields.memory;
        copies->passes = fields.passes;
    } else if (copies->volume == 0 && header_read_preamble(winner, copies->winner, &preamble) == HEADER_USABLE) {
        copies->memory = preamble.memory;
        copies->passes = preamble.passes;
    }
}

/* Fills `copies` from the candidates; the winner is settled. */
static void take(struct copies *copies, const struct choice *choice)
{
    const struct candidate *candidate[HEADER_COPIES] = { &choice->front, &choice->tail };
    const struct candidate *winner = candidate[copies->winner];
    for (enum header_copy copy = HEADER_FRONT; copy < HEADER_COPIES; copy++) {
        copies->offset[copy] = candidate[copy]->offset;
        copies->good[copy] =
            candidate[copy]->opened && crypto_equal(&candidate[copy]->body, &winner->body, sizeof(winner->body));
        if (candidate[copy]->block != NULL) {
            memcpy(copies->block[copy], candidate[copy]->block, HEADER_BLOCK_SIZE);
        }
    }
    copies->body = winner->body;
    take_cost(copies, winner->block);
}

/* A growth was cut short when a tail at the end of the store won, the front names a smaller size, and the tail that
 * belongs to that front is still there. Without the last, the place holds the user's data: the front may only
 * have been put back, or never been healed. */
static void note_old_tail(const struct unlock_image *image, struct copies *copies, struct choice *choice)
{
    struct header_fields old, new;
    uint64_t least;
    copies->old_tail = 0;
    if (image->is_backup || copies->volume != 0 || copies->winner != HEADER_TAIL || !choice->front.opened ||
        choice->tail.offset != image->offset[HEADER_TAIL]) {
        return;
    }
    header_get_fields(&choice->front.body, &old);
    header_get_fields(&copies->body, &new);
    if (__builtin_add_overflow(old.container_size, HEADER_END_SIZE, &least) || least > new.container_size ||
        old.container_size < HEADER_END_SIZE || old.container_size - HEADER_END_SIZE < new.data_offset) {
        return;
    }
    uint64_t offset = old.container_size - HEADER_END_SIZE;
    if (!read_block(image->storage, offset, choice->elsewhere)) {
        return;
    }
    try_block(&choice->old, choice->elsewhere, copies, HEADER_TAIL);
    if (choice->old.opened && choice->old.seq == choice->front.seq) {
        copies->old_tail = offset;
    }
}

enum coffer_status unlock_newest(const struct unlock_image *image, struct copies *copies,
                                 struct coffer_error *error)
{
    struct choice *choice __attribute__((cleanup(free_choice))) = crypto_secret_alloc(sizeof(*choice));
    if (choice == NULL) {
        return error_set_no_memory(error);
    }
    open_bodies(image, copies, choice);
    if (!choice->front.opened && !choice->tail.opened) {
        return error_set(error, COFFER_DAMAGED, 0, "a key slot opens, but neither copy of the header does");
    }
    copies->winner = choice->front.opened && (!choice->tail.opened || choice->front.seq >= choice->tail.seq)
                         ? HEADER_FRONT
                         : HEADER_TAIL;
    take(copies, choice);
    note_strangers(image, choice, copies);
    note_old_tail(image, copies, choice);
    return COFFER_OK;
}

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
