/* SPDX-License-Identifier: ISC */
/*
 * ext_name.c - operations on names: each is one step between ext_begin and ext_end, so that recovery shows all
 * of it or nothing. The kernel has checked types, loops and permissions; what would damage the file system
 * is checked here again.
 */
#include <errno.h>
#include <string.h>

#include "ext.h"

#define MOST_LINKS   65000
#define FAST_SYMLINK sizeof(((struct ext2_inode *)0)->i_block) /* with its NUL, kept in the inode */

static struct ext *ext_of(struct files *files)
{
    return (struct ext *)files;
}

int ext_name_check(const char *name)
{
    size_t size = strlen(name);
    if (size == 0 || strcmp(name, ".") == 0 || strcmp(name, "..") == 0) {
        return -EINVAL;
    }
    return size > EXT2_NAME_LEN ? -ENAMETOOLONG : 0;
}

static int begin_named(struct ext *ext, const char *name)
{
    int result = ext_name_check(name);
    return result < 0 ? result : ext_begin(ext);
}

/* ---- Links of directories: 1 stands for "more than can be counted" ---- */

static int add_link(struct ext *ext, struct ext2_inode_large *inode)
{
    if (S_ISDIR(inode->i_mode)) {
        if (inode->i_links_count == 1) {
            return 0;
        }
        if (inode->i_links_count + 1 >= MOST_LINKS) {
            if (!ext2fs_has_feature_dir_nlink(ext->fs->super)) {
                return -EMLINK;
            }
            inode->i_links_count = 1;
            return 0;
        }
    } else if (inode->i_links_count >= MOST_LINKS) {
        return -EMLINK;
    }
    inode->i_links_count++;
    return 0;
}

static void drop_link(struct ext2_inode_large *inode)
{
    if (S_ISDIR(inode->i_mode) && inode->i_links_count <= 2) {
        return; /* a parent never goes below 2, and 1 stays */
    }
    inode->i_links_count--;
}

/* The inode has lost a name. */
int ext_unname(struct ext *ext, ext2_ino_t ino, struct ext2_inode_large *inode)
{
    ext_inode_touch(ext, inode, false);
    if (S_ISDIR(inode->i_mode)) {
        inode->i_links_count = 0;
    } else if (inode->i_links_count > 0) {
        inode->i_links_count--;
    }
    return inode->i_links_count > 0 ? ext_inode_write(ext, ino, inode) : ext_orphan_add(ext, ino, inode);
}

/* ---- Lookup ---- */

int ext_lookup(struct files *files, uint64_t dir_ino, const char *name, struct files_attr *attr)
{
    struct ext *ext = ext_of(files);
    struct ext_dir dir;
    struct ext_place place;
    struct ext2_inode_large inode;
    pthread_mutex_lock(&ext->lock);
    int result = ext_dir_open(ext, dir_ino, &dir);
    if (result == 0) {
        result = ext_dir_find(ext, &dir, name, &place);
    }
    if (result == 0) {
        result = ext_inode_read(ext, place.entry.ino, &inode);
    }
    if (result == 0 && inode.i_mode == 0) {
        result = -EUCLEAN; /* a name for an inode that is not in use */
    }
    if (result == 0) {
        ext_inode_attr(ext, place.entry.ino, &inode, attr);
    }
    pthread_mutex_unlock(&ext->lock);
    return result;
}

/* ---- New inodes ---- */

static int fill_dir(struct ext *ext, ext2_ino_t ino, struct ext2_inode_large *inode, ext2_ino_t parent)
{
    struct ext_dir made = { .ino = ino, .inode = *inode };
    uint64_t number, where;
    made.inode.i_links_count = 2;
    int result = ext_dir_append(ext, &made, &number, &where);
    if (result == 0) {
        ext_entry_first(ext, ext->scratch[2], ino, parent);
        result = ext_dir_write(ext, &made, where, ext->scratch[2]);
    }
    *inode = made.inode;
    return result;
}

static int fill_symlink(struct ext *ext, ext2_ino_t ino, struct ext2_inode_large *inode, const char *target)
{
    size_t size = strlen(target);
    if (size == 0 || size >= ext->fs->blocksize) {
        return size == 0 ? -EINVAL : -ENAMETOOLONG;
    }
    int result = 0;
    if (size < FAST_SYMLINK) {
        memcpy(inode->i_block, target, size);
    } else {
        struct ext_run run;
        ext2_extent_handle_t handle;
        if (ext2fs_has_feature_extents(ext->fs->super) &&
            ext2fs_extent_open2(ext->fs, ino, (struct ext2_inode *)inode, &handle) == 0) {
            ext2fs_extent_free(handle);
        }
        result = ext_map_make(ext, ino, inode, 0, 1, EXT_WRITTEN, &run);
        if (result == 0) { /* structure, not contents: it goes the way of directories */
            memset(ext->scratch[2], 0, ext->fs->blocksize);
            memcpy(ext->scratch[2], target, size);
            result = ext_cache_write(ext, run.physical, ext->scratch[2]);
        }
    }
    if (result == 0) {
        result = ext_error(ext2fs_inode_size_set(ext->fs, (struct ext2_inode *)inode, (ext2_off64_t)size));
    }
    return result < 0 ? result : ext_inode_write(ext, ino, inode);
}

