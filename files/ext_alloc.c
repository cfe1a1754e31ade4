/* SPDX-License-Identifier: ISC */
/*
 * ext_alloc.c - which blocks and inodes are in use, and which bitmaps and group descriptors a commit has to write.
 *
 * libext2fs would write all bitmaps of the volume each time; here a commit writes those of the groups that
 * changed. A freed block is counted as free at once but stays marked in block_map until the commit that frees
 * it is durable (`frozen`, then `thawing`), so that nobody gets it before. Called under ext->lock.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ext.h"

#define GROUP_BLOCKS 1 /* the block bitmap changed */
#define GROUP_INODES 2
#define GROUP_DESC   4 /* only counts or flags changed */

#define SEARCHES    16                   /* runs looked at before a short one is taken */
#define LOW_BLOCKS  256                  /* fewer free ones than this: freed ones are worth a commit */
#define DISCARD_MIN ((uint64_t)64 << 10) /* bytes; smaller runs are not given back to the volume */

static void mark_group(struct ext *ext, dgrp_t group, uint8_t what)
{
    if (ext->group_dirty[group] == 0) {
        ext->groups_dirty++;
    }
    ext->group_dirty[group] |= what;
}

static void freeze(struct ext *ext, uint64_t start, uint32_t count)
{
    ext2fs_mark_block_bitmap_range2(ext->fs->block_map, start, count);
    ext2fs_mark_block_bitmap_range2(ext->frozen, start, count);
    ext->frozen_count += count;
    ext_cache_forget(ext, start, count);
}

/* libext2fs allocates and frees blocks of structure by itself and tells it here. */
static void on_block(ext2_filsys fs, blk64_t block, int in_use)
{
    struct ext *ext = fs->priv_data;
    mark_group(ext, ext2fs_group_of_blk2(fs, block), GROUP_BLOCKS);
    if (in_use < 0) {
        freeze(ext, block, 1);
    }
}

int ext_alloc_init(struct ext *ext)
{
    ext2_filsys fs = ext->fs;
    ext->group_dirty = calloc(fs->group_desc_count, 1);
    if (ext->group_dirty == NULL) {
        return -ENOMEM;
    }
    fs->default_bitmap_type = EXT2FS_BMAP64_RBTREE; /* runs, not bits: little memory for large file systems */
    errcode_t code = ext2fs_read_bitmaps(fs);
    if (code == 0) {
        code = ext2fs_allocate_block_bitmap(fs, "frozen", &ext->frozen);
    }
    if (code == 0) {
        code = ext2fs_allocate_block_bitmap(fs, "thawing", &ext->thawing);
    }
    fs->priv_data = ext;
    ext2fs_set_block_alloc_stats_callback(fs, on_block, NULL);
    return ext_error(code);
}

void ext_alloc_free(struct ext *ext)
{
    free(ext->group_dirty);
    if (ext->frozen != NULL) {
        ext2fs_free_block_bitmap(ext->frozen);
    }
    if (ext->thawing != NULL) {
        ext2fs_free_block_bitmap(ext->thawing);
    }
}

/* ---- Blocks ---- */

/* The first free run in [from, to), at most `want` long. */
static bool free_run(struct ext *ext, uint64_t from, uint64_t to, uint32_t want, uint64_t *start, uint32_t *count)
{
    ext2fs_block_bitmap map = ext->fs->block_map;
    blk64_t first;
    if (from >= to || ext2fs_find_first_zero_block_bitmap2(map, from, to - 1, &first) != 0) {
        return false;
    }
    uint64_t end = first + want < to ? first + want : to;
    blk64_t used;
    if (ext2fs_find_first_set_block_bitmap2(map, first, end - 1, &used) == 0) {
        end = used;
    }
    *start = first;
    *count = (uint32_t)(end - first);
    return true;
}

/* The longest of the first few runs in [from, to); one of the wanted length ends the search. */
static bool best_run(struct ext *ext, uint64_t from, uint64_t to, uint32_t want, uint64_t *start, uint32_t *count)
{
    *count = 0;
    for (unsigned i = 0; i < SEARCHES && *count < want; i++) {
        uint64_t found;
        uint32_t length;
        if (!free_run(ext, from, to, want, &found, &length)) {
            break;
        }
        if (length > *count) {
            *start = found;
            *count = length;
        }
        from = found + length + 1;
    }
    return *count > 0;
}

int ext_alloc_run(struct ext *ext, uint64_t goal, uint32_t want, uint64_t *start, uint32_t *count)
{
    ext2_filsys fs = ext->fs;
    uint64_t first = fs->super->s_first_data_block;
    uint64_t end = ext2fs_blocks_count(fs->super);
    if (ext2fs_free_blocks_count(fs->super) <= ext2fs_r_blocks_count(fs->super)) {
        return -ENOSPC; /* the reserve is for blocks of structure, which libext2fs takes by itself */
    }
    if (goal < first || goal >= end) {
        goal = first;
    }
    uint64_t there;
    bool found = free_run(ext, goal, goal + 1, 1, &there, count); /* carrying on a file beats a longer run */
    if (found) {
        found = free_run(ext, goal, end, want, start, count);
    } else {
        found = best_run(ext, goal, end, want, start, count) || best_run(ext, first, goal, want, start, count);
    }
    if (!found) {
        return -ENOSPC;
    }
    ext2fs_block_alloc_stats_range(fs, *start, *count, +1);
    dgrp_t last = ext2fs_group_of_blk2(fs, *start + *count - 1);
    for (dgrp_t group = ext2fs_group_of_blk2(fs, *start); group <= last; group++) {
        mark_group(ext, group, GROUP_BLOCKS);
    }
    return 0;
}

