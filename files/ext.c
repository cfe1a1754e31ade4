/* SPDX-License-Identifier: ISC */
/*
 * ext.c - opening and closing an ext2/3/4 file system, and which of them may be written.
 *
 * Features are taken by name: what is not listed here as safe to write is opened read only, with a note that
 * says why; what is not even listed as safe to read is refused.
 */
#include "ext.h"

#include <errno.h>
#include <et/com_err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "fail.h"

/* ---- Errors ---- */

static const struct {
    errcode_t code;
    int sys;
} errors[] = {
    { EXT2_ET_NO_MEMORY, ENOMEM },         { EXT2_ET_BLOCK_ALLOC_FAIL, ENOSPC },
    { EXT2_ET_INODE_ALLOC_FAIL, ENOSPC },  { EXT2_ET_DIR_NO_SPACE, ENOSPC },
    { EXT2_ET_EA_NO_SPACE, ENOSPC },       { EXT2_ET_TOOSMALL, ENOSPC },
    { EXT2_ET_EA_KEY_NOT_FOUND, ENODATA }, { EXT2_ET_FILE_TOO_BIG, EFBIG },
    { EXT2_ET_FILE_NOT_FOUND, ENOENT },    { EXT2_ET_DIR_EXISTS, EEXIST },
    { EXT2_ET_NO_DIRECTORY, ENOTDIR },     { EXT2_ET_RO_FILSYS, EROFS },
    { EXT2_ET_INVALID_ARGUMENT, EINVAL },  { EXT2_ET_BAD_INODE_NUM, ESTALE },
    { EXT2_ET_UNIMPLEMENTED, EOPNOTSUPP }, { EXT2_ET_OP_NOT_SUPPORTED, EOPNOTSUPP },
};

int ext_error(errcode_t code)
{
    if (code == 0) {
        return 0;
    }
    if (code > 0 && code < EXT2_ET_BASE) {
        return -(int)code; /* an errno value, ours or the system's */
    }
    for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
        if (errors[i].code == code) {
            return -errors[i].sys;
        }
    }
    return -EUCLEAN; /* all others say that something on the volume cannot be */
}

void ext_free_buffer(uint8_t **buffer)
{
    free(*buffer);
}

/* ---- Features ---- */

#define WRITE_COMPAT                                                                                           \
    (EXT2_FEATURE_COMPAT_DIR_PREALLOC | EXT2_FEATURE_COMPAT_IMAGIC_INODES | EXT3_FEATURE_COMPAT_HAS_JOURNAL |  \
     EXT2_FEATURE_COMPAT_EXT_ATTR | EXT2_FEATURE_COMPAT_RESIZE_INODE | EXT2_FEATURE_COMPAT_DIR_INDEX |         \
     EXT4_FEATURE_COMPAT_SPARSE_SUPER2 | EXT4_FEATURE_COMPAT_FAST_COMMIT | EXT4_FEATURE_COMPAT_STABLE_INODES | \
     EXT4_FEATURE_COMPAT_ORPHAN_FILE)
#define WRITE_INCOMPAT                                                                                \
    (EXT2_FEATURE_INCOMPAT_FILETYPE | EXT2_FEATURE_INCOMPAT_META_BG | EXT3_FEATURE_INCOMPAT_EXTENTS | \
     EXT4_FEATURE_INCOMPAT_64BIT | EXT4_FEATURE_INCOMPAT_FLEX_BG | EXT4_FEATURE_INCOMPAT_CSUM_SEED |  \
     EXT4_FEATURE_INCOMPAT_LARGEDIR | EXT3_FEATURE_INCOMPAT_RECOVER)
#define WRITE_RO_COMPAT                                                                                           \
    (EXT2_FEATURE_RO_COMPAT_SPARSE_SUPER | EXT2_FEATURE_RO_COMPAT_LARGE_FILE | EXT4_FEATURE_RO_COMPAT_HUGE_FILE | \
     EXT4_FEATURE_RO_COMPAT_GDT_CSUM | EXT4_FEATURE_RO_COMPAT_DIR_NLINK | EXT4_FEATURE_RO_COMPAT_EXTRA_ISIZE |    \
     EXT4_FEATURE_RO_COMPAT_METADATA_CSUM | EXT4_FEATURE_RO_COMPAT_ORPHAN_PRESENT)
