/* SPDX-License-Identifier: ISC */
/*
 * ext_dir.c - directories: their blocks, and finding, adding and removing entries in those without an index.
 *
 * Uses scratch 2. Called under ext->lock, but for ext_list.
 */
#include <dirent.h>
#include <errno.h>
#include <string.h>

#include "ext.h"

int ext_dir_open(struct ext *ext, uint64_t ino, struct ext_dir *dir)
{
    int result = ext_inode_read(ext, ino, &dir->inode);
    if (result < 0) {
        return result;
    }
    dir->ino = (ext2_ino_t)ino;
    if (!S_ISDIR(dir->inode.i_mode)) {
        return -ENOTDIR;
    }
    return (dir->inode.i_flags & (EXT4_ENCRYPT_FL | EXT4_CASEFOLD_FL)) != 0 ? -EACCES : 0;
}

uint64_t ext_dir_blocks(const struct ext *ext, const struct ext_dir *dir)
{
    return EXT2_I_SIZE(&dir->inode) / ext->fs->blocksize;
}

int ext_dir_read(struct ext *ext, struct ext_dir *dir, uint64_t number, uint8_t *block, uint64_t *where)
{
    struct ext_run run;
    bool checked;
    int result = ext_map_find(ext, dir->ino, &dir->inode, number, 1, &run);
    if (result == 0) {
        result = run.state == EXT_WRITTEN ? ext_cache_read(ext, run.physical, block, &checked) : -EUCLEAN;
    }
    if (result < 0) {
        return result;
    }
    *where = run.physical;
    if (!checked) {
        if (!ext2fs_dir_block_csum_verify(ext->fs, dir->ino, (struct ext2_dir_entry *)block)) {
            return -EUCLEAN;
        }
        ext_cache_checked(ext, run.physical);
    }
    return 0;
}

int ext_dir_write(struct ext *ext, const struct ext_dir *dir, uint64_t where, uint8_t *block)
{
    return ext_error(ext2fs_write_dir_block4(ext->fs, where, block, 0, dir->ino));
}

int ext_dir_append(struct ext *ext, struct ext_dir *dir, uint64_t *number, uint64_t *where)
{
    struct ext_run run;
    *number = ext_dir_blocks(ext, dir);
    int result = ext_map_make(ext, dir->ino, &dir->inode, *number, 1, EXT_WRITTEN, &run);
    if (result < 0) {
        return result;
    }
    *where = run.physical;
    ext2_off64_t size = (ext2_off64_t)(*number + 1) * ext->fs->blocksize;
    result = ext_error(ext2fs_inode_size_set(ext->fs, (struct ext2_inode *)&dir->inode, size));
    return result < 0 ? result : ext_inode_write(ext, dir->ino, &dir->inode);
}

/* ---- Finding ---- */

static int find_inline(struct ext *ext, struct ext_dir *dir, const char *name, struct ext_place *place)
{
    ext2_ino_t ino;
    errcode_t code = ext2fs_lookup(ext->fs, dir->ino, name, (int)strlen(name), NULL, &ino);
    *place = (struct ext_place){ .entry.ino = ino };
    return code == EXT2_ET_FILE_NOT_FOUND ? -ENOENT : ext_error(code);
}

static int find_linear(struct ext *ext, struct ext_dir *dir, const char *name, struct ext_place *place)
{
    uint8_t *block = ext->scratch[2];
    uint64_t count = ext_dir_blocks(ext, dir);
    for (uint64_t i = 0; i < count; i++) {
        int result = ext_dir_read(ext, dir, i, block, &place->block);
        if (result == 0) {
            result = ext_entry_find(ext, block, name, strlen(name), &place->entry, &place->before);
        }
        if (result != -ENOENT) {
            return result;
        }
    }
    return -ENOENT;
}

int ext_dir_find(struct ext *ext, struct ext_dir *dir, const char *name, struct ext_place *place)
{
    if (strlen(name) > EXT2_NAME_LEN) {
        return -ENAMETOOLONG;
    }
    if ((dir->inode.i_flags & EXT4_INLINE_DATA_FL) != 0) {
        return find_inline(ext, dir, name, place);
    }
    if (ext_htree_is(ext, dir) && strcmp(name, ".") != 0 && strcmp(name, "..") != 0) {
        return ext_htree_find(ext, dir, name, place);
    }
    return find_linear(ext, dir, name, place);
}

/* ---- Changing ---- */

static int touch(struct ext *ext, struct ext_dir *dir)
{
    ext_inode_touch(ext, &dir->inode, true);
    return ext_inode_write(ext, dir->ino, &dir->inode);
}