void ext_free_run(struct ext *ext, uint64_t start, uint32_t count)
{
    ext2_filsys fs = ext->fs;
    ext2fs_block_alloc_stats_range(fs, start, count, -1);
    dgrp_t last = ext2fs_group_of_blk2(fs, start + count - 1);
    for (dgrp_t group = ext2fs_group_of_blk2(fs, start); group <= last; group++) {
        mark_group(ext, group, GROUP_BLOCKS);
    }
    freeze(ext, start, count);
}

bool ext_alloc_frozen(const struct ext *ext)
{
    uint64_t frozen = ext->frozen_count + ext->thawing_count;
    return frozen > 0 && ext2fs_free_blocks_count(ext->fs->super) < frozen + LOW_BLOCKS;
}

/* ---- Inodes ---- */

static bool inode_in_group(struct ext *ext, dgrp_t group, ext2_ino_t *ino)
{
    ext2_filsys fs = ext->fs;
    if (ext2fs_bg_free_inodes_count(fs, group) == 0) {
        return false;
    }
    ext2_ino_t first = group * fs->super->s_inodes_per_group + 1;
    ext2_ino_t last = first + fs->super->s_inodes_per_group - 1;
    if (first < EXT2_FIRST_INODE(fs->super)) {
        first = EXT2_FIRST_INODE(fs->super);
    }
    return first <= last && ext2fs_find_first_zero_inode_bitmap2(fs->inode_map, first, last, ino) == 0;
}

/* Directories go where there are few, so that the files of each find room beside it. */
static dgrp_t group_for_dir(struct ext *ext, dgrp_t parent)
{
    ext2_filsys fs = ext->fs;
    uint32_t inodes = fs->super->s_free_inodes_count / fs->group_desc_count;
    uint64_t blocks = ext2fs_free_blocks_count(fs->super) / fs->group_desc_count;
    dgrp_t best = parent;
    uint32_t fewest = UINT32_MAX;
    for (dgrp_t i = 0; i < fs->group_desc_count && i < 64; i++) {
        dgrp_t group = (parent + i) % fs->group_desc_count;
        uint32_t dirs = ext2fs_bg_used_dirs_count(fs, group);
        if (ext2fs_bg_free_inodes_count(fs, group) >= inodes && ext2fs_bg_free_inodes_count(fs, group) > 0 &&
            ext2fs_bg_free_blocks_count(fs, group) >= blocks && dirs < fewest) {
            best = group;
            fewest = dirs;
        }
    }
    return best;
}

int ext_alloc_inode(struct ext *ext, ext2_ino_t dir, bool is_dir, ext2_ino_t *ino)
{
    ext2_filsys fs = ext->fs;
    dgrp_t near = ext2fs_group_of_ino(fs, dir);
    if (is_dir && dir == EXT2_ROOT_INO) {
        near = group_for_dir(ext, near);
    }
    for (dgrp_t i = 0; i < fs->group_desc_count; i++) {
        dgrp_t group = (near + i) % fs->group_desc_count;
        if (!inode_in_group(ext, group, ino)) {
            continue;
        }
        if (ext2fs_bg_flags_test(fs, group, EXT2_BG_BLOCK_UNINIT)) {
            ext2fs_bg_flags_clear(fs, group, EXT2_BG_BLOCK_UNINIT); /* as the kernel does */
            mark_group(ext, group, GROUP_BLOCKS);
        }
        ext2fs_inode_alloc_stats2(fs, *ino, +1, is_dir);
        mark_group(ext, group, GROUP_INODES);
        return 0;
    }
    return -ENOSPC;
}

void ext_free_inode(struct ext *ext, ext2_ino_t ino, bool is_dir)
{
    ext2fs_inode_alloc_stats2(ext->fs, ino, -1, is_dir);
    mark_group(ext, ext2fs_group_of_ino(ext->fs, ino), GROUP_INODES);
}

/* ---- What a commit writes ---- */

size_t ext_alloc_dirty(const struct ext *ext)
{
    return ext->groups_dirty * 3;
}

