/* SPDX-License-Identifier: ISC */
/*
 * fat_dir.c - directories in memory: their slots up to the end mark, with an index of names. Changes are marked by
 * sector; directories without changes leave memory again, the longest unused first.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fat.h"

#define PIECE      16384u      /* bytes per read */
#define MOST_BYTES (32u << 20) /* of directories in memory */

static uint32_t sector_slots(const struct fat *fat)
{
    return fat->geometry.sector / FAT_SLOT;
}

bool fat_dir_is_end(const uint8_t *slot)
{
    return slot[0] == 0;
}

static bool has_own_place(const struct fat *fat, const struct fat_dir *dir)
{
    return dir->node == fat->root && fat->geometry.root_cluster == 0;
}

/* ---- Where a slot is ---- */

int fat_dir_place(struct fat *fat, struct fat_dir *dir, uint32_t slot, uint64_t *offset)
{
    uint64_t at = (uint64_t)slot * FAT_SLOT;
    if (has_own_place(fat, dir)) {
        *offset = fat->geometry.root + at;
        return at < fat->geometry.root_size ? 0 : -ENODATA;
    }
    struct fat_span span;
    int result = fat_chain_find(fat, &dir->node->chain, (uint32_t)(at / fat->geometry.cluster), &span);
    if (result == 0) {
        *offset = fat_cluster_offset(fat, span.start) + at % fat->geometry.cluster;
    }
    return result;
}

/* ---- Coming into memory and leaving it ---- */

/* Room for `count` slots; new ones are zero, which is the end mark. */
static int reserve(struct fat *fat, struct fat_dir *dir, uint32_t count)
{
    if (count <= dir->count) {
        return 0;
    }
    uint32_t sectors = count / sector_slots(fat), old_sectors = dir->count / sector_slots(fat);
    uint8_t *slots = realloc(dir->slots, (size_t)count * FAT_SLOT);
    dir->slots = slots != NULL ? slots : dir->slots;
    uint8_t *dirty = realloc(dir->dirty, sectors / 8 + 1);
    dir->dirty = dirty != NULL ? dirty : dir->dirty;
    uint8_t *frozen = realloc(dir->frozen, count / 8 + 1);
    dir->frozen = frozen != NULL ? frozen : dir->frozen;
    if (slots == NULL || dirty == NULL || frozen == NULL) {
        return -ENOMEM;
    }
    memset(slots + (size_t)dir->count * FAT_SLOT, 0, (size_t)(count - dir->count) * FAT_SLOT);
    size_t had = dir->count == 0 ? 0 : old_sectors / 8 + 1;
    memset(dirty + had, 0, sectors / 8 + 1 - had);
    had = dir->count == 0 ? 0 : dir->count / 8 + 1;
    memset(frozen + had, 0, count / 8 + 1 - had);
    fat->dir_bytes += (uint64_t)(count - dir->count) * FAT_SLOT;
    dir->count = count;
    return 0;
}

/* One more piece of it; *more tells whether there was one. */
static int read_piece(struct fat *fat, struct fat_dir *dir, bool *more)
{
    uint64_t offset;
    uint32_t before = dir->count;
    int result = fat_dir_place(fat, dir, before, &offset);
    *more = result == 0;
    if (result < 0) {
        return result == -ENODATA ? 0 : result;
    }
    if (before >= fat->geometry.most_slots) {
        return -EUCLEAN;
    }
    uint32_t unit = has_own_place(fat, dir) ? fat->geometry.root_size : fat->geometry.cluster;
    uint32_t left = unit - (uint32_t)((uint64_t)before * FAT_SLOT % unit);
    uint32_t size = left < PIECE ? left : PIECE;
    result = reserve(fat, dir, before + size / FAT_SLOT);
    return result == 0 ? fat_pread(fat, dir->slots + (size_t)before * FAT_SLOT, size, offset) : result;
}

