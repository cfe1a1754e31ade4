/* SPDX-License-Identifier: ISC */
/*
 * format_opened.c - the map from cleartext to the store, as a format makes it: most have one run, some have millions.
 *
 * The runs lie in ordinary memory, for they are no secret and may be more than can be locked.
 */
#include <stdlib.h>

#include "error.h"
#include "format.h"

#define ROOM 16 /* runs, to begin with: format_opened_place never fails */

struct format_opened *format_opened_new(void)
{
    struct format_opened *opened = crypto_secret_alloc(sizeof(*opened));
    if (opened == NULL) {
        return NULL;
    }
    opened->segment = calloc(ROOM, sizeof(opened->segment[0]));
    if (opened->segment == NULL) {
        crypto_secret_free(opened);
        return NULL;
    }
    opened->segments_room = ROOM;
    return opened;
}

void format_opened_free(struct format_opened *opened)
{
    if (opened != NULL) {
        free(opened->segment);
        crypto_secret_free(opened);
    }
}

void format_opened_place(struct format_opened *opened, uint64_t size, uint64_t storage_offset, uint64_t tweak)
{
    opened->data_size = size;
    opened->segments = 1;
    opened->segment[0] = (struct segment){
        .kind = SEGMENT_CIPHER,
        .size = size,
        .storage_offset = storage_offset,
        .tweak = tweak,
    };
}

static bool continues(const struct segment *last, const struct segment *next)
{
    if (next->kind != last->kind) {
        return false;
    }
    return next->kind == SEGMENT_ZERO ||
           (next->storage_offset == last->storage_offset + last->size &&
            (next->kind == SEGMENT_PLAIN || next->tweak == last->tweak + last->size / 512));
}

static bool make_room(struct format_opened *opened)
{
    if (opened->segments < opened->segments_room) {
        return true;
    }
    size_t room = 2 * opened->segments_room;
    struct segment *larger = reallocarray(opened->segment, room, sizeof(*larger));
    if (larger == NULL) {
        return false;
    }
    opened->segment = larger;
    opened->segments_room = room;
    return true;
}

enum coffer_status format_opened_add(struct format_opened *opened, enum segment_kind kind, uint64_t size,
                                     uint64_t storage_offset, uint64_t tweak, struct coffer_error *error)
{
    const struct segment next = { kind, opened->data_size, size, storage_offset, tweak };
    struct segment *last = opened->segments > 0 ? &opened->segment[opened->segments - 1] : NULL;
    if (size == 0) {
        return COFFER_OK;
    }
    if (size > UINT64_MAX - opened->data_size) {
        return error_set(error, COFFER_DAMAGED, 0, "it is damaged: its parts are too large");
    }
    if (last != NULL && continues(last, &next)) {
        last->size += size;
        opened->data_size += size;
        return COFFER_OK;
    }
    if (opened->segments == FORMAT_SEGMENTS_MAX) {
        return error_set(error, COFFER_UNSUPPORTED, 0, "its data lies in more than %u pieces",
                         FORMAT_SEGMENTS_MAX);
    }
    if (!make_room(opened)) {
        return error_set_no_memory(error);
    }
    opened->segment[opened->segments++] = next;
    opened->data_size += size;
    return COFFER_OK;
}