/* Takes back an inode that got no name. */
static void unmake(struct ext *ext, ext2_ino_t ino, struct ext2_inode_large *inode)
{
    inode->i_links_count = 0;
    if (ext2fs_inode_has_valid_blocks2(ext->fs, (struct ext2_inode *)inode)) {
        ext_map_remove(ext, ino, inode, 0, UINT64_MAX, UINT32_MAX, NULL);
    }
    inode->i_dtime = (uint32_t)time(NULL);
    ext_inode_write(ext, ino, inode);
    ext_free_inode(ext, ino, S_ISDIR(inode->i_mode));
}

static int make_inode(struct ext *ext, const struct ext_dir *dir, const struct files_new *new, ext2_ino_t *ino,
                      struct ext2_inode_large *inode)
{
    int result = ext_inode_new(ext, dir->ino, new, ino, inode);
    if (result < 0) {
        return result;
    }
    if (S_ISDIR(new->mode)) {
        result = fill_dir(ext, *ino, inode, dir->ino);
    } else if (S_ISLNK(new->mode)) {
        result = fill_symlink(ext, *ino, inode, new->target);
    }
    if (result < 0) {
        unmake(ext, *ino, inode);
    }
    return result;
}

static int make_locked(struct ext *ext, uint64_t dir_ino, const char *name, const struct files_new *new,
                       struct files_attr *attr)
{
    struct ext_dir dir;
    struct ext_place place;
    struct ext2_inode_large inode;
    ext2_ino_t ino;
    int result = ext_dir_open(ext, dir_ino, &dir);
    if (result < 0) {
        return result;
    }
    result = ext_dir_find(ext, &dir, name, &place);
    if (result != -ENOENT) {
        return result == 0 ? -EEXIST : result;
    }
    if (dir.inode.i_links_count == 0) {
        return -ENOENT; /* removed, but still somebody's working directory */
    }
    if (S_ISDIR(new->mode)) {
        result = add_link(ext, &dir.inode);
        if (result < 0) {
            return result;
        }
    }
    struct files_new wanted = *new;
    if ((dir.inode.i_mode & S_ISGID) != 0) {
        wanted.gid = inode_gid(dir.inode);
        wanted.mode |= S_ISDIR(new->mode) ? S_ISGID : 0;
    }
    result = make_inode(ext, &dir, &wanted, &ino, &inode);
    if (result < 0) {
        return result;
    }
    result = ext_dir_add(ext, &dir, name, ino, ext_entry_type(ext, new->mode));
    if (result < 0) {
        unmake(ext, ino, &inode);
        return result;
    }
    ext_inode_attr(ext, ino, &inode, attr);
    return 0;
}

int ext_make(struct files *files, uint64_t dir, const char *name, const struct files_new *new,
             struct files_attr *attr)
{
    struct ext *ext = ext_of(files);
    int result = begin_named(ext, name);
    if (result < 0) {
        return result;
    }
    result = make_locked(ext, dir, name, new, attr);
    ext_end(ext);
    return result;
}

/* ---- Another name ---- */

static int link_locked(struct ext *ext, uint64_t ino, uint64_t dir_ino, const char *name, struct files_attr *attr)
{
    struct ext_dir dir;
    struct ext_place place;
    struct ext2_inode_large inode;
    int result = ext_dir_open(ext, dir_ino, &dir);
    if (result < 0) {
        return result;
    }
    result = ext_dir_find(ext, &dir, name, &place);
    if (result != -ENOENT) {
        return result == 0 ? -EEXIST : result;
    }
    result = ext_inode_read(ext, ino, &inode);
    if (result < 0) {
        return result;
    }
    if (S_ISDIR(inode.i_mode) || inode.i_links_count == 0 || dir.inode.i_links_count == 0) {
        return S_ISDIR(inode.i_mode) ? -EPERM : -ENOENT;
    }
    result = add_link(ext, &inode);
    if (result == 0) {
        result = ext_dir_add(ext, &dir, name, (ext2_ino_t)ino, ext_entry_type(ext, inode.i_mode));
    }
    if (result == 0) {
        ext_inode_touch(ext, &inode, false);
        result = ext_inode_write(ext, (ext2_ino_t)ino, &inode);
    }
    if (result == 0) {
        ext_inode_attr(ext, (ext2_ino_t)ino, &inode, attr);
    }
    return result;
}