/* Behind the end mark there may be anything, which counts as zero. */
static int read_all(struct fat *fat, struct fat_dir *dir)
{
    bool more = true;
    while (more) {
        int result = read_piece(fat, dir, &more);
        if (result < 0) {
            return result;
        }
        for (; dir->end < dir->count; dir->end++) {
            if (fat_dir_is_end(dir->slots + (size_t)dir->end * FAT_SLOT)) {
                size_t used = (size_t)dir->end * FAT_SLOT;
                memset(dir->slots + used, 0, (size_t)dir->count * FAT_SLOT - used);
                return 0;
            }
        }
    }
    return 0;
}

static int index_all(struct fat *fat, struct fat_dir *dir)
{
    struct fat_entry entry;
    for (uint32_t at = 0; at < dir->end;) {
        const uint8_t *slot = dir->slots + (size_t)at * FAT_SLOT;
        if (fat->codec->is_strange != NULL && dir->node != fat->root && fat->codec->is_strange(slot)) {
            return -EUCLEAN;
        }
        bool found = fat->codec->read(fat, dir->slots, dir->end, at, &entry);
        int result = found ? fat_index_add(fat, &dir->index, &entry) : 0;
        if (result < 0) {
            return result;
        }
        at = found ? entry.last + 1 : at + 1;
    }
    return 0;
}

static void unlist(struct fat *fat, struct fat_dir *dir)
{
    *(dir->older != NULL ? &dir->older->newer : &fat->oldest_dir) = dir->newer;
    *(dir->newer != NULL ? &dir->newer->older : &fat->newest_dir) = dir->older;
}

static void enlist(struct fat *fat, struct fat_dir *dir)
{
    dir->older = fat->newest_dir;
    dir->newer = NULL;
    *(dir->older != NULL ? &dir->older->newer : &fat->oldest_dir) = dir;
    fat->newest_dir = dir;
}

void fat_dir_drop(struct fat *fat, struct fat_node *node)
{
    struct fat_dir *dir = node->dir;
    if (dir == NULL) {
        return;
    }
    unlist(fat, dir);
    fat->dirty_dirs -= dir->dirty_count;
    fat->dir_bytes -= (uint64_t)dir->count * FAT_SLOT;
    node->dir = NULL;
    fat_index_free(&dir->index);
    free(dir->slots);
    free(dir->dirty);
    free(dir->frozen);
    free(dir);
}

void fat_dir_trim(struct fat *fat)
{
    struct fat_dir *newer;
    for (struct fat_dir *dir = fat->oldest_dir; dir != NULL && fat->dir_bytes > MOST_BYTES; dir = newer) {
        newer = dir->newer;
        if (dir->dirty_count == 0 && dir->frozen_count == 0) {
            fat_dir_drop(fat, dir->node);
        }
    }
}

/* Two directories in one place, as a damaged file system may have them, would overwrite each other, or contain
 * themselves. */
static bool is_elsewhere(const struct fat *fat, const struct fat_node *node)
{
    for (const struct fat_node *above = node->parent; above != NULL; above = above->parent) {
        if (node->chain.start != 0 && above->chain.start == node->chain.start) {
            return true;
        }
    }
    for (const struct fat_dir *dir = fat->oldest_dir; dir != NULL; dir = dir->newer) {
        if (dir->node != node && node->chain.start != 0 && dir->node->chain.start == node->chain.start) {
            return true;
        }
    }
    return false;
}

int fat_dir_open(struct fat *fat, struct fat_node *node, struct fat_dir **dir)
{
    if (!fat_node_is_dir(node)) {
        return -ENOTDIR;
    }
    if (node->dir != NULL) {
        unlist(fat, node->dir);
        enlist(fat, node->dir);
        *dir = node->dir;
        return 0;
    }
    bool is_nowhere = node->chain.start == 0 && node != fat->root && !fat->codec->sized;
    if (is_nowhere || is_elsewhere(fat, node)) {
        return -EUCLEAN;
    }
    node->dir = calloc(1, sizeof(*node->dir));
    if (node->dir == NULL) {
        return -ENOMEM;
    }
    node->dir->node = node;
    enlist(fat, node->dir);
    int result = read_all(fat, node->dir);
    if (result == 0) {
        result = index_all(fat, node->dir);
    }
    if (result < 0) {
        fat_dir_drop(fat, node);
        return result;
    }
    *dir = node->dir;
    return 0;
}

