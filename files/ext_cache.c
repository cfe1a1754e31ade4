/* SPDX-License-Identifier: ISC */
/*
 * ext_cache.c - every block of structure that is in use or waits for a commit, found by its number.
 *
 * Clean blocks are kept in order of use up to a limit. Dirty ones stay until a commit takes them, and those
 * that a commit has taken stay until it gives them back, because until then the volume holds older ones.
 * Called under ext->lock.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ext.h"

#define CLEAN_BYTES   ((size_t)8 << 20)
#define FIRST_BUCKETS 4096

/* ---- The two lists ---- */

static void list_add(struct ext_list *list, struct ext_block *block)
{
    block->newer = NULL;
    block->older = list->newest;
    if (list->newest != NULL) {
        list->newest->newer = block;
    } else {
        list->oldest = block;
    }
    list->newest = block;
    list->count++;
}

static void list_remove(struct ext_list *list, struct ext_block *block)
{
    *(block->newer != NULL ? &block->newer->older : &list->newest) = block->older;
    *(block->older != NULL ? &block->older->newer : &list->oldest) = block->newer;
    block->newer = block->older = NULL;
    list->count--;
}

/* A block that a commit holds and that was not changed since is in neither list: it must not be dropped. */
static struct ext_list *list_of(struct ext_cache *cache, const struct ext_block *block)
{
    return block->dirty ? &cache->dirty : block->shared ? NULL : &cache->clean;
}

/* ---- Finding ---- */

static struct ext_block **bucket_of(const struct ext_cache *cache, uint64_t number)
{
    return &cache->buckets[(number * 0x9e3779b97f4a7c15u >> 32) & (cache->bucket_count - 1)];
}

static struct ext_block *find(const struct ext_cache *cache, uint64_t number)
{
    struct ext_block *block = *bucket_of(cache, number);
    while (block != NULL && block->number != number) {
        block = block->chain;
    }
    return block;
}

static void drop(struct ext_cache *cache, struct ext_block *block)
{
    struct ext_block **link = bucket_of(cache, block->number);
    while (*link != block) {
        link = &(*link)->chain;
    }
    *link = block->chain;
    struct ext_list *list = list_of(cache, block);
    if (list != NULL) {
        list_remove(list, block);
    }
    if (!block->shared) {
        free(block->data);
    }
    free(block);
}

static struct ext_block *insert(struct ext_cache *cache, uint64_t number)
{
    while (cache->clean.count >= cache->clean_limit) {
        drop(cache, cache->clean.oldest);
    }
    struct ext_block *block = calloc(1, sizeof(*block));
    uint8_t *data = malloc(cache->block_size);
    if (block == NULL || data == NULL) {
        free(block);
        free(data);
        return NULL;
    }
    block->number = number;
    block->data = data;
    struct ext_block **bucket = bucket_of(cache, number);
    block->chain = *bucket;
    *bucket = block;
    list_add(&cache->clean, block);
    return block;
}

int ext_cache_init(struct ext *ext, size_t block_size)
{
    struct ext_cache *cache = &ext->cache;
    if (cache->buckets != NULL && cache->block_size == block_size) {
        return 0;
    }
    ext_cache_free(ext);
    cache->block_size = block_size;
    cache->bucket_count = FIRST_BUCKETS;
    cache->clean_limit = CLEAN_BYTES / block_size;
    cache->buckets = calloc(cache->bucket_count, sizeof(struct ext_block *));
    return cache->buckets != NULL ? 0 : -ENOMEM;
}

void ext_cache_free(struct ext *ext)
{
    struct ext_cache *cache = &ext->cache;
    for (size_t i = 0; cache->buckets != NULL && i < cache->bucket_count; i++) {
        while (cache->buckets[i] != NULL) {
            drop(cache, cache->buckets[i]);
        }
    }
    free(cache->buckets);
    *cache = (struct ext_cache){ 0 };
}

/* ---- Blocks in and out ---- */

