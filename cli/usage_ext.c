/* SPDX-License-Identifier: ISC */
/*
 * usage_ext.c - the last block in use of ext2/3/4, from its block bitmaps. Backups of the superblock and of the group
 * descriptors do not count: nothing reads them, and they are found up to the very end.
 */
#include "usage.h"

#define SUPER_OFFSET     1024
#define SUPER_SIZE       1024
#define MAGIC            0xef53
#define COMPAT_SPARSE2   0x0200u
#define INCOMPAT_RECOVER 0x0004u                                 /* the journal has to be replayed first */
#define INCOMPAT_UNUSUAL (0x0001u | 0x0008u | 0x0010u | 0x1000u) /* compressed, a journal, meta_bg, dirdata */
#define INCOMPAT_64BIT   0x0080u
#define RO_SPARSE        0x0001u
#define RO_GDT_CSUM      0x0010u
#define RO_BIGALLOC      0x0200u
#define RO_METADATA_CSUM 0x0400u
#define GROUP_UNINIT     0x0002u /* its bitmap was never written */
#define DESCRIPTOR_MAX   1024u

struct ext {
    const struct usage_source *source;
    uint64_t blocks;
    uint32_t first_block;
    uint32_t block_size;
    uint32_t per_group;
    uint32_t descriptor_size;
    uint32_t reserved; /* blocks for descriptors to come */
    uint32_t backups[2];
    bool is_64bit, is_sparse, is_sparse2, has_uninit;
    uint64_t groups;
};

static bool read_super(const struct usage_source *source, struct ext *ext)
{
    uint8_t super[SUPER_SIZE];

    if (!usage_read(source, super, sizeof(super), SUPER_OFFSET) || usage_le16(super + 0x38) != MAGIC) {
        return false;
    }
    uint32_t compat = usage_le32(super + 0x5c);
    uint32_t incompat = usage_le32(super + 0x60);
    uint32_t ro_compat = usage_le32(super + 0x64);
    uint32_t shift = usage_le32(super + 0x18);
    if ((incompat & (INCOMPAT_RECOVER | INCOMPAT_UNUSUAL)) != 0 || (ro_compat & RO_BIGALLOC) != 0 || shift > 6) {
        return false;
    }
    *ext = (struct ext){
        .source = source,
        .blocks = usage_le32(super + 0x04),
        .first_block = usage_le32(super + 0x14),
        .block_size = 1024u << shift,
        .per_group = usage_le32(super + 0x20),
        .descriptor_size = 32,
        .reserved = usage_le16(super + 0xce),
        .backups = { usage_le32(super + 0x24c), usage_le32(super + 0x250) },
        .is_64bit = (incompat & INCOMPAT_64BIT) != 0,
        .is_sparse = (ro_compat & RO_SPARSE) != 0,
        .is_sparse2 = (compat & COMPAT_SPARSE2) != 0,
        .has_uninit = (ro_compat & (RO_GDT_CSUM | RO_METADATA_CSUM)) != 0,
    };
    if (ext->is_64bit) {
        ext->blocks |= (uint64_t)usage_le32(super + 0x150) << 32;
        ext->descriptor_size = usage_le16(super + 0xfe);
    }
    return true;
}

static bool is_possible(struct ext *ext)
{
    if (ext->blocks > ext->source->size / ext->block_size || ext->first_block > 1 ||
        ext->first_block >= ext->blocks || ext->per_group == 0 || ext->per_group > ext->block_size * 8 ||
        ext->descriptor_size < (ext->is_64bit ? 64 : 32) || ext->descriptor_size > DESCRIPTOR_MAX) {
        return false;
    }
    ext->groups = (ext->blocks - ext->first_block + ext->per_group - 1) / ext->per_group;
    return true;
}

static bool is_power(uint64_t number, uint64_t base)
{
    while (number > 1 && number % base == 0) {
        number /= base;
    }
    return number == 1;
}

static bool has_backup(const struct ext *ext, uint64_t group)
{
    if (group == 0) {
        return false; /* that is the original */
    }
    if (ext->is_sparse2) {
        return group == ext->backups[0] || group == ext->backups[1];
    }
    return !ext->is_sparse || is_power(group, 3) || is_power(group, 5) || is_power(group, 7);
}

/* How many blocks at the start of a group are backups. */
static uint64_t count_backups(const struct ext *ext, uint64_t group)
{
    uint64_t descriptors = (ext->groups * ext->descriptor_size + ext->block_size - 1) / ext->block_size;

    return has_backup(ext, group) ? 1 + descriptors + ext->reserved : 0;
}

/* The blocks of a group from its start that are in use. The bits of a group without a bitmap would be its backups and
 * what belongs to the group itself, which then lies in it. */
static bool find_used(const struct ext *ext, uint64_t group, uint64_t *used)
{
    uint8_t descriptor[64];
    uint64_t start = ext->first_block + group * ext->per_group;
    uint64_t count = ext->blocks - start < ext->per_group ? ext->blocks - start : ext->per_group;
    uint64_t table = (uint64_t)(ext->first_block + 1) * ext->block_size + group * ext->descriptor_size;

    if (!usage_read(ext->source, descriptor, ext->is_64bit ? 64 : 32, table)) {
        return false;
    }
    bool is_uninit = ext->has_uninit && (usage_le16(descriptor + 0x12) & GROUP_UNINIT) != 0;
    if (!is_uninit) {
        uint64_t bitmap = usage_le32(descriptor);
        bitmap |= ext->is_64bit ? (uint64_t)usage_le32(descriptor + 0x20) << 32 : 0;
        return bitmap < ext->blocks && usage_last_bit(ext->source, bitmap * ext->block_size, count, used);
    }
    *used = 0;
    for (unsigned part = 0; part < 3; part++) { /* its bitmaps and its inodes; where they are, the rest is */
        uint64_t block = usage_le32(descriptor + (size_t)4 * part);
        block |= ext->is_64bit ? (uint64_t)usage_le32(descriptor + 0x20 + (size_t)4 * part) << 32 : 0;
        if (block >= start && block < start + count) {
            *used = count;
        }
    }
    return true;
}

bool usage_ext(const struct usage_source *source, uint64_t *end)
{
    struct ext ext;

    if (!read_super(source, &ext) || !is_possible(&ext)) {
        return false;
    }
    for (uint64_t group = ext.groups; group-- > 0;) {
        uint64_t used;
        if (!find_used(&ext, group, &used)) {
            return false;
        }
        if (used > count_backups(&ext, group)) {
            *end = (ext.first_block + group * ext.per_group + used) * ext.block_size;
            return true;
        }
    }
    return false; /* not even the first group is in use */
}