/* ---- Looking ---- */

static bool has_name(const struct fat *fat, const struct fat_entry *entry, const struct fat_name *name)
{
    struct fat_name alias;
    if (fat_name_equal(fat, &entry->name, name)) {
        return true;
    }
    if (!entry->has_alias) {
        return false;
    }
    uint8_t slot[FAT_SLOT] = { 0 };
    memcpy(slot, entry->alias, FAT_ALIAS);
    fat_alias_read(slot, &alias);
    return fat_name_equal(fat, &alias, name);
}

int fat_dir_find(struct fat *fat, struct fat_dir *dir, const struct fat_name *name, struct fat_entry *entry)
{
    uint32_t key = 0, first = 0;
    uint32_t hash = fat_name_hash(fat, name);
    while (fat_index_next(&dir->index, hash, &key, &first)) {
        if (fat->codec->read(fat, dir->slots, dir->end, first, entry) && has_name(fat, entry, name)) {
            return 0;
        }
    }
    return -ENOENT;
}

/* Where sets are checked, whatever is in use and not understood is somebody's, too. */
int fat_dir_is_empty(struct fat *fat, struct fat_dir *dir)
{
    struct fat_entry entry;
    for (uint32_t at = 0; at < dir->end; at++) {
        bool is_used = fat->codec->pairs && !fat->codec->is_free(dir->slots + (size_t)at * FAT_SLOT);
        if (is_used || fat->codec->read(fat, dir->slots, dir->end, at, &entry)) {
            return -ENOTEMPTY;
        }
    }
    return 0;
}

/* ---- Changing ---- */

void fat_dir_changed(struct fat *fat, struct fat_dir *dir, uint32_t slot)
{
    uint32_t sector = slot / sector_slots(fat);
    uint8_t bit = (uint8_t)(1u << sector % 8);
    if ((dir->dirty[sector / 8] & bit) == 0) {
        dir->dirty[sector / 8] |= bit;
        dir->dirty_count++;
        fat->dirty_dirs++;
    }
}

bool fat_dir_can_update(const struct fat *fat, uint32_t own)
{
    return !fat->codec->pairs || own % sector_slots(fat) != sector_slots(fat) - 1;
}

void fat_dir_update(struct fat *fat, struct fat_dir *dir, uint32_t first, uint32_t last,
                    const struct fat_facts *facts)
{
    fat->codec->update(fat, dir->slots + (size_t)first * FAT_SLOT, last - first + 1, facts);
    if (fat->codec->pairs) {
        fat_dir_changed(fat, dir, first);
        fat_dir_changed(fat, dir, first + 1);
    } else {
        fat_dir_changed(fat, dir, last);
    }
}

static bool is_usable(const struct fat *fat, const struct fat_dir *dir, uint32_t slot)
{
    return fat->codec->is_free(dir->slots + (size_t)slot * FAT_SLOT) &&
           (dir->frozen[slot / 8] & 1u << slot % 8) == 0;
}

/* The first `want` free slots in a row, which may go beyond what is in memory. */
static uint32_t find_room(const struct fat *fat, struct fat_dir *dir, uint32_t want)
{
    uint32_t run = 0, at = dir->from[want];
    for (; at < dir->count && run < want; at++) {
        bool fits = is_usable(fat, dir, at) && (run > 0 || fat_dir_can_update(fat, at));
        run = fits ? run + 1 : 0;
    }
    dir->from[want] = at - run;
    return at - run;
}

