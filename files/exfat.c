/* SPDX-License-Identifier: ISC */
/* exfat.c - what is different about exFAT (struct fat_codec), and how it is opened. */
#include "exfat.h"

static int open_exfat(struct fat *fat)
{
    int result = exfat_boot_read(fat);
    if (result == 0) {
        result = fat_table_init(fat);
    }
    if (result == 0) {
        result = exfat_root_read(fat);
    }
    /* What is freed must be known as used before. */
    return result == 0 && !fat->files.read_only ? fat_space_load(fat) : result;
}

static int collect(struct fat *fat, struct fat_images *images, bool frees)
{
    int result = frees ? 0 : fat_table_collect(fat, images);
    return result == 0 ? exfat_bitmap_collect(fat, images, frees) : result;
}

static const struct fat_codec exfat = {
    .type = "exfat",
    .title = "exFAT",
    .sized = true,
    .fine = true,
    .pairs = true,
    .open = open_exfat,
    .is_clean = exfat_boot_is_clean,
    .mark = exfat_boot_mark,
    .scan = exfat_bitmap_scan,
    .took = exfat_bitmap_took,
    .collect = collect,
    .read = exfat_entry_read,
    .slots = exfat_entry_slots,
    .write = exfat_entry_write,
    .update = exfat_entry_update,
    .is_free = exfat_entry_is_free,
    .remove = exfat_entry_remove,
    .is_strange = exfat_entry_is_strange,
    .name = exfat_entry_name,
    .brand = exfat_entry_brand,
    .brand_of = exfat_entry_brand_of,
    .mend = exfat_mend,
    .drop_extras = exfat_entry_drop_extras,
};

enum coffer_status files_open_exfat(struct coffer_volume *volume, const struct files_options *options,
                                    struct files **files, struct coffer_error *error)
{
    return fat_open(&exfat, volume, options, files, error);
}
