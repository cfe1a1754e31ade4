/* SPDX-License-Identifier: ISC */
/*
 * fat_table.c - the table that says which cluster follows which, entry by entry, in 12, 16 or 32 bits;
 * exFAT's is one of 32 bits.
 *
 * Pages of the active copy are read when they are first needed. What changes stays here, marked by sector, until a
 * commit writes it to every copy. Clean pages are dropped, all at once, when there are many.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fat.h"

#define PAGE_SIZE  16384u
#define MOST_PAGES 2048u
#define SCAN_SIZE  (1u << 20)
#define LARGE_MASK 0x0fffffffu /* FAT32: the other bits are kept as they are */
#define BAD_FROM   7u          /* the highest numbers mean: bad (-9), and from -8 on the end */

static unsigned entry_bits(const struct fat *fat)
{
    static const unsigned bits[] = { [FAT_12] = 12, [FAT_16] = 16, [FAT_32] = 32, [FAT_EX] = 32 };
    return bits[fat->geometry.kind];
}

static uint32_t entry_mask(const struct fat *fat)
{
    static const uint32_t masks[] = {
        [FAT_12] = 0x0fff, [FAT_16] = 0xffff, [FAT_32] = LARGE_MASK, [FAT_EX] = UINT32_MAX
    };
    return masks[fat->geometry.kind];
}

int fat_table_init(struct fat *fat)
{
    struct fat_table *table = &fat->table;
    table->count = (size_t)((fat->geometry.table_size + PAGE_SIZE - 1) / PAGE_SIZE);
    table->pages = calloc(table->count, sizeof(*table->pages));
    table->dirty = calloc(1, (size_t)(fat->geometry.table_size / fat->geometry.sector / 8 + 1));
    return table->pages != NULL && table->dirty != NULL ? 0 : -ENOMEM;
}

static void drop_page(struct fat_table *table, size_t number)
{
    free(table->pages[number]);
    table->pages[number] = NULL;
    table->loaded--;
}

void fat_table_free(struct fat *fat)
{
    struct fat_table *table = &fat->table;
    for (size_t i = 0; table->pages != NULL && i < table->count; i++) {
        free(table->pages[i]);
    }
    free(table->pages);
    free(table->dirty);
}

static uint64_t copy_offset(const struct fat *fat, unsigned copy)
{
    return fat->geometry.table + copy * fat->geometry.table_size;
}

static bool page_is_dirty(const struct fat *fat, size_t number)
{
    const struct fat_table *table = &fat->table;
    uint32_t sector = fat->geometry.sector;
    size_t end = (size_t)(fat->geometry.table_size / sector);
    for (size_t i = number * (PAGE_SIZE / sector); i < (number + 1) * (PAGE_SIZE / sector) && i < end; i++) {
        if ((table->dirty[i / 8] & 1u << i % 8) != 0) {
            return true;
        }
    }
    return false;
}

static void drop_clean_pages(struct fat *fat)
{
    for (size_t i = 0; i < fat->table.count; i++) {
        if (fat->table.pages[i] != NULL && !page_is_dirty(fat, i)) {
            drop_page(&fat->table, i);
        }
    }
}

static int load_page(struct fat *fat, size_t number)
{
    struct fat_table *table = &fat->table;
    if (table->loaded >= MOST_PAGES) {
        drop_clean_pages(fat);
    }
    uint64_t offset = (uint64_t)number * PAGE_SIZE;
    uint64_t left = fat->geometry.table_size - offset;
    uint8_t *page = calloc(1, PAGE_SIZE);
    if (page == NULL) {
        return -ENOMEM;
    }
    size_t size = left < PAGE_SIZE ? (size_t)left : PAGE_SIZE;
    int result = fat_pread(fat, page, size, copy_offset(fat, fat->geometry.active) + offset);
    if (result < 0) {
        free(page);
        return result;
    }
    table->pages[number] = page;
    table->loaded++;
    return 0;
}

