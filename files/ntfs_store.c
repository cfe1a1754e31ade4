/* SPDX-License-Identifier: ISC */
/*
 * ntfs_store.c - blocks of structure that wait for a commit. Until then the volume holds the state of the last
 * commit; contents of files may go there at once, unless that state still needs what is in their place.
 */
#include "ntfs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_BUCKETS 1024

size_t nt_store_size(const struct nt *nt, uint64_t number)
{
    const uint64_t left = nt->volume_size - number * NT_BLOCK;
    return left < NT_BLOCK ? (size_t)left : NT_BLOCK;
}

static size_t bucket_of(const struct nt_store *store, uint64_t number)
{
    return (size_t)(number * UINT64_C(0x9e3779b97f4a7c15) >> 20) & (store->bucket_count - 1);
}

static struct nt_block *find(const struct nt_store *store, uint64_t number)
{
    struct nt_block *block = store->count > 0 ? store->buckets[bucket_of(store, number)] : NULL;
    while (block != NULL && block->number != number) {
        block = block->chain;
    }
    return block;
}

static void insert(struct nt_store *store, struct nt_block *block)
{
    struct nt_block **bucket = &store->buckets[bucket_of(store, block->number)];
    block->chain = *bucket;
    *bucket = block;
}

static int grow(struct nt_store *store)
{
    struct nt_store bigger = *store;
    bigger.bucket_count = store->bucket_count > 0 ? store->bucket_count * 2 : FIRST_BUCKETS;
    bigger.buckets = calloc(bigger.bucket_count, sizeof(struct nt_block *));
    if (bigger.buckets == NULL) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < store->bucket_count; i++) {
        for (struct nt_block *block = store->buckets[i], *next; block != NULL; block = next) {
            next = block->chain;
            insert(&bigger, block);
        }
    }
    free(store->buckets);
    *store = bigger;
    return 0;
}

/* The block, which is read from the volume when it was not changed so far. */
static int take(struct nt *nt, uint64_t number, struct nt_block **taken)
{
    struct nt_store *store = &nt->store;
    struct nt_block *block = find(store, number);
    if (block == NULL) {
        int result = store->count >= store->bucket_count ? grow(store) : 0;
        block = result == 0 ? calloc(1, sizeof(*block)) : NULL;
        if (block == NULL) {
            return -ENOMEM;
        }
        block->number = number;
        result = nt_volume_read(nt, block->data, nt_store_size(nt, number), number * NT_BLOCK);
        if (result < 0) {
            free(block);
            return result;
        }
        insert(store, block);
        store->count++;
    }
    *taken = block;
    return 0;
}

/* The part of a range that lies in the block where it begins. */
static size_t part_of(size_t size, uint64_t offset)
{
    const size_t room = NT_BLOCK - (size_t)(offset % NT_BLOCK);
    return size < room ? size : room;
}

static bool outside(const struct nt *nt, size_t size, uint64_t offset)
{
    return offset > nt->volume_size || size > nt->volume_size - offset;
}

int nt_store_read(struct nt *nt, void *data, size_t size, uint64_t offset)
{
    if (outside(nt, size, offset)) {
        return -EUCLEAN;
    }
    int result = nt_volume_read(nt, data, size, offset);
    uint8_t *out = data;
    while (result == 0 && size > 0 && nt->store.count > 0) {
        const size_t part = part_of(size, offset);
        const struct nt_block *block = find(&nt->store, offset / NT_BLOCK);
        if (block != NULL) {
            memcpy(out, block->data + offset % NT_BLOCK, part);
        }
        out += part;
        offset += part;
        size -= part;
    }
    return result;
}

int nt_store_write(struct nt *nt, const void *data, size_t size, uint64_t offset)
{
    if (outside(nt, size, offset)) {
        return -EUCLEAN;
    }
    const uint8_t *in = data;
    while (size > 0) {
        const size_t part = part_of(size, offset);
        struct nt_block *block;
        int result = take(nt, offset / NT_BLOCK, &block);
        if (result < 0) {
            return result;
        }
        memcpy(block->data + offset % NT_BLOCK, in, part);
        in += part;
        offset += part;
        size -= part;
    }
    return 0;
}

/* Whether contents may not go to the volume here: a block waits for a commit, or the volume's state still needs
 * what is there. */
static bool must_wait(const struct nt *nt, uint64_t offset, size_t size)
{
    return find(&nt->store, offset / NT_BLOCK) != NULL || nt_frozen_touches(nt, offset, size);
}

int nt_store_contents(struct nt *nt, const void *data, size_t size, uint64_t offset)
{
    if (outside(nt, size, offset)) {
        return -EUCLEAN;
    }
    const uint8_t *in = data;
    while (size > 0) {
        size_t run = part_of(size, offset);
        const bool waits = must_wait(nt, offset, run);
        while (run < size) {
            const size_t next = part_of(size - run, offset + run);
            if (must_wait(nt, offset + run, next) != waits) {
                break;
            }
            run += next;
        }
        int result = waits ? nt_store_write(nt, in, run, offset) : nt_volume_write(nt, in, run, offset);
        if (result < 0) {
            return result;
        }
        in += run;
        offset += run;
        size -= run;
    }
    return 0;
}

static int by_number(const void *left, const void *right)
{
    const uint64_t a = (*(struct nt_block *const *)left)->number;
    const uint64_t b = (*(struct nt_block *const *)right)->number;
    return a < b ? -1 : a > b;
}

struct nt_block **nt_store_sorted(const struct nt *nt)
{
    const struct nt_store *store = &nt->store;
    struct nt_block **sorted = calloc(store->count + 1, sizeof(struct nt_block *));
    size_t count = 0;
    for (size_t i = 0; sorted != NULL && i < store->bucket_count; i++) {
        for (struct nt_block *block = store->buckets[i]; block != NULL; block = block->chain) {
            sorted[count++] = block;
        }
    }
    if (sorted != NULL) {
        qsort(sorted, count, sizeof(struct nt_block *), by_number);
    }
    return sorted;
}

void nt_store_empty(struct nt *nt)
{
    struct nt_store *store = &nt->store;
    for (size_t i = 0; i < store->bucket_count && store->count > 0; i++) {
        for (struct nt_block *block = store->buckets[i], *next; block != NULL; block = next) {
            next = block->chain;
            free(block);
            store->count--;
        }
        store->buckets[i] = NULL;
    }
}

void nt_store_free(struct nt *nt)
{
    nt_store_empty(nt);
    free(nt->store.buckets);
}