/* Clusters for so many slots; new ones are zero on the medium before anything leads to them. */
static int grow(struct fat *fat, struct fat_dir *dir, uint32_t slots)
{
    if (has_own_place(fat, dir)) {
        return slots * FAT_SLOT <= fat->geometry.root_size ? 0 : -ENOSPC;
    }
    if (slots > fat->geometry.most_slots) {
        return -ENOSPC;
    }
    struct fat_chain *chain = &dir->node->chain;
    uint32_t clusters = fat_clusters_of(fat, (uint64_t)slots * FAT_SLOT);
    int result = fat_chain_reach(fat, chain, clusters);
    uint32_t before = chain->known;
    if (result < 0 || clusters <= before) {
        return result;
    }
    result = fat_chain_extend(fat, chain, clusters);
    for (uint32_t at = before; at < chain->known && result == 0; at++) {
        struct fat_span span;
        result = fat_chain_find(fat, chain, at, &span);
        if (result == 0) {
            result = fat_zero(fat, fat_cluster_offset(fat, span.start), fat->geometry.cluster);
        }
    }
    return result == 0 ? fat_node_store(fat, dir->node) : result;
}

int fat_dir_room(struct fat *fat, struct fat_dir *dir, uint32_t slots, uint32_t *first)
{
    uint32_t found = find_room(fat, dir, slots);
    uint32_t end = found + slots;
    int result = grow(fat, dir, end);
    if (result == 0) {
        uint32_t unit = sector_slots(fat);
        result = reserve(fat, dir, (end + unit - 1) / unit * unit);
    }
    if (result < 0) {
        return result;
    }
    /* What follows the last entry must end the directory, also where that is the next sector. */
    uint64_t offset;
    if (end > dir->end && end % sector_slots(fat) == 0 && fat_dir_place(fat, dir, end, &offset) == 0) {
        result = reserve(fat, dir, end + sector_slots(fat));
        if (result < 0) {
            return result;
        }
        fat_dir_changed(fat, dir, end);
    }
    *first = found;
    return 0;
}

/* What lies between the last entry and a new one is not the end. */
static void bridge(struct fat *fat, struct fat_dir *dir, uint32_t first)
{
    for (; dir->end < first; dir->end++) {
        fat->codec->remove(dir->slots + (size_t)dir->end * FAT_SLOT);
        fat_dir_changed(fat, dir, dir->end);
    }
}

int fat_dir_add(struct fat *fat, struct fat_dir *dir, struct fat_entry *entry)
{
    int result = fat->codec->name(fat, dir, entry);
    if (result < 0) {
        return result;
    }
    uint32_t count = fat->codec->slots(entry);
    result = fat_dir_room(fat, dir, count, &entry->first);
    if (result < 0) {
        return result;
    }
    entry->last = entry->first + count - 1;
    entry->own = fat->codec->pairs ? entry->first : entry->last;
    result = fat_index_add(fat, &dir->index, entry);
    if (result < 0) {
        return result;
    }
    bridge(fat, dir, entry->first);
    fat->codec->write(fat, dir->slots + (size_t)entry->first * FAT_SLOT, count, entry);
    for (uint32_t slot = entry->first; slot <= entry->last; slot++) {
        fat_dir_changed(fat, dir, slot);
    }
    dir->end = dir->end > entry->last + 1 ? dir->end : entry->last + 1;
    return 0;
}

/* Remembers a slot as it is. */
static int remember(struct fat *fat, struct fat_moves *moves, struct fat_dir *dir, uint32_t slot)
{
    if (moves->count == moves->room) {
        size_t room = moves->room * 2 + 64;
        struct fat_moved *items = realloc(moves->items, room * sizeof(*items));
        if (items == NULL) {
            return -ENOMEM;
        }
        moves->items = items;
        moves->room = room;
    }
    struct fat_moved *item = &moves->items[moves->count++];
    item->node = dir->node;
    item->slot = slot;
    memcpy(item->bytes, dir->slots + (size_t)slot * FAT_SLOT, FAT_SLOT);
    fat_node_pin(fat, dir->node);
    return 0;
}

