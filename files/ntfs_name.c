/* SPDX-License-Identifier: ISC */
/*
 * ntfs_name.c - operations on names: each is one step between nt_begin and nt_end, so that a crash leaves all of it
 * or nothing. The kernel has checked types, loops and permissions; what would damage the volume is checked again.
 *
 * The library must never have the same inode open twice, so inodes are opened late and closed before the next step.
 */
#include "ntfs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static struct nt *nt_of(struct files *files)
{
    return (struct nt *)files;
}

static int check_name(const char *name, struct nt_name *made)
{
    *made = (struct nt_name){ 0 };
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0 ? -EINVAL : nt_name_make(name, made);
}

/* A directory that may be changed. */
static int open_dir(struct nt *nt, uint64_t ino, ntfs_inode **dir)
{
    int result = nt_open(nt, ino, dir);
    if (result == 0 && !nt_is_dir(*dir)) {
        result = nt_close(*dir, -ENOTDIR);
    }
    return result;
}

/* ---- New inodes ---- */

static int make_link(ntfs_inode *dir, const struct nt_name *name, const char *target, ntfs_inode **made)
{
    ntfschar *text = NULL;
    errno = 0;
    const int length = ntfs_mbstoucs(target, &text);
    if (length <= 0) {
        free(text);
        return length < 0 ? nt_error() : -EINVAL;
    }
    *made = ntfs_create_symlink(dir, 0, name->text, (u8)name->length, text, length);
    free(text);
    return *made != NULL ? 0 : nt_error();
}

static int make_inode(ntfs_inode *dir, const struct nt_name *name, const struct files_new *new, ntfs_inode **made)
{
    if (S_ISLNK(new->mode)) {
        return make_link(dir, name, new->target, made);
    }
    if (!S_ISREG(new->mode) && !S_ISDIR(new->mode)) {
        return -EPERM; /* as mknod(2) says of a file system that has no such thing */
    }
    errno = 0;
    *made = ntfs_create(dir, 0, name->text, (u8)name->length, new->mode &S_IFMT);
    return *made != NULL ? 0 : nt_error();
}

static int finish_new(struct nt *nt, ntfs_inode *dir, ntfs_inode *inode, const struct files_new *new,
                      struct files_attr *attr)
{
    if (S_ISREG(new->mode)) {
        inode->flags |= FILE_ATTR_ARCHIVE;
        if ((new->mode &S_IWUSR) == 0) {
            inode->flags |= FILE_ATTR_READONLY;
        }
    }
    NInoFileNameSetDirty(inode);
    ntfs_inode_mark_dirty(inode);
    ntfs_inode_update_times(dir, NTFS_UPDATE_MCTIME);
    const int result = nt_attr(nt, inode, attr);
    return ntfs_inode_close_in_dir(inode, dir) == 0 || result < 0 ? result : nt_error();
}

int nt_make(struct files *files, uint64_t dir_ino, const char *name, const struct files_new *new,
            struct files_attr *attr)
{
    struct nt *nt = nt_of(files);
    __attribute__((cleanup(nt_name_free))) struct nt_name wanted = { 0 };
    ntfs_inode *dir, *inode;
    uint64_t there;
    int result = check_name(name, &wanted);
    if (result < 0) {
        return result;
    }
    result = nt_begin(nt);
    if (result < 0) {
        return result;
    }
    result = open_dir(nt, dir_ino, &dir);
    if (result == 0) {
        result = nt_dir_find(dir, &wanted, &there);
        result = result == 0 ? -EEXIST : result == -ENOENT ? make_inode(dir, &wanted, new, &inode) : result;
        if (result == 0) {
            result = finish_new(nt, dir, inode, new, attr);
        }
        result = nt_close(dir, result);
    }
    nt_end(nt);
    return result;
}

/* ---- Adding and removing names ---- */

int nt_name_add(struct nt *nt, uint64_t ino, uint64_t dir_ino, const struct nt_name *name)
{
    ntfs_inode *dir, *inode;
    uint64_t there;
    int result = open_dir(nt, dir_ino, &dir);
    if (result < 0) {
        return result;
    }
    result = nt_dir_find(dir, name, &there);
    result = result == 0 ? -EEXIST : result == -ENOENT ? nt_open(nt, ino, &inode) : result;
    if (result < 0) {
        return nt_close(dir, result);
    }
    errno = 0;
    result = ntfs_link(inode, dir, name->text, (u8)name->length) == 0 ? 0 : nt_error();
    if (result == 0) {
        ntfs_inode_update_times(inode, NTFS_UPDATE_CTIME);
        ntfs_inode_update_times(dir, NTFS_UPDATE_MCTIME);
    }
    result = nt_close(dir, result); /* first: closing the inode looks for its name there */
    return nt_close(inode, result);
}