#define READ_INCOMPAT                                                                      \
    (WRITE_INCOMPAT | EXT4_FEATURE_INCOMPAT_EA_INODE | EXT4_FEATURE_INCOMPAT_INLINE_DATA | \
     EXT4_FEATURE_INCOMPAT_ENCRYPT | EXT4_FEATURE_INCOMPAT_CASEFOLD | EXT4_FEATURE_INCOMPAT_MMP)

/* What can be met and is not written here. */
static const struct {
    uint32_t incompat, ro_compat;
    const char *name;
} unwritten[] = {
    { EXT4_FEATURE_INCOMPAT_EA_INODE, 0, "ea_inode" },
    { EXT4_FEATURE_INCOMPAT_INLINE_DATA, 0, "inline_data" },
    { EXT4_FEATURE_INCOMPAT_ENCRYPT, 0, "encrypt" },
    { EXT4_FEATURE_INCOMPAT_CASEFOLD, 0, "casefold" },
    { EXT4_FEATURE_INCOMPAT_MMP, 0, "mmp" },
    { 0, EXT4_FEATURE_RO_COMPAT_BIGALLOC, "bigalloc" },
    { 0, EXT4_FEATURE_RO_COMPAT_QUOTA, "quota" },
    { 0, EXT4_FEATURE_RO_COMPAT_PROJECT, "project" },
    { 0, EXT4_FEATURE_RO_COMPAT_VERITY, "verity" },
    { 0, EXT4_FEATURE_RO_COMPAT_SHARED_BLOCKS, "shared_blocks" },
    { 0, EXT4_FEATURE_RO_COMPAT_READONLY, "read-only" },
};

/* Whether it may be written; if not, `note` says why. */
static bool writable(const struct ext2_super_block *super, char *note, size_t size)
{
    for (size_t i = 0; i < sizeof(unwritten) / sizeof(unwritten[0]); i++) {
        if ((super->s_feature_incompat & unwritten[i].incompat) != 0 ||
            (super->s_feature_ro_compat & unwritten[i].ro_compat) != 0) {
            snprintf(note, size, "read only: the file system uses the feature '%s'", unwritten[i].name);
            return false;
        }
    }
    if ((super->s_feature_compat & ~(uint32_t)WRITE_COMPAT) != 0 ||
        (super->s_feature_ro_compat & ~(uint32_t)WRITE_RO_COMPAT) != 0) {
        snprintf(note, size, "read only: the file system uses features that are not known here");
        return false;
    }
    if (super->s_creator_os != EXT2_OS_LINUX || super->s_rev_level == EXT2_GOOD_OLD_REV) {
        snprintf(note, size, "read only: the file system is of the first revision, or not from Linux");
        return false;
    }
    return true;
}

/* Closed properly, by whoever had it last. */
static bool is_clean(const struct ext2_super_block *super)
{
    return (super->s_state & EXT2_VALID_FS) != 0 && (super->s_state & EXT2_ERROR_FS) == 0 &&
           (super->s_feature_incompat & EXT3_FEATURE_INCOMPAT_RECOVER) == 0 && super->s_last_orphan == 0 &&
           (super->s_feature_ro_compat & EXT4_FEATURE_RO_COMPAT_ORPHAN_PRESENT) == 0;
}

/* ---- Opening ---- */

/* libext2fs would print what it finds on standard error; it comes back as an error all the same. */
static void drop_message(const char *who, errcode_t code, const char *format, va_list arguments)
{
    (void)who;
    (void)code;
    (void)format;
    (void)arguments;
}

static enum coffer_status open_library(struct ext *ext, struct coffer_error *error)
{
    set_com_err_hook(drop_message);
    if (ext->volume_size < 4096) {
        return files_fail(error, COFFER_NOT_FOUND, 0, "no ext file system");
    }
    errcode_t code =
        ext2fs_open2("volume", NULL, EXT2_FLAG_64BITS | EXT2_FLAG_SKIP_MMP | EXT2_FLAG_SOFTSUPP_FEATURES, 0, 0,
                     ext_io_manager(ext), &ext->fs);
    if (code == EXT2_ET_BAD_MAGIC) {
        return files_fail(error, COFFER_NOT_FOUND, 0, "no ext file system");
    }
    if (code == EXT2_ET_UNSUPP_FEATURE || code == EXT2_ET_REV_TOO_HIGH || code == EXT2_ET_RO_UNSUPP_FEATURE) {
        return files_fail(error, COFFER_UNSUPPORTED, 0,
                          "the ext file system uses features that are not known here");
    }
    if (code != 0) {
        return files_fail_from(error, ext_error(code), "cannot open the ext file system");
    }
    const struct ext2_super_block *super = ext->fs->super;
    if ((super->s_feature_incompat & ~(uint32_t)READ_INCOMPAT) != 0) {
        return files_fail(error, COFFER_UNSUPPORTED, 0,
                          "the ext file system uses features that are not known here");
    }
    if (ext2fs_blocks_count(ext->fs->super) > ext->volume_size / ext->fs->blocksize) {
        return files_fail(error, COFFER_DAMAGED, EUCLEAN, "the ext file system is larger than the volume");
    }
    return COFFER_OK;
}