static int load(struct ext *ext, uint64_t number, struct ext_block **found)
{
    struct ext_cache *cache = &ext->cache;
    struct ext_block *block = find(cache, number);
    if (block != NULL) {
        if (list_of(cache, block) == &cache->clean) {
            list_remove(&cache->clean, block);
            list_add(&cache->clean, block);
        }
        *found = block;
        return 0;
    }
    uint64_t offset;
    if (__builtin_mul_overflow(number, cache->block_size, &offset) ||
        offset + cache->block_size > ext->volume_size || offset + cache->block_size < offset) {
        return -EUCLEAN;
    }
    block = insert(cache, number);
    if (block == NULL) {
        return -ENOMEM;
    }
    struct coffer_error error = COFFER_ERROR_INIT;
    if (coffer_volume_pread(ext->volume, block->data, cache->block_size, offset, &error) != COFFER_OK) {
        drop(cache, block);
        return ext_volume_error(&error);
    }
    *found = block;
    return 0;
}

int ext_cache_read(struct ext *ext, uint64_t number, void *data, bool *checked)
{
    struct ext_block *block;
    int result = load(ext, number, &block);
    if (result < 0) {
        return result;
    }
    memcpy(data, block->data, ext->cache.block_size);
    if (checked != NULL) {
        *checked = block->checked;
    }
    return 0;
}

void ext_cache_checked(struct ext *ext, uint64_t number)
{
    struct ext_block *block = find(&ext->cache, number);
    if (block != NULL) {
        block->checked = true;
    }
}

int ext_cache_write(struct ext *ext, uint64_t number, const void *data)
{
    struct ext_cache *cache = &ext->cache;
    struct ext_block *block = find(cache, number);
    if (block == NULL) {
        block = insert(cache, number);
        if (block == NULL) {
            return -ENOMEM;
        }
    } else if (memcmp(block->data, data, cache->block_size) == 0) {
        return 0;
    }
    if (block->shared) {
        uint8_t *own = malloc(cache->block_size);
        if (own == NULL) {
            return -ENOMEM;
        }
        block->data = own; /* the commit frees the old one */
        block->shared = false;
        block->dirty = true;
        list_add(&cache->dirty, block);
    } else if (!block->dirty) {
        list_remove(&cache->clean, block);
        block->dirty = true;
        list_add(&cache->dirty, block);
    }
    memcpy(block->data, data, cache->block_size);
    block->checked = true; /* whoever writes has set the checksum */
    return 0;
}

void ext_cache_forget(struct ext *ext, uint64_t number, uint64_t count)
{
    struct ext_cache *cache = &ext->cache;
    if (count <= cache->bucket_count) {
        for (uint64_t i = 0; i < count; i++) {
            struct ext_block *block = find(cache, number + i);
            if (block != NULL) {
                drop(cache, block);
            }
        }
        return;
    }
    for (size_t i = 0; i < cache->bucket_count; i++) {
        struct ext_block *next;
        for (struct ext_block *block = cache->buckets[i]; block != NULL; block = next) {
            next = block->chain;
            if (block->number >= number && block->number - number < count) {
                drop(cache, block);
            }
        }
    }
}

/* ---- Commits ---- */

static int by_number(const void *a, const void *b)
{
    const struct ext_image *x = a;
    const struct ext_image *y = b;
    return x->number < y->number ? -1 : x->number > y->number;
}

int ext_cache_take(struct ext *ext, struct ext_image **images, size_t *count)
{
    struct ext_list *dirty = &ext->cache.dirty;
    *count = 0;
    *images = calloc(dirty->count + 1, sizeof(**images));
    if (*images == NULL) {
        return -ENOMEM;
    }
    while (dirty->oldest != NULL) {
        struct ext_block *block = dirty->oldest;
        list_remove(dirty, block);
        block->dirty = false;
        block->shared = true;
        (*images)[(*count)++] = (struct ext_image){ block->number, block->data };
    }
    qsort(*images, *count, sizeof(**images), by_number);
    return 0;
}

void ext_cache_give_back(struct ext *ext, struct ext_image *images, size_t count)
{
    struct ext_cache *cache = &ext->cache;
    for (size_t i = 0; i < count; i++) {
        struct ext_block *block = find(cache, images[i].number);
        if (block != NULL && block->data == images[i].data) {
            block->shared = false;
            list_add(&cache->clean, block);
        } else {
            free(images[i].data);
        }
    }
    while (cache->clean.count > cache->clean_limit) {
        drop(cache, cache->clean.oldest);
    }
    free(images);
}
