/* SPDX-License-Identifier: ISC */
/*
 * filesystem_kind.c - what is different about each file system (filesystem_kind.h). The limits are those of the
 * programs in Debian 12, found by trying.
 */
#include "filesystem_kind.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "escape.h"

#define MIB (UINT64_C(1) << 20)

/* ---- Labels ---- */

/* How many units of 16 bits it has in UTF-16; 0 for what is not UTF-8 or has control characters. */
static size_t count_utf16(const char *label)
{
    size_t size = strlen(label);
    size_t units = 0;
    uint32_t character;

    for (size_t length; size > 0; label += length, size -= length) {
        length = escape_decode_utf8(label, size, &character);
        if (length == 0 || character < 0x20) {
            return 0;
        }
        units += character > 0xffff ? 2 : 1;
    }
    return units;
}

static bool adapt_ext4(char *label)
{
    return count_utf16(label) > 0 && strlen(label) <= 16;
}

static bool adapt_xfs(char *label)
{
    return count_utf16(label) > 0 && strlen(label) <= 12;
}

static bool adapt_btrfs(char *label)
{
    return count_utf16(label) > 0 && !strchr(label, '/');
}

static bool adapt_exfat(char *label)
{
    size_t units = count_utf16(label);

    return units > 0 && units <= 11;
}

static bool adapt_ntfs(char *label)
{
    size_t units = count_utf16(label);

    return units > 0 && units <= 128;
}

/* Upper case, and none of the characters that a DOS file name cannot have. */
static bool adapt_vfat(char *label)
{
    for (char *at = label; *at; at++) {
        if (!isascii((unsigned char)*at) || !isprint((unsigned char)*at) || strchr("\"*+,./:;<=>?[\\]|", *at)) {
            return false;
        }
        *at = (char)toupper((unsigned char)*at);
    }
    return strlen(label) <= 11;
}

/* ---- Command lines ---- */

static void add(struct filesystem_command *command, const char *argument)
{
    command->arguments[command->count++] = argument;
    command->arguments[command->count] = NULL;
}

static void add_pair(struct filesystem_command *command, const char *option, const char *value)
{
    if (value) {
        add(command, option);
        add(command, value);
    }
}

/* nodiscard: the volume is new. Inode tables need no zeroing where all reads as zeros; else the kernel does it later,
 * in the background. One percent kept for root instead of five: nothing of the system lives in here. */
static void build_ext4(const struct filesystem_wish *wish, struct filesystem_command *command)
{
    snprintf(command->text, sizeof(command->text), "nodiscard,root_owner=%lu:%lu%s", (unsigned long)wish->uid,
             (unsigned long)wish->gid,
             wish->reads_as_zeros ? ",assume_storage_prezeroed=1" : ",lazy_itable_init=1");
    add(command, "-q");
    add(command, "-F");
    add_pair(command, "-b", "4096");
    add_pair(command, "-m", "1");
    add_pair(command, "-E", command->text);
    add_pair(command, "-L", wish->label);
}

static void build_exfat(const struct filesystem_wish *wish, struct filesystem_command *command)
{
    add_pair(command, "-L", wish->label);
}

static void build_xfs(const struct filesystem_wish *wish, struct filesystem_command *command)
{
    snprintf(command->text, sizeof(command->text), "size=%s", command->sector_text);
    add(command, "-q");
    add(command, "-f");
    add(command, "-K");
    add_pair(command, "-s", command->text);
    add_pair(command, "-L", wish->label);
}

static void build_btrfs(const struct filesystem_wish *wish, struct filesystem_command *command)
{
    add(command, "-q");
    add(command, "-f");
    add(command, "-K");
    add_pair(command, "-L", wish->label);
}

static void build_vfat(const struct filesystem_wish *wish, struct filesystem_command *command)
{
    add_pair(command, "-S", command->sector_text);
    add_pair(command, "-n", wish->label);
}

/* Without a partition before it and with the geometry that everybody pretends to have, or it warns. -Q: a volume
 * holds nothing that would have to be overwritten. */
static void build_ntfs(const struct filesystem_wish *wish, struct filesystem_command *command)
{
    add(command, "-F");
    add(command, "-Q");
    add(command, "-q");
    add_pair(command, "-s", command->sector_text);
    add_pair(command, "-p", "0");
    add_pair(command, "-H", "255");
    add_pair(command, "-S", "63");
    add_pair(command, "-L", wish->label);
}

/* ---- The table ---- */

static const struct filesystem_kind kinds[] = {
    { .name = "ext4",
      .program = "mkfs.ext4",
      .package = "e2fsprogs",
      .minimum = MIB,
      .access = FILESYSTEM_FOR_ALL,
      .magic = "\x53\xef",
      .magic_size = 2,
      .magic_offset = 0x438,
      .adapt_label = adapt_ext4,
      .build = build_ext4 },
    { .name = "exfat",
      .program = "mkfs.exfat",
      .package = "exfatprogs",
      .minimum = 3 * MIB,
      .access = FILESYSTEM_FOR_ALL,
      .magic = "EXFAT   ",
      .magic_size = 8,
      .magic_offset = 3,
      .adapt_label = adapt_exfat,
      .build = build_exfat },
    { .name = "vfat",
      .program = "mkfs.vfat",
      .package = "dosfstools",
      .minimum = MIB / 2,
      .maximum_sectors = UINT32_MAX,
      .access = FILESYSTEM_FOR_ALL,
      .magic = "\x55\xaa",
      .magic_size = 2,
      .magic_offset = 510,
      .adapt_label = adapt_vfat,
      .build = build_vfat },
    { .name = "btrfs",
      .program = "mkfs.btrfs",
      .package = "btrfs-progs",
      .minimum = 109 * MIB,
      .access = FILESYSTEM_FOR_ROOT,
      .magic = "_BHRfS_M",
      .magic_size = 8,
      .magic_offset = 0x10040,
      .adapt_label = adapt_btrfs,
      .build = build_btrfs },
    { .name = "xfs",
      .program = "mkfs.xfs",
      .package = "xfsprogs",
      .minimum = 300 * MIB,
      .access = FILESYSTEM_FOR_ROOT,
      .magic = "XFSB",
      .magic_size = 4,
      .magic_offset = 0,
      .adapt_label = adapt_xfs,
      .build = build_xfs },
    { .name = "ntfs",
      .program = "mkfs.ntfs",
      .package = "ntfs-3g",
      .minimum = 2 * MIB,
      .access = FILESYSTEM_FOR_ALL,
      .magic = "NTFS    ",
      .magic_size = 8,
      .magic_offset = 3,
      .adapt_label = adapt_ntfs,
      .build = build_ntfs },
};

const struct filesystem_kind *filesystem_kind_find(const char *name)
{
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (strcmp(kinds[i].name, name) == 0) {
            return &kinds[i];
        }
    }
    return NULL;
}

bool filesystem_kind_adapt_label(const struct filesystem_kind *kind, const char *label,
                                 char adapted[static FILESYSTEM_LABEL_MAX])
{
    size_t size = strlen(label);

    if (size == 0 || size >= FILESYSTEM_LABEL_MAX) {
        return false;
    }
    memcpy(adapted, label, size + 1);
    return kind->adapt_label(adapted);
}

void filesystem_kind_build(const struct filesystem_kind *kind, const struct filesystem_wish *wish,
                           struct filesystem_command *command)
{
    *command = (struct filesystem_command){ 0 };
    snprintf(command->sector_text, sizeof(command->sector_text), "%u", (unsigned)wish->sector_size);
    add(command, wish->program);
    kind->build(wish, command);
    add(command, wish->path);
}
