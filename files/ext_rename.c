/* SPDX-License-Identifier: ISC */
/*
 * ext_rename.c - moving a name, within one step: the new name first, then the old one goes. Directories that
 * move get another parent, in their ".." and in the count of links.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "ext.h"

/* One side of a rename: a directory, a name in it, and what that names. */
struct side {
    struct ext_dir dir;
    const char *name;
    struct ext_place place;
    ext2_ino_t ino; /* 0: nothing */
    struct ext2_inode_large inode;
};

static bool is_dir(const struct side *side)
{
    return side->ino != 0 && S_ISDIR(side->inode.i_mode);
}

static int find_side(struct ext *ext, uint64_t dir, const char *name, struct side *side)
{
    side->name = name;
    side->ino = 0;
    int result = ext_dir_open(ext, dir, &side->dir);
    if (result == 0) {
        result = ext_dir_find(ext, &side->dir, name, &side->place);
    }
    if (result == 0) {
        side->ino = side->place.entry.ino;
        result = ext_inode_read(ext, side->ino, &side->inode);
    }
    return result;
}

/* Both sides may have the same directory, of which only one copy may be in use at a time. */
static int reread_dir(struct ext *ext, struct side *side)
{
    return ext_inode_read(ext, side->dir.ino, &side->dir.inode);
}

static int change_links(struct ext *ext, struct side *side, int change)
{
    int result = reread_dir(ext, side);
    struct ext2_inode_large *inode = &side->dir.inode;
    if (result < 0 || inode->i_links_count == 1) { /* too many to count */
        return result;
    }
    if (change > 0 && inode->i_links_count >= 64999) {
        if (!ext2fs_has_feature_dir_nlink(ext->fs->super)) {
            return -EMLINK;
        }
        inode->i_links_count = 1;
    } else if (change > 0 || inode->i_links_count > 2) {
        inode->i_links_count = (uint16_t)(inode->i_links_count + change);
    }
    return ext_inode_write(ext, side->dir.ino, inode);
}

static int set_parent(struct ext *ext, ext2_ino_t ino, ext2_ino_t parent)
{
    struct ext_dir dir;
    struct ext_place place;
    int result = ext_dir_open(ext, ino, &dir);
    if (result == 0) {
        result = ext_dir_find(ext, &dir, "..", &place);
    }
    return result < 0 ? result : ext_dir_replace(ext, &dir, &place, parent, ext_entry_type(ext, S_IFDIR));
}

/* A directory has gone from one parent to another. */
static int change_parent(struct ext *ext, ext2_ino_t ino, struct side *from, struct side *to)
{
    if (from->dir.ino == to->dir.ino) {
        return 0;
    }
    int result = change_links(ext, to, 1);
    if (result == 0) {
        result = change_links(ext, from, -1);
    }
    return result == 0 ? set_parent(ext, ino, to->dir.ino) : result;
}

static int touch(struct ext *ext, ext2_ino_t ino)
{
    struct ext2_inode_large inode;
    int result = ext_inode_read(ext, ino, &inode);
    if (result == 0) {
        ext_inode_touch(ext, &inode, false);
        result = ext_inode_write(ext, ino, &inode);
    }
    return result;
}

static int exchange(struct ext *ext, struct side *old, struct side *new)
{
    uint8_t old_type = ext_entry_type(ext, old->inode.i_mode);
    uint8_t new_type = ext_entry_type(ext, new->inode.i_mode);
    int result = ext_dir_replace(ext, &new->dir, &new->place, old->ino, old_type);
    if (result == 0) {
        result = reread_dir(ext, old);
    }
    if (result == 0) {
        result = ext_dir_replace(ext, &old->dir, &old->place, new->ino, new_type);
    }
    if (result == 0 && is_dir(old)) {
        result = change_parent(ext, old->ino, old, new);
    }
    if (result == 0 && is_dir(new)) {
        result = change_parent(ext, new->ino, new, old);
    }
    if (result == 0) {
        result = touch(ext, old->ino);
    }
    return result == 0 ? touch(ext, new->ino) : result;
}

/* Whether what has the new name may be replaced. */
static int check_target(struct ext *ext, const struct side *old, struct side *new)
{
    if (is_dir(old) != is_dir(new)) {
        return is_dir(old) ? -ENOTDIR : -EISDIR;
    }
    if (is_dir(new)) {
        struct ext_dir dir = { .ino = new->ino, .inode = new->inode };
        return ext_dir_is_empty(ext, &dir);
    }
    return 0;
}

static int drop_target(struct ext *ext, struct side *new)
{
    int result = ext_inode_read(ext, new->ino, &new->inode);
    if (result < 0) {
        return result;
    }
    return ext_unname(ext, new->ino, &new->inode);
}

static int move(struct ext *ext, struct side *old, struct side *new)
{
    bool replaces = new->ino != 0;
    bool replaces_dir = is_dir(new);
    uint8_t type = ext_entry_type(ext, old->inode.i_mode);
    int result = replaces ? ext_dir_replace(ext, &new->dir, &new->place, old->ino, type)
                          : ext_dir_add(ext, &new->dir, new->name, old->ino, type);
    if (result == 0) { /* adding may have moved the old entry */
        result = find_side(ext, old->dir.ino, old->name, old);
    }
    if (result == 0) {
        result = ext_dir_remove(ext, &old->dir, &old->place);
    }
    if (result == 0 && is_dir(old)) {
        result = change_parent(ext, old->ino, old, new);
    }
    if (result == 0 && replaces_dir) {
        result = change_links(ext, new, -1);
    }
    if (result == 0) {
        result = touch(ext, old->ino);
    }
    return result == 0 && replaces ? drop_target(ext, new) : result;
}

static int rename_locked(struct ext *ext, uint64_t dir, const char *name, uint64_t new_dir, const char *new_name,
                         unsigned flags)
{
    struct side old, new;
    int result = find_side(ext, dir, name, &old);
    if (result < 0) {
        return result;
    }
    result = find_side(ext, new_dir, new_name, &new);
    if (result < 0 && (result != -ENOENT || new.dir.inode.i_links_count == 0)) {
        return result;
    }
    if ((flags & RENAME_EXCHANGE) != 0) {
        return new.ino == 0 ? -ENOENT : new.ino == old.ino ? 0 : exchange(ext, &old, &new);
    }
    if (new.ino != 0) {
        if ((flags & RENAME_NOREPLACE) != 0) {
            return -EEXIST;
        }
        if (new.ino == old.ino) {
            return 0; /* two names of one file: POSIX wants nothing to happen */
        }
        result = check_target(ext, &old, &new);
        if (result < 0) {
            return result;
        }
    }
    return move(ext, &old, &new);
}

int ext_rename(struct files *files, uint64_t dir, const char *name, uint64_t new_dir, const char *new_name,
               unsigned flags)
{
    struct ext *ext = (struct ext *)files;
    if ((flags & ~(unsigned)(RENAME_EXCHANGE | RENAME_NOREPLACE)) != 0 ||
        flags == (RENAME_EXCHANGE | RENAME_NOREPLACE)) {
        return -EINVAL;
    }
    int result = ext_name_check(name);
    if (result == 0) {
        result = ext_name_check(new_name);
    }
    if (result == 0) {
        result = ext_begin(ext);
    }
    if (result < 0) {
        return result;
    }
    result = rename_locked(ext, dir, name, new_dir, new_name, flags);
    ext_end(ext);
    return result;
}
