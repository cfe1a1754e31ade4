/* SPDX-License-Identifier: ISC */
/*
 * unlock_image.c - the header blocks of a store as they are read, and what their preambles say before any secret
 * (spec/volume.md).
 */
#include <errno.h>
#include <stdlib.h>

#include "error.h"
#include "unlock.h"

int unlock_read_block(struct storage *storage, uint64_t offset, uint8_t block[HEADER_BLOCK_SIZE])
{
    if (offset > storage->size || storage->size - offset < HEADER_BLOCK_SIZE) {
        return -ENODATA;
    }
    storage_forget(storage, offset, HEADER_BLOCK_SIZE);
    return storage_read(storage, block, HEADER_BLOCK_SIZE, offset);
}

void unlock_judge_preambles(struct unlock_image *image)
{
    for (enum header_copy copy = HEADER_FRONT; copy < HEADER_COPIES; copy++) {
        image->verdict[copy] = image->present[copy][0]
                                   ? header_read_preamble(image->block[copy][0], copy, &image->preamble[copy])
                                   : HEADER_NO_MAGIC;
    }
}

/* The blocks of one copy, where the image says they are. */
static void read_copy(struct unlock_image *image, enum header_copy copy)
{
    for (unsigned volume = 0; volume < HEADER_VOLUMES && image->offset[copy] != UINT64_MAX; volume++) {
        uint64_t offset = image->offset[copy] + (uint64_t)volume * HEADER_VOLUME_STRIDE;
        int result = unlock_read_block(image->storage, offset, image->block[copy][volume]);
        image->present[copy][volume] = result == 0;
        if (volume == 0 && result != 0 && result != -ENODATA) {
            image->unreadable = -result;
        }
    }
}

static void judge(struct unlock_image *image)
{
    if (image->present[HEADER_FRONT][0] || image->present[HEADER_TAIL][0]) {
        image->unreadable = 0; /* one copy is enough */
    }
    unlock_judge_preambles(image);
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
        read_copy(image, copy);
    }
    judge(image);
    return image;
}

void unlock_move_tail(struct unlock_image *image, uint64_t offset)
{
    image->offset[HEADER_TAIL] = offset;
    read_copy(image, HEADER_TAIL);
    judge(image);
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
