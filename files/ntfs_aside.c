/* SPDX-License-Identifier: ISC */
/*
 * ntfs_aside.c - files without a name. NTFS frees a file with its last name, and a file in use must live on: it gets
 * another name, its number, in a hidden directory, and is removed when nobody asks for it any more. What a crash
 * leaves in that directory is removed the next time; the directory itself is gone after a proper end.
 */
#include "ntfs.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static size_t place_of(const struct nt *nt, uint64_t ino)
{
    size_t i = 0;
    while (i < nt->nameless_count && nt->nameless[i] != ino) {
        i++;
    }
    return i;
}

bool nt_aside_has(const struct nt *nt, uint64_t ino)
{
    return place_of(nt, ino) < nt->nameless_count;
}

static int remember(struct nt *nt, uint64_t ino)
{
    if (nt->nameless_count == nt->nameless_room) {
        const size_t room = nt->nameless_room * 2 + 64;
        uint64_t *more = realloc(nt->nameless, room * sizeof(*more));
        if (more == NULL) {
            return -ENOMEM;
        }
        nt->nameless = more;
        nt->nameless_room = room;
    }
    nt->nameless[nt->nameless_count++] = ino;
    return 0;
}

/* ---- The directory ---- */

static int find_dir(struct nt *nt)
{
    __attribute__((cleanup(nt_name_free))) struct nt_name name = { 0 };
    ntfs_inode *root;
    int result = nt_name_make(NT_ASIDE, &name);
    if (result == 0) {
        result = nt_open(nt, nt->files.root, &root);
    }
    return result == 0 ? nt_close(root, nt_dir_find(root, &name, &nt->aside)) : result;
}

static int make_dir(struct nt *nt)
{
    __attribute__((cleanup(nt_name_free))) struct nt_name name = { 0 };
    ntfs_inode *root, *dir;
    int result = nt_name_make(NT_ASIDE, &name);
    if (result == 0) {
        result = nt_open(nt, nt->files.root, &root);
    }
    if (result < 0) {
        return result;
    }
    errno = 0;
    dir = ntfs_create(root, 0, name.text, (u8)name.length, S_IFDIR);
    if (dir == NULL) {
        return nt_close(root, nt_error());
    }
    nt->aside = nt_ino(dir);
    dir->flags |= FILE_ATTR_HIDDEN | FILE_ATTR_SYSTEM;
    NInoFileNameSetDirty(dir);
    ntfs_inode_mark_dirty(dir);
    result = ntfs_inode_close_in_dir(dir, root) == 0 ? 0 : nt_error();
    return nt_close(root, result);
}

static int name_of(uint64_t ino, struct nt_name *name)
{
    char text[24];
    snprintf(text, sizeof(text), "%016" PRIx64, ino);
    return nt_name_make(text, name);
}

int nt_aside_put(struct nt *nt, uint64_t ino)
{
    __attribute__((cleanup(nt_name_free))) struct nt_name name = { 0 };
    int result = name_of(ino, &name);
    if (result == 0 && nt->aside == 0) {
        result = make_dir(nt);
    }
    if (result == 0) {
        result = remember(nt, ino);
    }
    if (result < 0) {
        return result;
    }
    result = nt_name_add(nt, ino, nt->aside, &name);
    if (result < 0) {
        nt->nameless_count--;
    }
    return result;
}

/* ---- The end of such a file ---- */

static int finish(struct nt *nt, size_t place)
{
    __attribute__((cleanup(nt_name_free))) struct nt_name name = { 0 };
    const uint64_t ino = nt->nameless[place];
    nt->nameless[place] = nt->nameless[--nt->nameless_count];
    int result = name_of(ino, &name);
    return result == 0 ? nt_name_remove(nt, ino, nt->aside, &name) : result;
}

/* What cannot be removed now stays in the directory, and goes the next time. */
void nt_evict(struct files *files, uint64_t ino)
{
    struct nt *nt = (struct nt *)files;
    pthread_mutex_lock(&nt->lock);
    const bool is_ours = nt_aside_has(nt, ino);
    pthread_mutex_unlock(&nt->lock);
    if (!is_ours || nt_begin(nt) < 0) {
        return;
    }
    const size_t place = place_of(nt, ino);
    if (place < nt->nameless_count) {
        finish(nt, place);
    }
    nt_end(nt);
}

/* Anything else in the directory is somebody's who found it, and stays. */
static int collect(void *user, const ntfschar *name, const int length, const int name_type, const s64 position,
                   const MFT_REF reference, const unsigned type)
{
    (void)name_type, (void)position, (void)type;
    __attribute__((cleanup(nt_name_free))) struct nt_name ours = { 0 };
    int result = name_of(reference, &ours);
    if (result == 0 && length == ours.length && memcmp(name, ours.text, (size_t)length * sizeof(*name)) == 0) {
        result = remember(user, reference);
    }
    return result;
}

int nt_aside_find(struct nt *nt)
{
    ntfs_inode *dir;
    s64 position = 0;
    int result = find_dir(nt);
    if (result < 0) {
        nt->aside = 0;
        return result == -ENOENT ? 0 : result;
    }
    result = nt_open(nt, nt->aside, &dir);
    if (result < 0) {
        return result;
    }
    errno = 0;
    result = ntfs_readdir(dir, &position, nt, collect) == 0 ? 0 : nt_error();
    return nt_close(dir, result);
}

int nt_aside_end(struct nt *nt)
{
    __attribute__((cleanup(nt_name_free))) struct nt_name name = { 0 };
    while (nt->nameless_count > 0) {
        int result = finish(nt, nt->nameless_count - 1);
        if (result < 0) {
            return result;
        }
    }
    if (nt->aside == 0) {
        return 0;
    }
    const uint64_t aside = nt->aside;
    int result = nt_name_make(NT_ASIDE, &name);
    nt->aside = 0;
    result = result == 0 ? nt_name_remove(nt, aside, nt->files.root, &name) : result;
    return result == -ENOTEMPTY ? 0 : result;
}
