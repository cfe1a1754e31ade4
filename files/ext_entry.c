/* SPDX-License-Identifier: ISC */
/*
 * ext_entry.c - the entries of one block of a directory, in memory: number of the inode, length of the entry,
 * length of the name, type, name. Nothing about them is believed before it is checked.
 *
 * All numbers are little-endian on the volume; this driver is built for little-endian machines only.
 */
#include <errno.h>
#include <string.h>

#include "ext.h"

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "the ext driver handles directories in place and needs a little-endian machine"
#endif

#define HEADER 8 /* bytes before the name */
#define TAIL   12

static size_t needed(size_t name_size)
{
    return (HEADER + name_size + 3) & ~(size_t)3;
}

static size_t get_size(const struct ext *ext, const uint8_t *entry)
{
    uint16_t raw;
    memcpy(&raw, entry + 4, sizeof(raw));
    if (ext->fs->blocksize < 65536) {
        return raw;
    }
    return raw == 0 || raw == 65535 ? 65536 : (size_t)(raw & 65532) | (size_t)(raw & 3) << 16;
}

void ext_entry_set_size(const struct ext *ext, uint8_t *block, size_t at, size_t size)
{
    uint16_t raw = (uint16_t)(ext->fs->blocksize == 65536 && size == 65536 ? 65535 : size);
    memcpy(block + at + 4, &raw, sizeof(raw));
}

static void put(const struct ext *ext, uint8_t *block, size_t at, size_t size, const char *name, size_t name_size,
                ext2_ino_t ino, uint8_t type)
{
    uint32_t number = ino;
    memcpy(block + at, &number, sizeof(number));
    ext_entry_set_size(ext, block, at, size);
    block[at + 6] = (uint8_t)name_size;
    block[at + 7] = type;
    memcpy(block + at + HEADER, name, name_size);
}

size_t ext_entry_room(const struct ext *ext)
{
    return ext->fs->blocksize - (ext2fs_has_feature_metadata_csum(ext->fs->super) ? TAIL : 0);
}

int ext_entry_next(const struct ext *ext, const uint8_t *block, size_t *at, struct ext_entry *entry)
{
    size_t end = ext->fs->blocksize;
    if (*at + HEADER > end) {
        return *at == end ? 0 : -EUCLEAN;
    }
    const uint8_t *raw = block + *at;
    uint32_t ino;
    memcpy(&ino, raw, sizeof(ino));
    *entry = (struct ext_entry){ *at, get_size(ext, raw), ino, raw[6], raw[7], (const char *)raw + HEADER };
    if (entry->size < HEADER + 4 || entry->size % 4 != 0 || entry->size > end - *at ||
        (ino != 0 && (needed(entry->name_size) > entry->size || entry->name_size == 0))) {
        return -EUCLEAN;
    }
    if (ino > ext->fs->super->s_inodes_count) {
        return -EUCLEAN;
    }
    *at += entry->size;
    return 1;
}

int ext_entry_find(const struct ext *ext, const uint8_t *block, const char *name, size_t size,
                   struct ext_entry *entry, size_t *before)
{
    size_t at = 0;
    *before = 0;
    for (int more; (more = ext_entry_next(ext, block, &at, entry)) != 0;) {
        if (more < 0) {
            return more;
        }
        if (entry->ino != 0 && entry->name_size == size && memcmp(entry->name, name, size) == 0) {
            return 0;
        }
        *before = entry->at;
    }
    return -ENOENT;
}

int ext_entry_add(const struct ext *ext, uint8_t *block, const char *name, size_t size, ext2_ino_t ino,
                  uint8_t type)
{
    size_t room = ext_entry_room(ext);
    size_t at = 0;
    struct ext_entry entry;
    while (at < room) {
        int more = ext_entry_next(ext, block, &at, &entry);
        if (more <= 0) {
            return more < 0 ? more : -EUCLEAN;
        }
        size_t used = entry.ino != 0 ? needed(entry.name_size) : 0;
        if (entry.size - used < needed(size)) {
            continue;
        }
        if (used > 0) {
            ext_entry_set_size(ext, block, entry.at, used);
        }
        put(ext, block, entry.at + used, entry.size - used, name, size, ino, type);
        return 0;
    }
    return -ENOSPC;
}

void ext_entry_remove(const struct ext *ext, uint8_t *block, const struct ext_entry *entry, size_t before)
{
    if (before == entry->at) {
        memset(block + entry->at, 0, sizeof(uint32_t));
        return;
    }
    ext_entry_set_size(ext, block, before, get_size(ext, block + before) + entry->size);
}

void ext_entry_replace(const struct ext *ext, uint8_t *block, const struct ext_entry *entry, ext2_ino_t ino,
                       uint8_t type)
{
    (void)ext;
    uint32_t number = ino;
    memcpy(block + entry->at, &number, sizeof(number));
    block[entry->at + 7] = type;
}

void ext_entry_blank(const struct ext *ext, uint8_t *block)
{
    size_t room = ext_entry_room(ext);
    memset(block, 0, ext->fs->blocksize);
    ext_entry_set_size(ext, block, 0, room);
    if (room < ext->fs->blocksize) {
        ext2fs_initialize_dirent_tail(ext->fs, (struct ext2_dir_entry_tail *)(block + room));
    }
}

void ext_entry_first(const struct ext *ext, uint8_t *block, ext2_ino_t self, ext2_ino_t parent)
{
    uint8_t type = ext_entry_type(ext, S_IFDIR);
    ext_entry_blank(ext, block);
    put(ext, block, 0, 12, ".", 1, self, type);
    put(ext, block, 12, ext_entry_room(ext) - 12, "..", 2, parent, type);
}

uint8_t ext_entry_type(const struct ext *ext, mode_t mode)
{
    if (!ext2fs_has_feature_filetype(ext->fs->super)) {
        return EXT2_FT_UNKNOWN;
    }
    switch (mode & S_IFMT) {
    case S_IFREG:
        return EXT2_FT_REG_FILE;
    case S_IFDIR:
        return EXT2_FT_DIR;
    case S_IFCHR:
        return EXT2_FT_CHRDEV;
    case S_IFBLK:
        return EXT2_FT_BLKDEV;
    case S_IFIFO:
        return EXT2_FT_FIFO;
    case S_IFSOCK:
        return EXT2_FT_SOCK;
    case S_IFLNK:
        return EXT2_FT_SYMLINK;
    default:
        return EXT2_FT_UNKNOWN;
    }
}