static int keep_slot(struct fat *fat, struct fat_dir *dir, uint32_t slot)
{
    int result = remember(fat, &fat->moved, dir, slot);
    if (result == 0) {
        dir->frozen[slot / 8] |= (uint8_t)(1u << slot % 8);
        dir->frozen_count++;
    }
    return result;
}

int fat_dir_brand(struct fat *fat, struct fat_dir *dir, const struct fat_entry *entry)
{
    if (fat->codec->brand == NULL) {
        return 0;
    }
    int result = remember(fat, &fat->branded, dir, entry->first);
    if (result == 0) {
        uint8_t *slots = dir->slots + (size_t)entry->first * FAT_SLOT;
        fat->codec->brand(slots, entry->last - entry->first + 1, (uint8_t)fat->taken);
        fat_dir_changed(fat, dir, entry->first);
    }
    return result;
}

void fat_dir_unbrand(struct fat *fat, const struct fat_moved *item)
{
    struct fat_dir *dir;
    struct fat_entry entry;
    bool exists = item->node->parent != NULL || item->node == fat->root;
    if (!exists || fat_dir_open(fat, item->node, &dir) < 0 || item->slot >= dir->end) {
        return;
    }
    uint8_t *slots = dir->slots + (size_t)item->slot * FAT_SLOT;
    if (fat->codec->read(fat, dir->slots, dir->end, item->slot, &entry) && fat->codec->brand_of(slots) >= 0) {
        fat->codec->brand(slots, entry.last - entry.first + 1, -1);
        fat_dir_changed(fat, dir, item->slot);
    }
}

/* A slot is free that was not. */
static void look_from(struct fat_dir *dir, uint32_t slot)
{
    for (uint32_t want = 1; want <= FAT_NAME_SLOTS; want++) {
        uint32_t from = slot > want ? slot - want : 0;
        dir->from[want] = dir->from[want] < from ? dir->from[want] : from;
    }
}

void fat_dir_thaw(struct fat_dir *dir, uint32_t slot)
{
    dir->frozen[slot / 8] &= (uint8_t) ~(1u << slot % 8);
    dir->frozen_count--;
    look_from(dir, slot);
}

/* It was a new name itself, since the last commit; the one before it is kept. */
static bool was_never_written(const struct fat *fat, const struct fat_dir *dir, const struct fat_entry *entry)
{
    const uint8_t *slots = dir->slots + (size_t)entry->first * FAT_SLOT;
    return fat->codec->brand_of != NULL && fat->codec->brand_of(slots) == (uint8_t)fat->taken;
}

int fat_dir_remove(struct fat *fat, struct fat_dir *dir, const struct fat_entry *entry, bool keep)
{
    keep = keep && !was_never_written(fat, dir, entry);
    for (uint32_t slot = entry->first; keep && slot <= entry->last; slot++) {
        int result = keep_slot(fat, dir, slot);
        if (result < 0) {
            return result;
        }
    }
    fat_index_remove(fat, &dir->index, entry);
    for (uint32_t slot = entry->first; slot <= entry->last; slot++) {
        fat->codec->remove(dir->slots + (size_t)slot * FAT_SLOT);
        fat_dir_changed(fat, dir, slot);
    }
    look_from(dir, entry->first);
    return 0;
}

int fat_dir_make(struct fat *fat, uint32_t parent, const struct fat_facts *facts, struct fat_chain *chain)
{
    uint8_t first[2 * FAT_SLOT];
    *chain = fat_chain_of(fat, &(struct fat_facts){ .start = 0 });
    int result = fat_chain_extend(fat, chain, 1);
    if (result < 0) {
        return result;
    }
    uint64_t offset = fat_cluster_offset(fat, chain->start);
    result = fat_zero(fat, offset, fat->geometry.cluster);
    if (result == 0 && fat->codec->dots != NULL) {
        fat->codec->dots(fat, first, chain->start, parent, facts);
        result = fat_pwrite(fat, first, sizeof(first), offset);
    }
    if (result < 0) {
        fat_chain_cut(fat, chain, 0);
        fat_chain_forget(chain);
    }
    return result;
}