static int allocate_buffers(struct ext *ext)
{
    size_t size = ext->fs->blocksize;
    uint8_t *all = malloc((EXT_SCRATCH + 2) * size);
    if (all == NULL) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < EXT_SCRATCH; i++) {
        ext->scratch[i] = all + i * size;
    }
    ext->map_buffer = all + EXT_SCRATCH * size;
    return 0;
}

static const char *type_of(const struct ext2_super_block *super)
{
    uint32_t ext4 = EXT3_FEATURE_INCOMPAT_EXTENTS | EXT4_FEATURE_INCOMPAT_64BIT | EXT4_FEATURE_INCOMPAT_FLEX_BG;
    if ((super->s_feature_incompat & ext4) != 0) {
        return "ext4";
    }
    return (super->s_feature_compat & EXT3_FEATURE_COMPAT_HAS_JOURNAL) != 0 ? "ext3" : "ext2";
}

/* Blocks that only describe others, which statfs does not count. */
static uint64_t overhead(const struct ext *ext)
{
    ext2_filsys fs = ext->fs;
    if (fs->super->s_overhead_clusters != 0) {
        return (uint64_t)fs->super->s_overhead_clusters << fs->cluster_ratio_bits;
    }
    uint64_t blocks = fs->super->s_first_data_block;
    for (dgrp_t group = 0; group < fs->group_desc_count; group++) {
        blocks += fs->inode_blocks_per_group + 2;
        if (ext2fs_bg_has_super(fs, group)) {
            blocks += 1 + fs->desc_blocks + fs->super->s_reserved_gdt_blocks;
        }
    }
    return blocks;
}

static enum coffer_status prepare_writing(struct ext *ext, struct coffer_error *error)
{
    if (!is_clean(ext->fs->super)) {
        return files_fail(error, COFFER_FAILED, EUCLEAN, "the file system was not closed properly");
    }
    int result = ext_journal_open(ext, &ext->journal);
    if (result == -EUCLEAN) {
        return files_fail(error, COFFER_FAILED, EUCLEAN, "the file system's journal is not empty or damaged");
    }
    if (result == -EOPNOTSUPP) {
        snprintf(ext->files.note, sizeof(ext->files.note), "read only: the journal is of a kind not written here");
        ext->files.read_only = true;
        return COFFER_OK;
    }
    ext->fs->flags |= EXT2_FLAG_RW;
    ext->super_written = *ext->fs->super;
    if (result == 0) {
        result = ext_alloc_init(ext);
    }
    if (result == 0 && getrandom(&ext->generation, sizeof(ext->generation), 0) < 0) {
        result = -errno;
    }
    if (result == 0) {
        result = ext_commit_start(ext);
    }
    return result < 0 ? files_fail_from(error, result, "cannot prepare the file system for writing") : COFFER_OK;
}

static enum coffer_status prepare(struct ext *ext, const struct files_options *options, struct coffer_error *error)
{
    struct coffer_info info = { .size = sizeof(info) };
    enum coffer_status status = coffer_volume_info(ext->volume, &info, error);
    if (status != COFFER_OK) {
        return status;
    }
    ext->volume_size = info.data_size;
    status = open_library(ext, error);
    if (status != COFFER_OK) {
        return status;
    }
    int result = allocate_buffers(ext);
    if (result < 0) {
        return files_fail_from(error, result, "cannot open the ext file system");
    }
    ext->files.type = type_of(ext->fs->super);
    ext->files.read_only = options->read_only || info.read_only ||
                           !writable(ext->fs->super, ext->files.note, sizeof(ext->files.note));
    ext->discard = options->discard;
    ext->overhead = overhead(ext);
    if (!ext->files.read_only) {
        return prepare_writing(ext, error);
    }
    if (ext2fs_has_feature_journal_needs_recovery(ext->fs->super)) {
        result = ext_journal_replay(ext);
        if (result < 0) {
            return files_fail_from(error, result, "cannot read the file system's journal");
        }
    }
    return COFFER_OK;
}

