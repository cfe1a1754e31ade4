/* SPDX-License-Identifier: ISC */
/*
 * fat_classic.c - what FAT12, FAT16 and FAT32 have of their own (struct fat_codec): the table alone says which clusters
 * are free, and a file whose name does not fit has an alias that does.
 */
#include <errno.h>
#include <string.h>

#include "fat.h"

#define ATTEMPTS 20000u /* at an alias: more than a directory holds */

static int open_classic(struct fat *fat)
{
    int result = fat_boot_read(fat);
    if (result == 0) {
        result = fat_table_init(fat);
    }
    return result == 0 ? fat_name_init(fat) : result;
}

static int collect(struct fat *fat, struct fat_images *images, bool frees)
{
    const struct fat_spans *freeing = &fat->space.freeing;
    int result = 0;
    for (size_t i = 0; frees && i < freeing->count && result == 0; i++) {
        struct fat_span span = freeing->items[i];
        for (uint32_t j = 0; j < span.count && result == 0; j++) {
            result = fat_table_set(fat, span.start + j, 0);
        }
    }
    return result == 0 ? fat_table_collect(fat, images) : result;
}

static int choose_alias(struct fat *fat, struct fat_dir *dir, struct fat_entry *entry)
{
    entry->has_alias = !fat_alias_fits(&entry->name, entry->alias);
    if (!entry->has_alias) {
        return 0; /* nobody has it: it has been looked for as a name */
    }
    struct fat_entry other;
    for (unsigned attempt = 0; attempt < ATTEMPTS && fat_alias_make(&entry->name, attempt, entry->alias);
         attempt++) {
        struct fat_name alias;
        uint8_t slot[FAT_SLOT] = { 0 };
        memcpy(slot, entry->alias, FAT_ALIAS);
        fat_alias_read(slot, &alias);
        if (fat_dir_find(fat, dir, &alias, &other) < 0) {
            return 0;
        }
    }
    return -ENOSPC;
}

const struct fat_codec fat_classic = {
    .type = "vfat",
    .title = "FAT",
    .open = open_classic,
    .is_clean = fat_boot_is_clean,
    .mark = fat_boot_mark,
    .scan = fat_table_scan,
    .collect = collect,
    .read = fat_entry_read,
    .slots = fat_entry_slots,
    .write = fat_entry_write,
    .update = fat_entry_update,
    .is_free = fat_entry_is_free,
    .remove = fat_entry_remove,
    .name = choose_alias,
    .dots = fat_entry_dots,
};

enum coffer_status files_open_fat(struct coffer_volume *volume, const struct files_options *options,
                                  struct files **files, struct coffer_error *error)
{
    return fat_open(&fat_classic, volume, options, files, error);
}