/* An entry of 12 bits may begin in one page and end in the next. */
static int get_bytes(struct fat *fat, uint64_t offset, uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        size_t number = (size_t)((offset + i) / PAGE_SIZE);
        if (fat->table.pages[number] == NULL) {
            int result = load_page(fat, number);
            if (result < 0) {
                return result;
            }
        }
        bytes[i] = fat->table.pages[number][(offset + i) % PAGE_SIZE];
    }
    return 0;
}

static int put_bytes(struct fat *fat, uint64_t offset, const uint8_t *bytes, size_t size)
{
    uint8_t old[4];
    int result = get_bytes(fat, offset, old, size); /* loads the first page; the second one may push it out */
    for (size_t i = 0; i < size && result == 0; i++) {
        result = get_bytes(fat, offset + i, old, 1);
        if (result == 0) {
            size_t sector = (size_t)((offset + i) / fat->geometry.sector);
            uint8_t bit = (uint8_t)(1u << sector % 8);
            fat->table.dirty_count += (fat->table.dirty[sector / 8] & bit) == 0;
            fat->table.dirty[sector / 8] |= bit;
            fat->table.pages[(offset + i) / PAGE_SIZE][(offset + i) % PAGE_SIZE] = bytes[i];
        }
    }
    return result;
}

static bool has_copy(const struct fat *fat, unsigned copy)
{
    return fat->geometry.mirrored || copy == fat->geometry.active;
}

static int collect_copy(struct fat *fat, uint64_t base, struct fat_images *images)
{
    const struct fat_table *table = &fat->table;
    uint32_t sector = fat->geometry.sector;
    size_t left = table->dirty_count;
    for (uint64_t i = 0; left > 0; i++) {
        if ((table->dirty[i / 8] & 1u << i % 8) == 0) {
            i |= table->dirty[i / 8] == 0 ? 7 : 0;
            continue;
        }
        const uint8_t *page = table->pages[i * sector / PAGE_SIZE];
        int result = fat_images_add(images, base + i * sector, page + i * sector % PAGE_SIZE, sector);
        if (result < 0) {
            return result;
        }
        left--;
    }
    return 0;
}

int fat_table_collect(struct fat *fat, struct fat_images *images)
{
    int result = 0;
    for (unsigned copy = 0; copy < fat->geometry.copies && result == 0; copy++) {
        if (has_copy(fat, copy)) {
            result = collect_copy(fat, copy_offset(fat, copy), images);
        }
    }
    if (result == 0 && fat->table.dirty_count > 0) {
        memset(fat->table.dirty, 0, (size_t)(fat->geometry.table_size / fat->geometry.sector / 8 + 1));
        fat->table.dirty_count = 0;
    }
    return result;
}

static uint32_t decode(const struct fat *fat, const uint8_t *bytes, uint32_t cluster)
{
    switch (fat->geometry.kind) {
    case FAT_12:
        return cluster % 2 == 0 ? fat_get16(bytes) & 0x0fffu : fat_get16(bytes) >> 4;
    case FAT_16:
        return fat_get16(bytes);
    default:
        return fat_get32(bytes) & entry_mask(fat);
    }
}

static void encode(const struct fat *fat, uint8_t *bytes, uint32_t cluster, uint32_t value)
{
    switch (fat->geometry.kind) {
    case FAT_12:
        fat_put16(bytes, cluster % 2 == 0 ? (fat_get16(bytes) & 0xf000u) | value
                                          : (fat_get16(bytes) & 0x000fu) | value << 4);
        break;
    case FAT_16:
        fat_put16(bytes, value);
        break;
    default:
        fat_put32(bytes, (fat_get32(bytes) & ~entry_mask(fat)) | value);
        break;
    }
}

static int get_entry(struct fat *fat, uint32_t cluster, uint32_t *value)
{
    uint8_t bytes[4];
    unsigned bits = entry_bits(fat);
    int result = get_bytes(fat, (uint64_t)cluster * bits / 8, bytes, bits == 32 ? 4 : 2);
    if (result == 0) {
        *value = decode(fat, bytes, cluster);
    }
    return result;
}

