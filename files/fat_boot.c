/* SPDX-License-Identifier: ISC */
/*
 * fat_boot.c - the first sector: where everything is, and whether the file system was closed properly.
 *
 * Two places say the latter. Windows and Linux use a byte of the first sector, Windows and macOS a bit of the table's
 * second entry; fsck.fat believes and clears the byte alone. Here either counts, both are written, and nobody is asked
 * twice: after a check the bit is not believed.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fat.h"

#define BOOT_SIZE      512
#define SMALL_SECTOR   512u
#define LARGE_SECTOR   4096u
#define FAT12_MOST     4084u /* clusters */
#define FAT16_MOST     65524u
#define FAT32_MOST     0x0ffffff5u
#define STATE_SMALL    0x25 /* FAT12 and FAT16 */
#define STATE_LARGE    0x41 /* FAT32 */
#define STATE_DIRTY    0x01
#define ONE_COPY       0x80 /* of the FAT32 flags: the copies are not mirrored */
#define ACTIVE_COPY    0x0f
#define INFO_LEAD      0x41615252u
#define INFO_STRUCTURE 0x61417272u

static bool is_power(uint32_t value)
{
    return value != 0 && (value & (value - 1)) == 0;
}

/* What every FAT boot sector has, and those of other systems have not. */
static bool looks_like_fat(const uint8_t *boot)
{
    uint32_t sector = fat_get16(boot + 11);
    return boot[510] == 0x55 && boot[511] == 0xaa && is_power(sector) && sector >= SMALL_SECTOR &&
           sector <= LARGE_SECTOR && is_power(boot[13]) && fat_get16(boot + 14) != 0 && boot[16] != 0 &&
           (boot[21] == 0xf0 || boot[21] >= 0xf8);
}

/* Free space as FSInfo keeps it; without its signatures there is none. */
static int find_info(struct fat *fat, const uint8_t *boot)
{
    struct fat_geometry *geometry = &fat->geometry;
    uint32_t number = fat_get16(boot + 48);
    uint8_t info[BOOT_SIZE];
    if (number == 0 || number >= fat_get16(boot + 14)) {
        return 0;
    }
    uint64_t offset = (uint64_t)number * geometry->sector;
    int result = fat_pread(fat, info, sizeof(info), offset);
    if (result == 0 && fat_get32(info) == INFO_LEAD && fat_get32(info + 484) == INFO_STRUCTURE) {
        geometry->info = offset;
    }
    return result;
}

static int read_large(struct fat *fat, const uint8_t *boot)
{
    struct fat_geometry *geometry = &fat->geometry;
    unsigned flags = boot[40];
    if (fat_get16(boot + 42) != 0) {
        return -EOPNOTSUPP; /* a version that is not known */
    }
    geometry->kind = FAT_32;
    geometry->state = STATE_LARGE;
    geometry->root_cluster = fat_get32(boot + 44);
    geometry->mirrored = (flags & ONE_COPY) == 0;
    geometry->active = geometry->mirrored ? 0 : flags & ACTIVE_COPY;
    if (geometry->clusters > FAT32_MOST || geometry->active >= geometry->copies ||
        geometry->root_cluster < FAT_FIRST || geometry->root_cluster - FAT_FIRST >= geometry->clusters) {
        return -EUCLEAN;
    }
    return find_info(fat, boot);
}

static int read_small(struct fat *fat)
{
    struct fat_geometry *geometry = &fat->geometry;
    geometry->kind = geometry->clusters > FAT12_MOST ? FAT_16 : FAT_12;
    geometry->state = STATE_SMALL;
    geometry->mirrored = true;
    return geometry->clusters > FAT16_MOST || geometry->root_size == 0 ? -EUCLEAN : 0;
}

/* Clusters that have an entry in a table of this size. */
static uint64_t table_reach(uint64_t size, bool large, uint64_t clusters)
{
    uint64_t entries = large ? size / 4 : clusters > FAT12_MOST ? size / 2 : size * 2 / 3;
    return entries > FAT_FIRST ? entries - FAT_FIRST : 0;
}

int fat_boot_read(struct fat *fat)
{
    struct fat_geometry *geometry = &fat->geometry;
    uint8_t boot[BOOT_SIZE];
    int result = fat->volume_size < sizeof(boot) ? -ENODATA : fat_pread(fat, boot, sizeof(boot), 0);
    if (result < 0) {
        return result;
    }
    if (!looks_like_fat(boot)) {
        return -ENODATA;
    }
    bool large = fat_get16(boot + 22) == 0;
    uint64_t sectors = fat_get16(boot + 19) != 0 ? fat_get16(boot + 19) : fat_get32(boot + 32);
    uint64_t table_sectors = large ? fat_get32(boot + 36) : fat_get16(boot + 22);
    geometry->most_size = UINT32_MAX;
    geometry->most_slots = 65536; /* what other systems allow */
    geometry->sector = fat_get16(boot + 11);
    geometry->cluster = geometry->sector * boot[13];
    geometry->copies = boot[16];
    geometry->table = (uint64_t)fat_get16(boot + 14) * geometry->sector;
    geometry->table_size = table_sectors * geometry->sector;
    geometry->root = geometry->table + geometry->copies * geometry->table_size;
    geometry->root_size = (fat_get16(boot + 17) * FAT_SLOT + geometry->sector - 1) & ~(geometry->sector - 1);
    geometry->data = geometry->root + geometry->root_size;
    uint64_t end = sectors * geometry->sector;
    if (geometry->data >= end || end > fat->volume_size) {
        return -EUCLEAN;
    }
    uint64_t clusters = (end - geometry->data) / geometry->cluster;
    uint64_t reach = table_reach(geometry->table_size, large, clusters);
    geometry->clusters = (uint32_t)(clusters < reach ? clusters : reach);
    if (geometry->clusters == 0) {
        return -EUCLEAN;
    }
    return large ? read_large(fat, boot) : read_small(fat);
}

int fat_boot_is_clean(struct fat *fat)
{
    uint8_t state;
    bool clean;
    int result = fat_pread(fat, &state, 1, fat->geometry.state);
    if (result == 0) {
        result = fat_table_is_clean(fat, &clean);
    }
    if (result < 0) {
        return result;
    }
    return (state & STATE_DIRTY) == 0 && clean ? 0 : -EUCLEAN;
}

/* The byte in the first sector goes first when it becomes dirty and last when it becomes clean, because it is the one
 * that most look at. */
int fat_boot_mark(struct fat *fat, bool in_use)
{
    uint8_t sector[BOOT_SIZE];
    int result = fat_pread(fat, sector, sizeof(sector), 0);
    if (result < 0) {
        return result;
    }
    uint8_t *state = &sector[fat->geometry.state];
    *state = (uint8_t)(in_use ? *state | STATE_DIRTY : *state & ~STATE_DIRTY);
    result = in_use ? fat_pwrite(fat, sector, sizeof(sector), 0) : fat_table_set_clean(fat, true);
    if (result == 0) {
        result = in_use ? fat_table_set_clean(fat, false) : fat_pwrite(fat, sector, sizeof(sector), 0);
    }
    return result == 0 ? fat_flush(fat) : result;
}