int ext_link(struct files *files, uint64_t ino, uint64_t dir, const char *name, struct files_attr *attr)
{
    struct ext *ext = ext_of(files);
    int result = begin_named(ext, name);
    if (result < 0) {
        return result;
    }
    result = link_locked(ext, ino, dir, name, attr);
    ext_end(ext);
    return result;
}

/* ---- Removing names ---- */

/* Whether the inode may lose its name as what it is taken for. */
static int removable(struct ext *ext, ext2_ino_t ino, struct ext2_inode_large *inode, bool as_dir)
{
    int result = ext_inode_read(ext, ino, inode);
    if (result < 0) {
        return result;
    }
    if (as_dir != S_ISDIR(inode->i_mode)) {
        return as_dir ? -ENOTDIR : -EISDIR;
    }
    if ((inode->i_flags & (EXT2_IMMUTABLE_FL | EXT2_APPEND_FL)) != 0) {
        return -EPERM;
    }
    if (as_dir) {
        struct ext_dir dir = { .ino = ino, .inode = *inode };
        return ext_dir_is_empty(ext, &dir);
    }
    return 0;
}

static int remove_locked(struct ext *ext, uint64_t dir_ino, const char *name, bool as_dir)
{
    struct ext_dir dir;
    struct ext_place place;
    struct ext2_inode_large inode;
    int result = ext_dir_open(ext, dir_ino, &dir);
    if (result == 0) {
        result = ext_dir_find(ext, &dir, name, &place);
    }
    if (result == 0) {
        result = removable(ext, place.entry.ino, &inode, as_dir);
    }
    if (result < 0) {
        return result;
    }
    if (as_dir) {
        drop_link(&dir.inode);
    }
    result = ext_dir_remove(ext, &dir, &place);
    return result < 0 ? result : ext_unname(ext, place.entry.ino, &inode);
}

static int remove_name(struct files *files, uint64_t dir, const char *name, bool as_dir)
{
    struct ext *ext = ext_of(files);
    int result = begin_named(ext, name);
    if (result < 0) {
        return result;
    }
    result = remove_locked(ext, dir, name, as_dir);
    ext_end(ext);
    return result;
}

int ext_unlink(struct files *files, uint64_t dir, const char *name)
{
    return remove_name(files, dir, name, false);
}

int ext_rmdir(struct files *files, uint64_t dir, const char *name)
{
    return remove_name(files, dir, name, true);
}

/* ---- Symbolic links ---- */

static int readlink_locked(struct ext *ext, uint64_t ino, char *target, size_t size)
{
    struct ext2_inode_large inode;
    int result = ext_inode_read(ext, ino, &inode);
    if (result < 0) {
        return result;
    }
    uint64_t length = EXT2_I_SIZE(&inode);
    if (!S_ISLNK(inode.i_mode)) {
        return -EINVAL;
    }
    if (length >= size || length >= ext->fs->blocksize) {
        return length >= size ? -ERANGE : -EUCLEAN;
    }
    const uint8_t *source = (const uint8_t *)inode.i_block;
    if ((inode.i_flags & EXT4_INLINE_DATA_FL) != 0) {
        size_t held;
        source = ext->scratch[2];
        result = ext_error(
            ext2fs_inline_data_get(ext->fs, (ext2_ino_t)ino, (struct ext2_inode *)&inode, ext->scratch[2], &held));
    } else if (!ext2fs_is_fast_symlink((struct ext2_inode *)&inode)) {
        struct ext_run run;
        source = ext->scratch[2];
        result = ext_map_find(ext, (ext2_ino_t)ino, &inode, 0, 1, &run);
        if (result == 0) {
            result =
                run.state == EXT_WRITTEN ? ext_cache_read(ext, run.physical, ext->scratch[2], NULL) : -EUCLEAN;
        }
    } else if (length >= FAST_SYMLINK) {
        return -EUCLEAN;
    }
    if (result == 0) {
        memcpy(target, source, (size_t)length);
        target[length] = '\0';
    }
    return result;
}

int ext_readlink(struct files *files, uint64_t ino, char *target, size_t size)
{
    struct ext *ext = ext_of(files);
    pthread_mutex_lock(&ext->lock);
    int result = readlink_locked(ext, ino, target, size);
    pthread_mutex_unlock(&ext->lock);
    return result;
}
