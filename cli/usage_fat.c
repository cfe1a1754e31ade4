/* SPDX-License-Identifier: ISC */
/* usage_fat.c - the last cluster in use of vfat (FAT16 and FAT32, from the table) and exfat (from its bitmap). */
#include "usage.h"

#include <string.h>

#define BOOT_SIZE    512
#define PIECE        4096
#define ENTRY_SIZE   32
#define ENTRY_BITMAP 0x81
#define FAT16_FROM   4085u /* clusters; fewer are FAT12 */
#define FAT32_FROM   65525u
#define EXFAT_DIRTY  0x0002u
#define ROOT_LOOK    16 /* entries of the root directory among which the bitmap has to be: less than any cluster */

/* ---- vfat ----------------------------------------------------------------------------------------------- */

struct fat {
    uint64_t table;    /* offset of the first one */
    uint64_t data;     /* of cluster 2 */
    uint64_t clusters; /* of data */
    uint32_t cluster_size;
    unsigned entry_size; /* 2 or 4 */
};

static bool read_boot(const struct usage_source *source, struct fat *fat)
{
    uint8_t boot[BOOT_SIZE];

    if (!usage_read(source, boot, sizeof(boot), 0) || boot[510] != 0x55 || boot[511] != 0xaa) {
        return false;
    }
    uint32_t sector = usage_le16(boot + 11);
    uint32_t per_cluster = boot[13];
    uint32_t reserved = usage_le16(boot + 14);
    uint32_t tables = boot[16];
    uint32_t root_entries = usage_le16(boot + 17);
    uint64_t sectors = usage_le16(boot + 19) ? usage_le16(boot + 19) : usage_le32(boot + 32);
    uint64_t table_sectors = usage_le16(boot + 22) ? usage_le16(boot + 22) : usage_le32(boot + 36);
    if (sector < 512 || sector > 4096 || (sector & (sector - 1)) != 0 || per_cluster == 0 || reserved == 0 ||
        tables == 0 || tables > 2 || table_sectors == 0 || sectors > source->size / sector) {
        return false;
    }
    uint64_t root_sectors = ((uint64_t)root_entries * ENTRY_SIZE + sector - 1) / sector;
    uint64_t before = reserved + tables * table_sectors + root_sectors;
    if (before >= sectors) {
        return false;
    }
    fat->table = (uint64_t)reserved * sector;
    fat->data = before * sector;
    fat->cluster_size = per_cluster * sector;
    fat->clusters = (sectors - before) / per_cluster;
    fat->entry_size = fat->clusters < FAT32_FROM ? 2 : 4;
    return fat->clusters >= FAT16_FROM && (fat->clusters + 2) * fat->entry_size <= table_sectors * sector;
}

static bool is_used(const struct fat *fat, const uint8_t *entry)
{
    return fat->entry_size == 2 ? usage_le16(entry) != 0 : (usage_le32(entry) & 0x0fffffff) != 0;
}

bool usage_fat(const struct usage_source *source, uint64_t *end)
{
    uint8_t piece[PIECE];
    struct fat fat;

    if (!read_boot(source, &fat)) {
        return false;
    }
    /* Clusters are numbered from 2; the entries of the table from 0. */
    uint64_t left = (fat.clusters + 2) * fat.entry_size;
    while (left > 0) {
        size_t size = left % PIECE ? (size_t)(left % PIECE) : PIECE;
        if (!usage_read(source, piece, size, fat.table + left - size)) {
            return false;
        }
        for (size_t at = size; at >= fat.entry_size; at -= fat.entry_size) {
            uint64_t number = (left - size + at) / fat.entry_size - 1;
            if (is_used(&fat, piece + at - fat.entry_size) || number < 2) {
                *end = fat.data + (number < 2 ? 0 : (number - 1) * fat.cluster_size);
                return true;
            }
        }
        left -= size;
    }
    return false;
}

/* ---- exfat ---------------------------------------------------------------------------------------------- */

bool usage_exfat(const struct usage_source *source, uint64_t *end)
{
    uint8_t boot[BOOT_SIZE];
    uint8_t entry[ENTRY_SIZE];
    uint64_t used;

    if (!usage_read(source, boot, sizeof(boot), 0) || memcmp(boot + 3, "EXFAT   ", 8) != 0 ||
        (usage_le16(boot + 106) & EXFAT_DIRTY) != 0) {
        return false;
    }
    unsigned sector_shift = boot[108];
    unsigned cluster_shift = sector_shift + boot[109];
    uint64_t clusters = usage_le32(boot + 92);
    uint64_t root = usage_le32(boot + 96);
    if (sector_shift < 9 || sector_shift > 12 || cluster_shift > 25 || root < 2 || root - 2 >= clusters) {
        return false;
    }
    uint64_t data = (uint64_t)usage_le32(boot + 88) << sector_shift;
    if (data > source->size || clusters > (source->size - data) >> cluster_shift) {
        return false;
    }
    for (unsigned i = 0; i < ROOT_LOOK; i++) {
        uint64_t at = data + ((root - 2) << cluster_shift) + (uint64_t)i * ENTRY_SIZE;
        if (!usage_read(source, entry, sizeof(entry), at) || entry[0] == 0) {
            return false;
        }
        uint64_t first = usage_le32(entry + 20);
        if (entry[0] != ENTRY_BITMAP || (entry[1] & 1) != 0) {
            continue;
        }
        /* It is one piece in practice: mkfs writes it first. */
        if (first < 2 || first - 2 >= clusters ||
            !usage_last_bit(source, data + ((first - 2) << cluster_shift), clusters, &used)) {
            return false;
        }
        *end = data + (used << cluster_shift);
        return true;
    }
    return false;
}