static int add_linear(struct ext *ext, struct ext_dir *dir, const char *name, ext2_ino_t ino, uint8_t type)
{
    uint8_t *block = ext->scratch[2];
    uint64_t count = ext_dir_blocks(ext, dir);
    uint64_t where;
    for (uint64_t i = 0; i < count; i++) {
        int result = ext_dir_read(ext, dir, i, block, &where);
        if (result == 0) {
            result = ext_entry_add(ext, block, name, strlen(name), ino, type);
        }
        if (result == 0) {
            return ext_dir_write(ext, dir, where, block);
        }
        if (result != -ENOSPC) {
            return result;
        }
    }
    if (count == 1 && ext2fs_has_feature_dir_index(ext->fs->super)) {
        int result = ext_htree_make(ext, dir);
        return result < 0 ? result : ext_htree_add(ext, dir, name, ino, type);
    }
    uint64_t number;
    int result = ext_dir_append(ext, dir, &number, &where);
    if (result < 0) {
        return result;
    }
    ext_entry_blank(ext, block);
    result = ext_entry_add(ext, block, name, strlen(name), ino, type);
    return result < 0 ? result : ext_dir_write(ext, dir, where, block);
}

int ext_dir_add(struct ext *ext, struct ext_dir *dir, const char *name, ext2_ino_t ino, uint8_t type)
{
    int result = (ext_htree_is(ext, dir) ? ext_htree_add : add_linear)(ext, dir, name, ino, type);
    return result < 0 ? result : touch(ext, dir);
}

int ext_dir_remove(struct ext *ext, struct ext_dir *dir, const struct ext_place *place)
{
    uint8_t *block = ext->scratch[2];
    int result = ext_cache_read(ext, place->block, block, NULL);
    if (result < 0) {
        return result;
    }
    ext_entry_remove(ext, block, &place->entry, place->before);
    result = ext_dir_write(ext, dir, place->block, block);
    return result < 0 ? result : touch(ext, dir);
}

int ext_dir_replace(struct ext *ext, struct ext_dir *dir, const struct ext_place *place, ext2_ino_t ino,
                    uint8_t type)
{
    uint8_t *block = ext->scratch[2];
    int result = ext_cache_read(ext, place->block, block, NULL);
    if (result < 0) {
        return result;
    }
    ext_entry_replace(ext, block, &place->entry, ino, type);
    result = ext_dir_write(ext, dir, place->block, block);
    return result < 0 ? result : touch(ext, dir);
}

/* ---- All entries ---- */

static int each_entry(struct ext *ext, struct ext_dir *dir, files_entry_fn *call, void *user)
{
    static const unsigned char types[] = { DT_UNKNOWN, DT_REG, DT_DIR, DT_CHR, DT_BLK, DT_FIFO, DT_SOCK, DT_LNK };
    uint8_t *block = ext->scratch[2];
    uint64_t count = ext_dir_blocks(ext, dir);
    for (uint64_t i = 0; i < count; i++) {
        uint64_t where;
        int result = ext_dir_read(ext, dir, i, block, &where);
        size_t at = 0;
        struct ext_entry entry;
        while (result == 0 && at < ext->fs->blocksize) {
            result = ext_entry_next(ext, block, &at, &entry);
            if (result < 0) {
                return result;
            }
            unsigned char type = entry.type < sizeof(types) ? types[entry.type] : DT_UNKNOWN;
            if (entry.ino != 0 && !call(user, entry.name, entry.name_size, entry.ino, type)) {
                return 0;
            }
            result = 0;
        }
        if (result < 0) {
            return result;
        }
    }
    return 0;
}

struct inline_list {
    files_entry_fn *call;
    void *user;
};

static int inline_entry(ext2_ino_t dir, int index, struct ext2_dir_entry *entry, int offset, int size, char *block,
                        void *user)
{
    (void)dir;
    (void)index;
    (void)offset;
    (void)size;
    (void)block;
    const struct inline_list *list = user;
    size_t length = (size_t)ext2fs_dirent_name_len(entry);
    return list->call(list->user, entry->name, length, entry->inode, DT_UNKNOWN) ? 0 : DIRENT_ABORT;
}

int ext_list(struct files *files, uint64_t ino, files_entry_fn *call, void *user)
{
    struct ext *ext = (struct ext *)files;
    struct ext_dir dir;
    pthread_mutex_lock(&ext->lock);
    int result = ext_dir_open(ext, ino, &dir);
    if (result == 0 && (dir.inode.i_flags & EXT4_INLINE_DATA_FL) != 0) {
        struct inline_list list = { call, user };
        result = ext_error(ext2fs_dir_iterate2(ext->fs, dir.ino, 0, NULL, inline_entry, &list));
    } else if (result == 0) {
        result = each_entry(ext, &dir, call, user);
    }
    pthread_mutex_unlock(&ext->lock);
    return result;
}

static bool only_dots(void *user, const char *name, size_t size, uint64_t ino, unsigned char type)
{
    (void)ino;
    (void)type;
    bool *empty = user;
    *empty = name[0] == '.' && (size == 1 || (size == 2 && name[1] == '.'));
    return *empty;
}

int ext_dir_is_empty(struct ext *ext, struct ext_dir *dir)
{
    bool empty = true;
    int result = each_entry(ext, dir, only_dots, &empty);
    return result < 0 ? result : empty ? 0 : -ENOTEMPTY;
}