static int stage_blocks(struct ext *ext, dgrp_t group)
{
    ext2_filsys fs = ext->fs;
    size_t bytes = EXT2_BLOCKS_PER_GROUP(fs->super) / 8;
    uint8_t *bits = ext->scratch[0];
    uint8_t *freed = ext->scratch[1];
    uint64_t first = ext2fs_group_first_block2(fs, group);
    memset(bits, 0xff, fs->blocksize);
    errcode_t code = ext2fs_get_block_bitmap_range2(fs->block_map, first, bytes * 8, bits);
    if (code == 0 && ext->frozen_count > 0) {
        code = ext2fs_get_block_bitmap_range2(ext->frozen, first, bytes * 8, freed);
        for (size_t i = 0; code == 0 && i < bytes; i++) {
            bits[i] &= (uint8_t)~freed[i];
        }
    }
    if (code != 0) {
        return ext_error(code);
    }
    uint64_t here = ext2fs_blocks_count(fs->super) - first;
    for (uint64_t bit = here; bit < bytes * 8; bit++) { /* the last group is padded with ones */
        bits[bit / 8] |= (uint8_t)(1u << bit % 8);
    }
    code = ext2fs_block_bitmap_csum_set(fs, group, (char *)bits, (int)bytes);
    return code != 0 ? ext_error(code) : ext_cache_write(ext, ext2fs_block_bitmap_loc(fs, group), bits);
}

static int stage_inodes(struct ext *ext, dgrp_t group)
{
    ext2_filsys fs = ext->fs;
    size_t bytes = (fs->super->s_inodes_per_group + 7) / 8;
    uint8_t *bits = ext->scratch[0];
    memset(bits, 0xff, fs->blocksize);
    errcode_t code =
        ext2fs_get_inode_bitmap_range2(fs->inode_map, group * fs->super->s_inodes_per_group + 1, bytes * 8, bits);
    if (code == 0) {
        code = ext2fs_inode_bitmap_csum_set(fs, group, (char *)bits, (int)bytes);
    }
    return code != 0 ? ext_error(code) : ext_cache_write(ext, ext2fs_inode_bitmap_loc(fs, group), bits);
}

static int stage_descriptors(struct ext *ext, dgrp_t block)
{
    ext2_filsys fs = ext->fs;
    uint64_t where = ext2fs_descriptor_block_loc2(fs, fs->super->s_first_data_block, block);
    return ext_cache_write(ext, where, (uint8_t *)fs->group_desc + (size_t)block * fs->blocksize);
}

int ext_alloc_stage(struct ext *ext)
{
    ext2_filsys fs = ext->fs;
    dgrp_t per_block = (dgrp_t)EXT2_DESC_PER_BLOCK(fs->super);
    dgrp_t changed = UINT32_MAX; /* block of descriptors to write */
    int result = 0;
    for (dgrp_t group = 0; result == 0 && ext->groups_dirty > 0 && group < fs->group_desc_count; group++) {
        if (changed != UINT32_MAX && group / per_block != changed) {
            result = stage_descriptors(ext, changed);
            changed = UINT32_MAX;
        }
        uint8_t what = ext->group_dirty[group];
        if (what == 0) {
            continue;
        }
        if (result == 0 && (what & GROUP_BLOCKS) != 0) {
            result = stage_blocks(ext, group);
        }
        if (result == 0 && (what & GROUP_INODES) != 0) {
            result = stage_inodes(ext, group);
        }
        ext2fs_group_desc_csum_set(fs, group);
        ext->group_dirty[group] = 0;
        changed = group / per_block;
    }
    ext->groups_dirty = 0;
    if (result == 0 && changed != UINT32_MAX) {
        result = stage_descriptors(ext, changed);
    }
    ext2fs_block_bitmap frozen = ext->frozen;
    ext->frozen = ext->thawing; /* empty: settled after the last commit */
    ext->thawing = frozen;
    ext->thawing_count = ext->frozen_count;
    ext->frozen_count = 0;
    return result;
}

/* The next run of freed blocks at or after *start; false when there is none. */
static bool next_thawing(struct ext *ext, uint64_t *start, uint64_t *stop)
{
    uint64_t end = ext2fs_blocks_count(ext->fs->super);
    blk64_t first, after;
    if (*start >= end || ext2fs_find_first_set_block_bitmap2(ext->thawing, *start, end - 1, &first) != 0) {
        return false;
    }
    if (ext2fs_find_first_zero_block_bitmap2(ext->thawing, first, end - 1, &after) != 0) {
        after = end;
    }
    *start = first;
    *stop = after;
    return true;
}

void ext_alloc_discard(struct ext *ext)
{
    size_t size = ext->fs->blocksize;
    uint64_t start = ext->fs->super->s_first_data_block;
    for (uint64_t stop; ext->discard && next_thawing(ext, &start, &stop); start = stop) {
        if ((stop - start) * size >= DISCARD_MIN) {
            /* Nothing is lost when it fails: the space is used again later. */
            coffer_volume_discard(ext->volume, start * size, (stop - start) * size, NULL);
        }
    }
}

void ext_alloc_settle(struct ext *ext)
{
    uint64_t start = ext->fs->super->s_first_data_block;
    for (uint64_t stop; next_thawing(ext, &start, &stop); start = stop) {
        ext2fs_unmark_block_bitmap_range2(ext->fs->block_map, start, (unsigned)(stop - start));
    }
    ext2fs_clear_block_bitmap(ext->thawing);
    ext->thawing_count = 0;
}
