/* SPDX-License-Identifier: ISC */
/*
 * ext_map.c - from blocks of a file to blocks of the volume, in runs: looking up, allocating, freeing.
 *
 * Extents are changed here run by run, so that a megabyte costs one change of the tree; files of ext2 and ext3
 * with their block pointers go through libext2fs block by block. `inode` is kept equal to what is written.
 * Called under ext->lock.
 */
#include <errno.h>
#include <string.h>

#include "ext.h"

#define MOST_WRITTEN   32768u /* blocks of one extent */
#define MOST_UNWRITTEN 32767u

static void free_handle(ext2_extent_handle_t *handle)
{
    ext2fs_extent_free(*handle);
}

#define EXTENT_HANDLE __attribute__((cleanup(free_handle))) ext2_extent_handle_t

static struct ext2_inode *small(struct ext2_inode_large *inode)
{
    return (struct ext2_inode *)inode;
}

static bool unwritten(const struct ext2fs_extent *extent)
{
    return (extent->e_flags & EXT2_EXTENT_FLAGS_UNINIT) != 0;
}

uint64_t ext_map_limit(const struct ext *ext, const struct ext2_inode_large *inode)
{
    if ((inode->i_flags & EXT4_EXTENTS_FL) != 0) {
        return UINT32_MAX;
    }
    uint64_t pointers = ext->fs->blocksize / sizeof(uint32_t);
    uint64_t blocks = EXT2_NDIR_BLOCKS + pointers + pointers * pointers + pointers * pointers * pointers;
    return blocks < UINT32_MAX ? blocks : UINT32_MAX;
}

/* ---- Block pointers ---- */

static int pointer_find(struct ext *ext, ext2_ino_t ino, struct ext2_inode_large *inode, uint64_t block,
                        uint64_t limit, struct ext_run *run)
{
    *run = (struct ext_run){ .logical = block };
    for (uint64_t i = 0; i < limit; i++) {
        blk64_t found = 0;
        errcode_t code =
            ext2fs_bmap2(ext->fs, ino, small(inode), (char *)ext->map_buffer, 0, block + i, NULL, &found);
        if (code != 0) {
            return ext_error(code);
        }
        if (i == 0) {
            run->physical = found;
            run->state = found != 0 ? EXT_WRITTEN : EXT_HOLE;
        } else if (found != (run->physical != 0 ? run->physical + i : 0)) {
            break;
        }
        run->count++;
    }
    return 0;
}

static int clear_block(struct ext *ext, uint64_t number)
{
    struct coffer_error error = COFFER_ERROR_INIT;
    size_t size = ext->fs->blocksize;
    memset(ext->map_buffer, 0, size);
    if (coffer_volume_pwrite(ext->volume, ext->map_buffer, size, number * size, &error) != COFFER_OK) {
        return ext_volume_error(&error);
    }
    return 0;
}

static int pointer_make(struct ext *ext, ext2_ino_t ino, struct ext2_inode_large *inode, uint64_t block,
                        struct ext_run *run)
{
    uint64_t count = run->count;
    run->count = 0;
    for (uint64_t i = 0; i < count; i++) {
        blk64_t found = 0;
        errcode_t code =
            ext2fs_bmap2(ext->fs, ino, small(inode), (char *)ext->map_buffer, BMAP_ALLOC, block + i, NULL, &found);
        if (code != 0) {
            return run->count > 0 ? 0 : ext_error(code);
        }
        ext_cache_forget(ext, found, 1); /* libext2fs wrote zeros there; contents do not go through the cache */
        if (i == 0) {
            run->physical = found;
        } else if (found != run->physical + i) {
            return clear_block(ext, found); /* the next call finds it and takes it for contents */
        }
        run->count++;
    }
    return 0;
}

/* ---- Extents: looking up ---- */

static int extent_find(struct ext *ext, ext2_ino_t ino, struct ext2_inode_large *inode, uint64_t block,
                       uint64_t limit, struct ext_run *run)
{
    EXTENT_HANDLE handle = NULL;
    *run = (struct ext_run){ .logical = block, .count = limit, .state = EXT_HOLE };
    errcode_t code = ext2fs_extent_open2(ext->fs, ino, small(inode), &handle);
    if (code != 0) {
        return ext_error(code);
    }
    struct ext2fs_extent extent;
    code = ext2fs_extent_goto(handle, block);
    if (code != 0 && code != EXT2_ET_EXTENT_NOT_FOUND) {
        return ext_error(code);
    }
    bool inside = code == 0;
    code = ext2fs_extent_get(handle, EXT2_EXTENT_CURRENT, &extent);
    if (code == 0 && !inside && extent.e_lblk < block) {
        code = ext2fs_extent_get(handle, EXT2_EXTENT_NEXT_LEAF, &extent);
    }
    if (code == EXT2_ET_NO_CURRENT_NODE || code == EXT2_ET_EXTENT_NO_NEXT) {
        return 0;
    }
    if (code != 0) {
        return ext_error(code);
    }
    uint64_t count = extent.e_lblk - block;
    if (inside) {
        count = extent.e_lblk + extent.e_len - block;
        run->physical = extent.e_pblk + (block - extent.e_lblk);
        run->state = unwritten(&extent) ? EXT_UNWRITTEN : EXT_WRITTEN;
    }
    run->count = count < limit ? count : limit;
    return 0;
}

