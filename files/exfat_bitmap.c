/* SPDX-License-Identifier: ISC */
/*
 * exfat_bitmap.c - exFAT's own word on which clusters are in use: a bit for each. In memory that is fat_space.c, where
 * what a commit frees stays in use until the commit is over; what is written is made from there. The table of chains
 * has nothing to say about it, and is not told what is free.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "exfat.h"

static uint32_t bytes_of(const struct fat *fat)
{
    return (fat->geometry.clusters + 7) / 8;
}

/* Where a byte of it is; `at` is the first of a sector. */
static int place(struct fat *fat, uint32_t at, uint64_t *offset)
{
    struct fat_span span;
    int result = fat_chain_find(fat, &fat->bitmap.chain, at / fat->geometry.cluster, &span);
    if (result == 0) {
        *offset = fat_cluster_offset(fat, span.start) + at % fat->geometry.cluster;
    }
    return result == -ENODATA ? -EUCLEAN : result;
}

int exfat_bitmap_init(struct fat *fat, uint32_t start, uint64_t size)
{
    struct fat_bitmap *bitmap = &fat->bitmap;
    if (size < bytes_of(fat)) {
        return -EUCLEAN;
    }
    bitmap->chain = (struct fat_chain){ .start = start, .limit = fat_clusters_of(fat, bytes_of(fat)) };
    bitmap->dirty = calloc(1, bytes_of(fat) / fat->geometry.sector / 8 + 1);
    if (bitmap->dirty == NULL) {
        return -ENOMEM;
    }
    int result = fat_chain_reach(fat, &bitmap->chain, bitmap->chain.limit);
    return result == 0 && bitmap->chain.known < bitmap->chain.limit ? -EUCLEAN : result;
}

int exfat_bitmap_scan(struct fat *fat, fat_free_fn *found)
{
    uint8_t sector[4096];
    uint32_t run = 0, bit = 0;
    for (uint32_t at = 0; at < bytes_of(fat); at += fat->geometry.sector) {
        uint64_t offset;
        int result = place(fat, at, &offset);
        result = result == 0 ? fat_pread(fat, sector, fat->geometry.sector, offset) : result;
        if (result < 0) {
            return result;
        }
        for (; bit < fat->geometry.clusters && bit / 8 < at + fat->geometry.sector; bit++) {
            if ((sector[bit / 8 - at] & 1u << bit % 8) == 0) {
                run++;
            } else if (run > 0) {
                found(fat, FAT_FIRST + bit - run, run);
                run = 0;
            }
        }
    }
    if (run > 0) {
        found(fat, FAT_FIRST + bit - run, run);
    }
    return 0;
}

static void touch(struct fat *fat, struct fat_span span)
{
    struct fat_bitmap *bitmap = &fat->bitmap;
    uint32_t bits = fat->geometry.sector * 8;
    uint32_t last = (span.start - FAT_FIRST + span.count - 1) / bits;
    for (uint32_t sector = (span.start - FAT_FIRST) / bits; sector <= last; sector++) {
        uint8_t bit = (uint8_t)(1u << sector % 8);
        bitmap->dirty_count += (bitmap->dirty[sector / 8] & bit) == 0;
        bitmap->dirty[sector / 8] |= bit;
    }
}

void exfat_bitmap_took(struct fat *fat, struct fat_span span)
{
    touch(fat, span);
}

/* ---- For a commit ---- */

/* A sector of it as memory has it. */
static void copy_sector(const struct fat *fat, uint32_t sector, uint8_t *bytes)
{
    const uint64_t *used = fat->space.used;
    uint32_t first = sector * fat->geometry.sector;
    memset(bytes, 0, fat->geometry.sector);
    for (uint32_t i = 0; i < fat->geometry.sector && first + i < bytes_of(fat); i++) {
        bytes[i] = (uint8_t)(used[(first + i) / 8] >> (first + i) % 8 * 8);
    }
    if (first / fat->geometry.sector == (bytes_of(fat) - 1) / fat->geometry.sector &&
        fat->geometry.clusters % 8 != 0) {
        bytes[bytes_of(fat) - 1 - first] &= (uint8_t)((1u << fat->geometry.clusters % 8) - 1);
    }
}

/* What is free when this commit is over. */
static void take_out(const struct fat *fat, uint32_t sector, uint8_t *bytes)
{
    const struct fat_spans *freeing = &fat->space.freeing;
    uint64_t first = (uint64_t)sector * fat->geometry.sector * 8, end = first + fat->geometry.sector * 8;
    for (size_t i = 0; i < freeing->count; i++) {
        uint64_t from = freeing->items[i].start - FAT_FIRST, to = from + freeing->items[i].count;
        for (uint64_t bit = from > first ? from : first; bit < to && bit < end; bit++) {
            bytes[(bit - first) / 8] &= (uint8_t) ~(1u << (bit - first) % 8);
        }
    }
}

int exfat_bitmap_collect(struct fat *fat, struct fat_images *images, bool frees)
{
    struct fat_bitmap *bitmap = &fat->bitmap;
    uint8_t bytes[4096];
    for (size_t i = 0; frees && i < fat->space.freeing.count; i++) {
        touch(fat, fat->space.freeing.items[i]);
    }
    for (uint32_t sector = 0; bitmap->dirty_count > 0; sector++) {
        uint64_t offset;
        if ((bitmap->dirty[sector / 8] & 1u << sector % 8) == 0) {
            continue;
        }
        copy_sector(fat, sector, bytes);
        if (frees) {
            take_out(fat, sector, bytes);
        }
        int result = place(fat, sector * fat->geometry.sector, &offset);
        result = result == 0 ? fat_images_add(images, offset, bytes, fat->geometry.sector) : result;
        if (result < 0) {
            return result;
        }
        bitmap->dirty[sector / 8] &= (uint8_t) ~(1u << sector % 8);
        bitmap->dirty_count--;
    }
    return 0;
}
