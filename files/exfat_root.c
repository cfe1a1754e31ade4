/* SPDX-License-Identifier: ISC */
/*
 * exfat_root.c - the root directory names the bitmap of clusters in use, and the table of characters in upper case, by
 * which names are compared. Both are needed before any name can be looked for.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "exfat.h"

#define CHARACTERS 65536u
#define MOST_TABLE (CHARACTERS * 2) /* bytes */
#define SAME       0xffff           /* followed by how many characters are their own upper case */

struct found {
    uint8_t bitmap[FAT_SLOT], upcase[FAT_SLOT];
};

/* False: it ends here. */
static bool look_at(const uint8_t *slots, size_t size, struct found *found, int *result)
{
    for (size_t at = 0; at < size; at += FAT_SLOT) {
        const uint8_t *slot = slots + at;
        if (fat_dir_is_end(slot)) {
            return false;
        }
        if (slot[0] == EXFAT_BITMAP || slot[0] == EXFAT_UPCASE) {
            memcpy(slot[0] == EXFAT_BITMAP ? found->bitmap : found->upcase, slot, FAT_SLOT);
        } else if (slot[0] != EXFAT_LABEL && exfat_entry_is_strange(slot)) {
            *result = -EOPNOTSUPP;
        }
    }
    return true;
}

/* Sector by sector. */
static int search(struct fat *fat, struct found *found)
{
    const struct fat_geometry *geometry = &fat->geometry;
    struct fat_chain chain = { .start = geometry->root_cluster, .limit = FAT_END };
    uint8_t sector[4096];
    int result = 0;
    for (uint64_t at = 0; result == 0 && at < (uint64_t)geometry->most_slots * FAT_SLOT; at += geometry->sector) {
        struct fat_span span;
        result = fat_chain_find(fat, &chain, (uint32_t)(at / geometry->cluster), &span);
        if (result == 0) {
            uint64_t offset = fat_cluster_offset(fat, span.start) + at % geometry->cluster;
            result = fat_pread(fat, sector, geometry->sector, offset);
        }
        if (result == 0 && !look_at(sector, geometry->sector, found, &result)) {
            break;
        }
    }
    fat_chain_forget(&chain);
    return result == -ENODATA ? 0 : result; /* the last cluster is full */
}

static int read_file(struct fat *fat, uint32_t start, uint8_t *data, size_t size)
{
    struct fat_chain chain = { .start = start, .limit = fat_clusters_of(fat, size) };
    int result = 0;
    for (size_t at = 0; at < size && result == 0;) {
        struct fat_span span = { 0 };
        result = fat_chain_find(fat, &chain, (uint32_t)(at / fat->geometry.cluster), &span);
        size_t part = size - at < fat->geometry.cluster ? size - at : fat->geometry.cluster;
        if (result == 0) {
            result = fat_pread(fat, data + at, part, fat_cluster_offset(fat, span.start));
        }
        at += part;
    }
    fat_chain_forget(&chain);
    return result == -ENODATA ? -EUCLEAN : result;
}

/* Runs of characters without another one in upper case are not spelt out. */
static void unfold(const uint8_t *table, size_t count, uint16_t *upper)
{
    uint32_t to = 0;
    for (uint32_t i = 0; i < CHARACTERS; i++) {
        upper[i] = (uint16_t)i;
    }
    for (size_t i = 0; i < count && to < CHARACTERS; i++) {
        uint16_t unit = fat_get16(table + 2 * i);
        if (unit == SAME && i + 1 < count) {
            to += fat_get16(table + 2 * ++i);
        } else {
            upper[to++] = unit;
        }
    }
}

static int read_upper(struct fat *fat, const uint8_t *slot)
{
    uint64_t size = fat_get64(slot + 24);
    if (size == 0 || size > MOST_TABLE || size % 2 != 0) {
        return -EUCLEAN;
    }
    fat->upper = malloc(CHARACTERS * sizeof(*fat->upper));
    __attribute__((cleanup(fat_free_bytes))) uint8_t *table = malloc(MOST_TABLE);
    if (fat->upper == NULL || table == NULL) {
        return -ENOMEM;
    }
    int result = read_file(fat, fat_get32(slot + 20), table, (size_t)size);
    if (result == 0 && exfat_sum(0, table, (size_t)size) != fat_get32(slot + 4)) {
        result = -EUCLEAN;
    }
    if (result == 0) {
        unfold(table, (size_t)size / 2, fat->upper);
    }
    return result;
}

int exfat_root_read(struct fat *fat)
{
    struct found found = { 0 };
    int result = search(fat, &found);
    if (result == 0 && (found.bitmap[0] == 0 || found.upcase[0] == 0)) {
        result = -EUCLEAN;
    }
    if (result == 0) {
        result = read_upper(fat, found.upcase);
    }
    return result == 0 ? exfat_bitmap_init(fat, fat_get32(found.bitmap + 20), fat_get64(found.bitmap + 24))
                       : result;
}