int ext_map_find(struct ext *ext, ext2_ino_t ino, struct ext2_inode_large *inode, uint64_t block, uint64_t limit,
                 struct ext_run *run)
{
    bool extents = (inode->i_flags & EXT4_EXTENTS_FL) != 0;
    int result = (extents ? extent_find : pointer_find)(ext, ino, inode, block, limit, run);
    if (result < 0 || run->state == EXT_HOLE) {
        return result;
    }
    uint64_t end = ext2fs_blocks_count(ext->fs->super);
    bool inside = run->physical >= ext->fs->super->s_first_data_block && run->physical < end &&
                  run->count <= end - run->physical && run->count > 0;
    return inside ? 0 : -EUCLEAN;
}

/* ---- Extents: changing ---- */

static bool follows(const struct ext2fs_extent *left, const struct ext2fs_extent *right)
{
    unsigned most = unwritten(left) ? MOST_UNWRITTEN : MOST_WRITTEN;
    return left->e_lblk + left->e_len == right->e_lblk && left->e_pblk + left->e_len == right->e_pblk &&
           unwritten(left) == unwritten(right) && left->e_len + right->e_len <= most;
}

/* Adds an extent where there is a hole, as part of the one before it if it carries that on. */
static errcode_t insert(struct ext *ext, ext2_ino_t ino, struct ext2_inode_large *inode,
                        struct ext2fs_extent *extent)
{
    EXTENT_HANDLE handle = NULL;
    errcode_t code = ext2fs_extent_open2(ext->fs, ino, small(inode), &handle);
    if (code != 0) {
        return code;
    }
    code = ext2fs_extent_goto(handle, extent->e_lblk);
    if (code != EXT2_ET_EXTENT_NOT_FOUND) {
        return code != 0 ? code : EXT2_ET_FILESYSTEM_CORRUPTED; /* no hole */
    }
    struct ext2fs_extent left;
    code = ext2fs_extent_get(handle, EXT2_EXTENT_CURRENT, &left);
    if (code == EXT2_ET_NO_CURRENT_NODE) {
        return ext2fs_extent_insert(handle, 0, extent);
    }
    if (code != 0) {
        return code;
    }
    if (left.e_lblk < extent->e_lblk && follows(&left, extent)) {
        left.e_len += extent->e_len;
        return ext2fs_extent_replace(handle, 0, &left);
    }
    code = ext2fs_extent_insert(handle, left.e_lblk < extent->e_lblk ? EXT2_EXTENT_INSERT_AFTER : 0, extent);
    return code != 0 ? code : ext2fs_extent_fix_parents(handle);
}

/* Cuts [block, block + count) out of the one extent that holds it; the blocks stay allocated. */
static errcode_t cut(struct ext *ext, ext2_ino_t ino, struct ext2_inode_large *inode, uint64_t block,
                     uint64_t count, struct ext2fs_extent *piece)
{
    EXTENT_HANDLE handle = NULL;
    struct ext2fs_extent extent;
    errcode_t code = ext2fs_extent_open2(ext->fs, ino, small(inode), &handle);
    if (code == 0) {
        code = ext2fs_extent_goto(handle, block);
    }
    if (code == 0) {
        code = ext2fs_extent_get(handle, EXT2_EXTENT_CURRENT, &extent);
    }
    if (code != 0) {
        return code;
    }
    uint32_t head = (uint32_t)(block - extent.e_lblk);
    uint32_t tail = extent.e_len - head - (uint32_t)count;
    *piece = extent;
    piece->e_lblk += head;
    piece->e_pblk += head;
    piece->e_len = (uint32_t)count;
    if (head == 0 && tail == 0) {
        code = ext2fs_extent_delete(handle, 0);
        if (code == 0) {
            code = ext2fs_extent_fix_parents(handle);
        }
        return code == EXT2_ET_NO_CURRENT_NODE ? 0 : code;
    }
    struct ext2fs_extent rest = extent;
    rest.e_lblk += head + count;
    rest.e_pblk += head + count;
    rest.e_len = tail;
    if (head == 0) {
        code = ext2fs_extent_replace(handle, 0, &rest);
        return code != 0 ? code : ext2fs_extent_fix_parents(handle);
    }
    if (tail > 0) { /* first what may need a block */
        code = ext2fs_extent_insert(handle, EXT2_EXTENT_INSERT_AFTER, &rest);
        if (code == 0) {
            code = ext2fs_extent_fix_parents(handle);
        }
        if (code == 0) {
            code = ext2fs_extent_goto(handle, extent.e_lblk);
        }
        if (code != 0) {
            return code;
        }
    }
    extent.e_len = head;
    return ext2fs_extent_replace(handle, 0, &extent);
}

/* ---- Allocating ---- */

