/* SPDX-License-Identifier: ISC */
/*
 * fat_space.c - which clusters are free: a bit for each, found by reading table or bitmap once.
 *
 * What is freed stays taken until the commit that frees it is over, because until then entries on the medium still
 * name it. The bits thus say more than the medium: taken, or about to be free.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fat.h"

#define WORD 64u

static bool is_used(const struct fat_space *space, uint32_t bit)
{
    return (space->used[bit / WORD] >> bit % WORD & 1) != 0;
}

static void set_bits(struct fat_space *space, uint32_t bit, uint32_t count, bool used)
{
    for (; count > 0; bit++, count--) {
        uint64_t mask = UINT64_C(1) << bit % WORD;
        space->used[bit / WORD] = used ? space->used[bit / WORD] | mask : space->used[bit / WORD] & ~mask;
    }
}

static void found_free(struct fat *fat, uint32_t start, uint32_t count)
{
    set_bits(&fat->space, start - FAT_FIRST, count, false);
    fat->space.free += count;
}

/* What is about to be free may be so on the medium already. */
static void hold(struct fat_space *space, const struct fat_spans *spans)
{
    for (size_t i = 0; i < spans->count; i++) {
        struct fat_span span = spans->items[i];
        for (uint32_t bit = span.start - FAT_FIRST; span.count > 0; bit++, span.count--) {
            space->free -= !is_used(space, bit);
            set_bits(space, bit, 1, true);
        }
    }
}

int fat_space_load(struct fat *fat)
{
    struct fat_space *space = &fat->space;
    if (space->used != NULL) {
        return 0;
    }
    size_t words = fat->geometry.clusters / WORD + 1;
    space->used = malloc(words * sizeof(*space->used));
    if (space->used == NULL) {
        return -ENOMEM;
    }
    memset(space->used, 0xff, words * sizeof(*space->used));
    space->free = 0;
    int result = fat->codec->scan(fat, found_free);
    if (result < 0) {
        free(space->used);
        space->used = NULL;
        return result;
    }
    hold(space, &space->freed);
    hold(space, &space->freeing);
    return 0;
}

void fat_space_free(struct fat *fat)
{
    free(fat->space.used);
    free(fat->space.freed.items);
    free(fat->space.freeing.items);
}

/* The first free bit of [from, to); `to` when there is none. */
static uint32_t find_free(const struct fat_space *space, uint32_t from, uint32_t to)
{
    while (from < to) {
        uint64_t open = ~space->used[from / WORD] >> from % WORD;
        if (open != 0) {
            uint32_t found = from + (uint32_t)__builtin_ctzll(open);
            return found < to ? found : to;
        }
        from = (from / WORD + 1) * WORD;
    }
    return to;
}

int fat_space_take(struct fat *fat, uint32_t goal, uint32_t want, struct fat_span *span)
{
    struct fat_space *space = &fat->space;
    uint32_t end = fat->geometry.clusters;
    uint32_t bit = goal - FAT_FIRST;
    if (goal < FAT_FIRST || bit >= end || is_used(space, bit)) {
        bit = find_free(space, space->rotor, end);
        bit = bit < end ? bit : find_free(space, 0, end);
    }
    if (bit >= end) {
        return -ENOSPC;
    }
    uint32_t count = 1;
    while (count < want && bit + count < end && !is_used(space, bit + count)) {
        count++;
    }
    set_bits(space, bit, count, true);
    space->free -= count;
    space->rotor = bit + count < end ? bit + count : 0;
    *span = (struct fat_span){ bit + FAT_FIRST, count };
    fat->info_changed = true;
    if (fat->codec->took != NULL) {
        fat->codec->took(fat, *span);
    }
    return 0;
}

int fat_space_release(struct fat *fat, struct fat_span span)
{
    struct fat_spans *freed = &fat->space.freed;
    fat->info_changed = true;
    fat->space.waiting += span.count;
    if (freed->count > 0) {
        struct fat_span *last = &freed->items[freed->count - 1];
        if (last->start + last->count == span.start) {
            last->count += span.count;
            return 0;
        }
    }
    if (freed->count == freed->room) {
        size_t room = freed->room * 2 + 64;
        struct fat_span *items = realloc(freed->items, room * sizeof(*items));
        if (items == NULL) {
            fat->space.waiting -= span.count;
            return -ENOMEM;
        }
        freed->items = items;
        freed->room = room;
    }
    freed->items[freed->count++] = span;
    return 0;
}

void fat_space_start(struct fat *fat)
{
    struct fat_space *space = &fat->space;
    struct fat_spans empty = space->freeing;
    space->freeing = space->freed;
    space->freed = empty;
    space->freed.count = 0;
}

void fat_space_discard(struct fat *fat)
{
    const struct fat_spans *freeing = &fat->space.freeing;
    for (size_t i = 0; fat->discard && i < freeing->count; i++) {
        struct coffer_error ignored = COFFER_ERROR_INIT; /* it only saves space */
        coffer_volume_discard(fat->volume, fat_cluster_offset(fat, freeing->items[i].start),
                              (uint64_t)freeing->items[i].count * fat->geometry.cluster, &ignored);
    }
}

void fat_space_settle(struct fat *fat)
{
    struct fat_space *space = &fat->space;
    for (size_t i = 0; i < space->freeing.count; i++) {
        struct fat_span span = space->freeing.items[i];
        space->waiting -= span.count;
        for (uint32_t bit = span.start - FAT_FIRST; space->used != NULL && span.count > 0; bit++, span.count--) {
            space->free += is_used(space, bit); /* two files of a damaged file system may share it */
            set_bits(space, bit, 1, false);
        }
    }
    space->freeing.count = 0;
}