int nt_name_remove(struct nt *nt, uint64_t ino, uint64_t dir_ino, const struct nt_name *name)
{
    ntfs_inode *dir, *inode;
    int result = open_dir(nt, dir_ino, &dir);
    if (result < 0) {
        return result;
    }
    result = nt_open(nt, ino, &inode);
    if (result < 0) {
        return nt_close(dir, result);
    }
    errno = 0; /* closes both */
    return ntfs_delete(nt->library, NULL, inode, dir, name->text, (u8)name->length) == 0 ? 0 : nt_error();
}

int nt_link(struct files *files, uint64_t ino, uint64_t dir, const char *name, struct files_attr *attr)
{
    struct nt *nt = nt_of(files);
    __attribute__((cleanup(nt_name_free))) struct nt_name wanted = { 0 };
    ntfs_inode *inode;
    int result = check_name(name, &wanted);
    if (result < 0) {
        return result;
    }
    result = nt_begin(nt);
    if (result < 0) {
        return result;
    }
    result = nt_aside_has(nt, ino) ? -ENOENT : nt_open(nt, ino, &inode);
    if (result == 0) {
        result = nt_close(inode, nt_is_dir(inode) ? -EPERM : 0);
    }
    if (result == 0) {
        result = nt_name_add(nt, ino, dir, &wanted);
    }
    if (result == 0) {
        result = nt_open(nt, ino, &inode);
    }
    if (result == 0) {
        result = nt_close(inode, nt_attr(nt, inode, attr));
    }
    nt_end(nt);
    return result;
}

/* ---- Removing ---- */

int nt_name_find(struct nt *nt, uint64_t dir, const struct nt_name *name, uint64_t *ino, bool *is_dir)
{
    ntfs_inode *inode;
    int result = nt_entry(nt, dir, name, &inode);
    if (result == 0) {
        *ino = nt_ino(inode);
        *is_dir = nt_is_dir(inode);
        result = nt_close(inode, 0);
    }
    return result;
}

int nt_name_drop(struct nt *nt, uint64_t ino, bool is_dir, uint64_t dir, const struct nt_name *name)
{
    ntfs_inode *inode;
    struct files_attr attr;
    int result = nt_open(nt, ino, &inode);
    if (result < 0) {
        return result;
    }
    result = is_dir && ntfs_check_empty_dir(inode) != 0 ? nt_error() : nt_attr(nt, inode, &attr);
    result = nt_close(inode, result);
    if (result == 0 && !is_dir && attr.links == 1) {
        result = nt_aside_put(nt, ino);
        /* A full volume must not keep what is to go: whoever still uses the file then loses it. */
        result = result == -ENOSPC ? 0 : result;
    }
    return result == 0 ? nt_name_remove(nt, ino, dir, name) : result;
}

static int remove_name(struct files *files, uint64_t dir, const char *name, bool wants_dir)
{
    struct nt *nt = nt_of(files);
    __attribute__((cleanup(nt_name_free))) struct nt_name wanted = { 0 };
    uint64_t ino;
    bool is_dir;
    int result = check_name(name, &wanted);
    if (result < 0) {
        return result;
    }
    result = nt_begin(nt);
    if (result < 0) {
        return result;
    }
    result = nt_name_find(nt, dir, &wanted, &ino, &is_dir);
    if (result == 0 && is_dir != wants_dir) {
        result = is_dir ? -EISDIR : -ENOTDIR;
    }
    if (result == 0) {
        result = nt_name_drop(nt, ino, is_dir, dir, &wanted);
    }
    nt_end(nt);
    return result;
}

int nt_unlink(struct files *files, uint64_t dir, const char *name)
{
    return remove_name(files, dir, name, false);
}

int nt_rmdir(struct files *files, uint64_t dir, const char *name)
{
    return remove_name(files, dir, name, true);
}