static uint64_t goal_for(struct ext *ext, ext2_ino_t ino, struct ext2_inode_large *inode, uint64_t block)
{
    struct ext_run before;
    if (block > 0 && extent_find(ext, ino, inode, block - 1, 1, &before) == 0 && before.state != EXT_HOLE) {
        return before.physical + 1;
    }
    return ext2fs_find_inode_goal(ext->fs, ino, small(inode), block);
}

static int extent_fill(struct ext *ext, ext2_ino_t ino, struct ext2_inode_large *inode, enum ext_state want,
                       struct ext_run *run)
{
    uint64_t start;
    uint32_t count;
    uint32_t most = want == EXT_WRITTEN ? MOST_WRITTEN : MOST_UNWRITTEN;
    most = run->count < most ? (uint32_t)run->count : most;
    int result = ext_alloc_run(ext, goal_for(ext, ino, inode, run->logical), most, &start, &count);
    if (result < 0) {
        return result;
    }
    struct ext2fs_extent extent = { .e_lblk = run->logical, .e_pblk = start, .e_len = count };
    extent.e_flags = want == EXT_UNWRITTEN ? EXT2_EXTENT_FLAGS_UNINIT : 0;
    errcode_t code = ext2fs_iblk_add_blocks(ext->fs, small(inode), count);
    if (code == 0) {
        code = insert(ext, ino, inode, &extent);
        if (code != 0) {
            ext2fs_iblk_sub_blocks(ext->fs, small(inode), count);
        }
    }
    if (code != 0) {
        ext_free_run(ext, start, count);
        return ext_error(code);
    }
    *run = (struct ext_run){ run->logical, start, count, want, true };
    return ext_inode_write(ext, ino, inode);
}

/* Unwritten blocks become written ones. If the tree cannot take that, they become a hole, which reads alike. */
static int extent_convert(struct ext *ext, ext2_ino_t ino, struct ext2_inode_large *inode, struct ext_run *run)
{
    struct ext2fs_extent piece;
    errcode_t code = cut(ext, ino, inode, run->logical, run->count, &piece);
    if (code != 0) {
        return ext_error(code);
    }
    piece.e_flags &= ~(uint32_t)EXT2_EXTENT_FLAGS_UNINIT;
    code = insert(ext, ino, inode, &piece);
    if (code != 0) {
        ext_free_run(ext, piece.e_pblk, piece.e_len);
        ext2fs_iblk_sub_blocks(ext->fs, small(inode), piece.e_len);
    }
    int result = ext_inode_write(ext, ino, inode);
    run->state = EXT_WRITTEN;
    run->fresh = true;
    return code != 0 ? ext_error(code) : result;
}

int ext_map_make(struct ext *ext, ext2_ino_t ino, struct ext2_inode_large *inode, uint64_t block, uint64_t limit,
                 enum ext_state want, struct ext_run *run)
{
    int result = ext_map_find(ext, ino, inode, block, limit, run);
    if (result < 0 || run->state == EXT_WRITTEN || (run->state == EXT_UNWRITTEN && want == EXT_UNWRITTEN)) {
        return result;
    }
    if ((inode->i_flags & EXT4_EXTENTS_FL) == 0) {
        run->state = EXT_WRITTEN;
        run->fresh = true;
        return pointer_make(ext, ino, inode, block, run);
    }
    return run->state == EXT_HOLE ? extent_fill(ext, ino, inode, want, run) : extent_convert(ext, ino, inode, run);
}

/* ---- Freeing ---- */

static int extent_remove(struct ext *ext, ext2_ino_t ino, struct ext2_inode_large *inode, struct ext_run *run)
{
    struct ext2fs_extent piece;
    errcode_t code = cut(ext, ino, inode, run->logical, run->count, &piece);
    if (code == 0) {
        code = ext2fs_iblk_sub_blocks(ext->fs, small(inode), piece.e_len);
        ext_free_run(ext, piece.e_pblk, piece.e_len);
    }
    return code != 0 ? ext_error(code) : ext_inode_write(ext, ino, inode);
}

int ext_map_remove(struct ext *ext, ext2_ino_t ino, struct ext2_inode_large *inode, uint64_t block, uint64_t end,
                   unsigned budget, bool *done)
{
    bool finished;
    done = done != NULL ? done : &finished;
    *done = true;
    if (block >= end) {
        return 0;
    }
    if ((inode->i_flags & EXT4_EXTENTS_FL) == 0) {
        int result = ext_error(ext2fs_punch(ext->fs, ino, small(inode), NULL, block, end - 1));
        return result < 0 ? result : ext_inode_write(ext, ino, inode);
    }
    while (block < end) {
        struct ext_run run;
        int result = ext_map_find(ext, ino, inode, block, end - block, &run);
        if (result < 0) {
            return result;
        }
        block += run.count;
        if (run.state == EXT_HOLE) {
            continue;
        }
        if (budget-- == 0) {
            *done = false;
            return 0;
        }
        result = extent_remove(ext, ino, inode, &run);
        if (result < 0) {
            return result;
        }
    }
    return 0;
}

unsigned ext_budget(const struct ext *ext)
{
    /* A run of 128 MiB lies in one or two groups; each costs two bitmaps and a descriptor. */
    return (unsigned)(ext->commit_limit / 8 + 1);
}
