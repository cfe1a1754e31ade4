/* SPDX-License-Identifier: ISC */
/*
 * ntfs_rename.c - rename: another name, then the old one goes; with a name that is replaced, that one goes first.
 * All of it is one step between commits.
 */
#include "ntfs.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define DEPTH_MAX 1000

/* A directory must not come to lie below itself. */
static int check_loop(struct nt *nt, uint64_t ino, uint64_t dir)
{
    for (unsigned depth = 0; MREF(dir) != FILE_root; depth++) {
        ntfs_inode *inode;
        if (dir == ino) {
            return -EINVAL;
        }
        int result = depth < DEPTH_MAX ? nt_open(nt, dir, &inode) : -ELOOP;
        if (result < 0) {
            return result;
        }
        result = nt_close(inode, nt_parent(inode, &dir));
        if (result < 0) {
            return result;
        }
    }
    return 0;
}

struct target {
    uint64_t ino;
    bool is_dir, exists;
};

static int find_target(struct nt *nt, uint64_t dir, const struct nt_name *name, struct target *target)
{
    int result = nt_name_find(nt, dir, name, &target->ino, &target->is_dir);
    target->exists = result == 0;
    return result == -ENOENT ? 0 : result;
}

static int check_kinds(const struct target *from, const struct target *to)
{
    if (!to->exists || from->is_dir == to->is_dir) {
        return 0;
    }
    return from->is_dir ? -ENOTDIR : -EISDIR;
}

static int rename_locked(struct nt *nt, uint64_t dir, const struct nt_name *name, uint64_t new_dir,
                         const struct nt_name *new_name, unsigned flags)
{
    struct target from = { 0 }, to = { 0 };
    int result = find_target(nt, dir, name, &from);
    if (result == 0) {
        result = find_target(nt, new_dir, new_name, &to);
    }
    if (result < 0 || !from.exists) {
        return result < 0 ? result : -ENOENT;
    }
    if (to.exists && (flags & RENAME_NOREPLACE) != 0) {
        return -EEXIST;
    }
    if (to.exists && to.ino == from.ino) {
        return 0; /* two names of one file */
    }
    result = check_kinds(&from, &to);
    if (result == 0 && from.is_dir) {
        result = check_loop(nt, from.ino, new_dir);
    }
    if (result == 0 && to.exists) {
        result = nt_name_drop(nt, to.ino, to.is_dir, new_dir, new_name);
    }
    if (result == 0) {
        result = nt_name_add(nt, from.ino, new_dir, new_name);
    }
    return result == 0 ? nt_name_remove(nt, from.ino, dir, name) : result;
}

int nt_rename(struct files *files, uint64_t dir, const char *name, uint64_t new_dir, const char *new_name,
              unsigned flags)
{
    struct nt *nt = (struct nt *)files;
    __attribute__((cleanup(nt_name_free))) struct nt_name old = { 0 }, new = { 0 };
    if ((flags & ~(unsigned)RENAME_NOREPLACE) != 0) {
        return -EINVAL;
    }
    int result = nt_name_make(name, &old);
    if (result == 0) {
        result = nt_name_make(new_name, &new);
    }
    if (result == 0) {
        result = nt_begin(nt);
    }
    if (result < 0) {
        return result;
    }
    result = rename_locked(nt, dir, &old, new_dir, &new, flags);
    nt_end(nt);
    return result;
}