static void release(struct ext *ext)
{
    ext_commit_stop(ext);
    ext_journal_free(ext->journal);
    if (ext->fs != NULL) {
        ext_alloc_free(ext);
        ext2fs_free(ext->fs); /* not ext2fs_close, which would write */
    }
    ext_cache_free(ext);
    free(ext->scratch[0]);
    free(ext->orphans);
    for (size_t i = 0; i < EXT_LANES; i++) {
        lane_destroy(&ext->lanes[i]);
    }
    lane_destroy(&ext->transfers);
    pthread_mutex_destroy(&ext->lock);
    pthread_mutex_destroy(&ext->commit_mutex);
    pthread_mutex_destroy(&ext->failure_mutex);
    pthread_cond_destroy(&ext->wake);
    free(ext);
}

/* ---- Operations on the whole ---- */

static int ext_statfs(struct files *files, struct statvfs *out)
{
    struct ext *ext = (struct ext *)files;
    struct ext2_super_block *super = ext->fs->super;
    pthread_mutex_lock(&ext->lock);
    uint64_t free_blocks = ext2fs_free_blocks_count(super);
    uint64_t reserved = ext2fs_r_blocks_count(super);
    *out = (struct statvfs){
        .f_bsize = ext->fs->blocksize,
        .f_frsize = ext->fs->blocksize,
        .f_blocks = ext2fs_blocks_count(super) - ext->overhead,
        .f_bfree = free_blocks,
        .f_bavail = free_blocks > reserved ? free_blocks - reserved : 0,
        .f_files = super->s_inodes_count,
        .f_ffree = super->s_free_inodes_count,
        .f_favail = super->s_free_inodes_count,
        .f_namemax = EXT2_NAME_LEN,
    };
    pthread_mutex_unlock(&ext->lock);
    return 0;
}

static enum coffer_status ext_close(struct files *files, struct coffer_error *error)
{
    struct ext *ext = (struct ext *)files;
    int result = 0;
    if (!files->read_only) {
        result = ext_evict_all(ext);
        ext_commit_stop(ext);
        if (result == 0) {
            result = ext_commit_end(ext);
        }
    }
    struct coffer_error first = ext->first_failure;
    release(ext);
    if (first.status != COFFER_OK) {
        return files_fail(error, first.status, first.sys, "%s", first.text);
    }
    return result < 0 ? files_fail_from(error, result, "cannot close the file system") : COFFER_OK;
}

static const struct files_ops ext_ops = {
    .lookup = ext_lookup,
    .getattr = ext_getattr,
    .setattr = ext_setattr,
    .readlink = ext_readlink,
    .list = ext_list,
    .make = ext_make,
    .link = ext_link,
    .unlink = ext_unlink,
    .rmdir = ext_rmdir,
    .rename = ext_rename,
    .evict = ext_evict,
    .read = ext_read,
    .write = ext_write,
    .allocate = ext_allocate,
    .seek = ext_seek,
    .fsync = ext_fsync,
    .statfs = ext_statfs,
    .getxattr = ext_getxattr,
    .listxattr = ext_listxattr,
    .setxattr = ext_setxattr,
    .removexattr = ext_removexattr,
    .sync = ext_sync,
    .close = ext_close,
};

enum coffer_status files_open_ext(struct coffer_volume *volume, const struct files_options *options,
                                  struct files **files, struct coffer_error *error)
{
    struct ext *ext = calloc(1, sizeof(*ext));
    if (ext == NULL) {
        return files_fail(error, COFFER_NO_MEMORY, ENOMEM, "not enough memory");
    }
    ext->files = (struct files){ .ops = &ext_ops, .root = EXT2_ROOT_INO };
    ext->volume = volume;
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&ext->wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
    pthread_mutex_init(&ext->lock, NULL);
    pthread_mutex_init(&ext->commit_mutex, NULL);
    pthread_mutex_init(&ext->failure_mutex, NULL);
    lane_init(&ext->transfers);
    for (size_t i = 0; i < EXT_LANES; i++) {
        lane_init(&ext->lanes[i]);
    }
    enum coffer_status status = prepare(ext, options, error);
    if (status != COFFER_OK) {
        release(ext);
        return status;
    }
    *files = &ext->files;
    return COFFER_OK;
}
