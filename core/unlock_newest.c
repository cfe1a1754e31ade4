/* SPDX-License-Identifier: ISC */
/*
 * unlock_newest.c - which copy of the header wins (spec/volume.md), from the master key and the blocks.
 */
#include <string.h>

#include "crypto.h"
#include "error.h"
#include "unlock.h"

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
    if (unlock_read_block(image->storage, elsewhere, choice->elsewhere) == 0) {
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

/* A raw key opens under any cost: what shows one may be damaged, or somebody may have changed it. New secrets get
 * the one that is sealed: with the preamble, or inside a hidden header, beside which the preamble is another
 * volume's. */
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
    if (unlock_read_block(image->storage, offset, choice->elsewhere) != 0) {
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
