/* SPDX-License-Identifier: ISC */
/*
 * exfat_boot.c - the two boot regions: where everything is, with a checksum, and whether the file system was closed
 * properly. Where the first one is damaged, the second one tells, and nothing is written: fsck.exfat restores the
 * first.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "exfat.h"

#define BOOT_SIZE    512u
#define REGION       12u /* sectors; the last one holds the checksum */
#define LEAST_SHIFT  9u
#define MOST_SHIFT   12u
#define MOST_CLUSTER 25u
#define FLAGS        106u
#define DIRTY        0x0002u
#define IN_USE       112u /* percent of the clusters */
#define UNKNOWN      0xff
#define MOST_SLOTS   8388608u /* of a directory: 256 MiB */

static bool has_name(const uint8_t *boot)
{
    return memcmp(boot + 3, "EXFAT   ", 8) == 0;
}

static bool all_zero(const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (bytes[i] != 0) {
            return false;
        }
    }
    return true;
}

uint32_t exfat_sum(uint32_t sum, const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        sum = (sum >> 1 | sum << 31) + bytes[i];
    }
    return sum;
}

/* All but the bytes that change while it is used. */
static uint32_t first_sum(const uint8_t *boot, size_t size)
{
    uint32_t sum = exfat_sum(0, boot, FLAGS);
    sum = exfat_sum(sum, boot + FLAGS + 2, IN_USE - FLAGS - 2);
    return exfat_sum(sum, boot + IN_USE + 1, size - IN_USE - 1);
}

/* One region, as it is at `offset` if sectors have this size. -EUCLEAN: it is none, or its checksum is wrong. */
static int read_region(struct fat *fat, uint64_t offset, unsigned shift, uint8_t boot[BOOT_SIZE])
{
    size_t sector = (size_t)1 << shift;
    size_t size = REGION * sector;
    if (fat->volume_size < offset || fat->volume_size - offset < size) {
        return -EUCLEAN;
    }
    __attribute__((cleanup(fat_free_bytes))) uint8_t *region = malloc(size);
    if (region == NULL) {
        return -ENOMEM;
    }
    int result = fat_pread(fat, region, size, offset);
    if (result < 0) {
        return result;
    }
    uint32_t sum = exfat_sum(first_sum(region, sector), region + sector, (REGION - 2) * sector);
    if (!has_name(region) || region[108] != shift || fat_get32(region + (REGION - 1) * sector) != sum) {
        return -EUCLEAN;
    }
    memcpy(boot, region, BOOT_SIZE);
    return 0;
}

static int read_second(struct fat *fat, uint8_t boot[BOOT_SIZE])
{
    int result = -EUCLEAN;
    for (unsigned shift = LEAST_SHIFT; shift <= MOST_SHIFT && result == -EUCLEAN; shift++) {
        result = read_region(fat, (uint64_t)REGION << shift, shift, boot);
    }
    if (result == 0) {
        fat->files.read_only = true;
        snprintf(fat->files.note, sizeof(fat->files.note),
                 "its boot sectors are damaged; 'fsck.exfat' restores them");
    }
    return result;
}

static int find_boot(struct fat *fat, uint8_t boot[BOOT_SIZE])
{
    int result = fat->volume_size < BOOT_SIZE ? -ENODATA : fat_pread(fat, boot, BOOT_SIZE, 0);
    if (result < 0) {
        return result;
    }
    bool named = has_name(boot);
    unsigned shift = boot[108];
    result = named && shift >= LEAST_SHIFT && shift <= MOST_SHIFT ? read_region(fat, 0, shift, boot) : -EUCLEAN;
    if (result == -EUCLEAN) {
        result = read_second(fat, boot);
    }
    return result == -EUCLEAN && !named ? -ENODATA : result;
}

/* Everything is within what it has to be in. */
static bool fits(const struct fat *fat, const uint8_t *boot)
{
    const struct fat_geometry *geometry = &fat->geometry;
    uint64_t sectors = fat_get64(boot + 72);
    uint64_t entries = geometry->table_size / 4;
    return sectors <= fat->volume_size / geometry->sector &&
           geometry->table >= (uint64_t)2 * REGION * geometry->sector &&
           geometry->table + geometry->table_size <= geometry->data &&
           geometry->data <= sectors * geometry->sector && geometry->clusters > 0 &&
           geometry->clusters <= (sectors * geometry->sector - geometry->data) / geometry->cluster &&
           entries >= (uint64_t)geometry->clusters + FAT_FIRST && geometry->root_cluster >= FAT_FIRST &&
           geometry->root_cluster - FAT_FIRST < geometry->clusters;
}

int exfat_boot_read(struct fat *fat)
{
    struct fat_geometry *geometry = &fat->geometry;
    uint8_t boot[BOOT_SIZE];
    int result = find_boot(fat, boot);
    if (result < 0) {
        return result;
    }
    unsigned shift = boot[108], cluster_shift = shift + boot[109];
    if (boot[105] != 1 || boot[110] != 1) { /* the major revision, and the number of tables */
        snprintf(fat->files.note, sizeof(fat->files.note), "%s is not supported",
                 boot[105] == 1 ? "TexFAT, exFAT with two tables," : "this revision of exFAT");
        return -EOPNOTSUPP;
    }
    if (!all_zero(boot + 11, 53) || boot[510] != 0x55 || boot[511] != 0xaa || cluster_shift > MOST_CLUSTER) {
        return -EUCLEAN;
    }
    *geometry = (struct fat_geometry){
        .kind = FAT_EX,
        .sector = 1u << shift,
        .cluster = 1u << cluster_shift,
        .clusters = fat_get32(boot + 92),
        .table = (uint64_t)fat_get32(boot + 80) << shift,
        .table_size = (uint64_t)fat_get32(boot + 84) << shift,
        .copies = 1,
        .mirrored = true,
        .root_cluster = fat_get32(boot + 96),
        .data = (uint64_t)fat_get32(boot + 88) << shift,
        .most_slots = MOST_SLOTS,
    };
    geometry->most_size = (uint64_t)geometry->clusters << cluster_shift;
    return fits(fat, boot) ? 0 : -EUCLEAN;
}

int exfat_boot_is_clean(struct fat *fat)
{
    uint8_t flags[2];
    int result = fat_pread(fat, flags, sizeof(flags), FLAGS);
    return result < 0 ? result : (fat_get16(flags) & DIRTY) != 0 ? -EUCLEAN : 0;
}

/* Only in the first region; the second one says nothing about it. */
int exfat_boot_mark(struct fat *fat, bool in_use)
{
    uint8_t boot[BOOT_SIZE];
    uint64_t clusters = fat->geometry.clusters;
    int result = fat_pread(fat, boot, sizeof(boot), 0);
    if (result < 0) {
        return result;
    }
    unsigned flags = fat_get16(boot + FLAGS);
    fat_put16(boot + FLAGS, in_use ? flags | DIRTY : flags & ~DIRTY);
    boot[IN_USE] = in_use ? UNKNOWN : (uint8_t)((clusters - fat->space.free) * 100 / clusters);
    result = fat_pwrite(fat, boot, sizeof(boot), 0);
    return result == 0 ? fat_flush(fat) : result;
}