static int put_entry(struct fat *fat, uint32_t cluster, uint32_t value)
{
    uint8_t bytes[4];
    unsigned bits = entry_bits(fat);
    uint64_t offset = (uint64_t)cluster * bits / 8;
    size_t size = bits == 32 ? 4 : 2;
    int result = get_bytes(fat, offset, bytes, size);
    if (result < 0) {
        return result;
    }
    encode(fat, bytes, cluster, value);
    return put_bytes(fat, offset, bytes, size);
}

int fat_table_next(struct fat *fat, uint32_t cluster, uint32_t *next)
{
    uint32_t value;
    int result = get_entry(fat, cluster, &value);
    if (result < 0) {
        return result;
    }
    if (value > entry_mask(fat) - BAD_FROM - 1) {
        *next = FAT_END;
        return 0;
    }
    if (value != 0 && (value < FAT_FIRST || value - FAT_FIRST >= fat->geometry.clusters)) {
        return -EUCLEAN;
    }
    *next = value;
    return 0;
}

int fat_table_set(struct fat *fat, uint32_t cluster, uint32_t next)
{
    return put_entry(fat, cluster, next == FAT_END ? entry_mask(fat) : next);
}

/* ---- Entry 1 ---- */

static uint32_t clean_bits(const struct fat *fat)
{
    static const uint32_t bits[] = {
        [FAT_12] = 0, [FAT_16] = 0xc000, [FAT_32] = 0x0c000000
    }; /* closed, no errors */
    return bits[fat->geometry.kind];
}

int fat_table_is_clean(struct fat *fat, bool *clean)
{
    uint32_t value;
    int result = get_entry(fat, 1, &value);
    *clean = result == 0 && (value & clean_bits(fat)) == clean_bits(fat);
    return result;
}

/* At once, and only the first sector, in which nothing else is waiting to be written. */
int fat_table_set_clean(struct fat *fat, bool clean)
{
    uint32_t value;
    uint32_t closed = clean_bits(fat) & clean_bits(fat) << 1; /* the higher one of the two */
    int result = get_entry(fat, 1, &value);
    if (result < 0 || closed == 0) {
        return result;
    }
    result = put_entry(fat, 1, clean ? value | clean_bits(fat) : value & ~closed);
    if (result < 0) {
        return result;
    }
    fat->table.dirty[0] &= (uint8_t)~1u;
    fat->table.dirty_count--;
    const struct fat_geometry *geometry = &fat->geometry;
    for (unsigned copy = 0; copy < geometry->copies && result == 0; copy++) {
        if (has_copy(fat, copy)) {
            result = fat_pwrite(fat, fat->table.pages[0], geometry->sector, copy_offset(fat, copy));
        }
    }
    return result;
}

/* ---- The whole ---- */

/* Without keeping pages: it is asked for once. */
int fat_table_scan(struct fat *fat, fat_free_fn *found)
{
    const struct fat_geometry *geometry = &fat->geometry;
    unsigned bits = entry_bits(fat);
    uint32_t end = geometry->clusters + FAT_FIRST;
    uint32_t piece = SCAN_SIZE / 3 * 3 * 8 / bits / 2 * 2; /* entries: an even number of them, in whole bytes */
    __attribute__((cleanup(fat_free_bytes))) uint8_t *bytes = malloc(SCAN_SIZE + 4);
    if (bytes == NULL) {
        return -ENOMEM;
    }
    uint32_t run = 0;
    for (uint32_t first = 0; first < end; first += piece) {
        uint32_t count = end - first < piece ? end - first : piece;
        uint64_t from = (uint64_t)first * bits / 8;
        size_t size = (size_t)(((uint64_t)count * bits + 7) / 8);
        int result = fat_pread(fat, bytes, size, copy_offset(fat, geometry->active) + from);
        if (result < 0) {
            return result;
        }
        bytes[size] = 0;
        for (uint32_t i = first < FAT_FIRST ? FAT_FIRST : 0; i < count; i++) {
            if (decode(fat, bytes + (size_t)i * bits / 8, i) == 0) {
                run++;
            } else if (run > 0) {
                found(fat, first + i - run, run);
                run = 0;
            }
        }
    }
    if (run > 0) {
        found(fat, end - run, run);
    }
    return 0;
}
