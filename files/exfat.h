/* SPDX-License-Identifier: ISC */
/*
 * exfat.h - what exFAT has of its own, among its parts; nobody else includes this. Names and numbers are those of
 * Microsoft's specification, revision 1.00.
 *
 * What is here but not understood: other major revisions and two tables (TexFAT) are refused, as is a root with a
 * critical entry that is not known; another directory with one is not opened. Benign entries that are not known stay
 * as they are. Those within the entry of a file go where the file goes, and leave with it; critical ones hide it.
 */
#ifndef EXFAT_H
#define EXFAT_H

#include "fat.h"

enum {
    EXFAT_IN_USE = 0x80,
    EXFAT_SECONDARY = 0x40,
    EXFAT_BENIGN = 0x20,
    EXFAT_BITMAP = 0x81,
    EXFAT_UPCASE = 0x82,
    EXFAT_LABEL = 0x83,
    EXFAT_FILE = 0x85,
    EXFAT_STREAM = 0xc0,
    EXFAT_NAME = 0xc1,
};

/* ---- exfat_boot.c: the boot regions ---- */

int exfat_boot_read(struct fat *fat);
int exfat_boot_is_clean(struct fat *fat);
int exfat_boot_mark(struct fat *fat, bool in_use);
/* Of `size` more bytes. */
uint32_t exfat_sum(uint32_t sum, const uint8_t *bytes, size_t size);

/* ---- exfat_root.c: what the root directory leads to ---- */

/* Finds the bitmap and fills `upper`. */
int exfat_root_read(struct fat *fat);

/* ---- exfat_bitmap.c: which clusters are in use ---- */

int exfat_bitmap_init(struct fat *fat, uint32_t start, uint64_t size);
int exfat_bitmap_scan(struct fat *fat, fat_free_fn *found);
void exfat_bitmap_took(struct fat *fat, struct fat_span span);
int exfat_bitmap_collect(struct fat *fat, struct fat_images *images, bool frees);

/* ---- exfat_entry.c: entries of directories ---- */

bool exfat_entry_read(const struct fat *fat, const uint8_t *slots, uint32_t count, uint32_t at,
                      struct fat_entry *entry);
uint32_t exfat_entry_slots(const struct fat_entry *entry);
void exfat_entry_write(const struct fat *fat, uint8_t *slots, uint32_t count, const struct fat_entry *entry);
void exfat_entry_update(const struct fat *fat, uint8_t *slots, uint32_t count, const struct fat_facts *facts);
bool exfat_entry_is_free(const uint8_t *slot);
void exfat_entry_remove(uint8_t *slot);
/* Critical, primary, and nothing that can be in a directory. */
bool exfat_entry_is_strange(const uint8_t *slot);
/* A whole set of no more than `count` slots, whether it is understood or not. */
bool exfat_entry_is_whole(const uint8_t *slots, uint32_t count);
/* Of two names of one file, the one that stays (see fat.h). */
void exfat_entry_brand(uint8_t *slots, uint32_t count, int commit);
int exfat_entry_brand_of(const uint8_t *slots);
/* -ENAMETOOLONG: too much belongs to it. */
int exfat_entry_name(struct fat *fat, struct fat_dir *dir, struct fat_entry *entry);
void exfat_entry_drop_extras(struct fat *fat, const struct fat_entry *entry);

/* ---- exfat_mend.c: after a crash ---- */

/* Puts it in order and writes that down; -EUCLEAN: it is beyond that, and nothing was written. */
int exfat_mend(struct fat *fat);

#endif
