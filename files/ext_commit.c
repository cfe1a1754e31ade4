/* SPDX-License-Identifier: ISC */
/*
 * ext_commit.c - how changes reach the medium. A commit takes its picture of all dirty blocks while nothing
 * else runs, then writes it with the locks open: into the journal, durably, and then each block to its place.
 * Without a journal the blocks go straight to their places and the file system stays marked as not clean.
 *
 * A commit that fails ends all writing: what is on the medium is then the last one that worked.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ext.h"

#define INTERVAL     5                 /* seconds between commits while something changes */
#define LARGEST      (32u << 20)       /* bytes of dirty blocks that make a commit due */
#define PIECE        ((size_t)1 << 20) /* bytes per write of neighbouring blocks */
#define SUPER_OFFSET 1024
#define SUPER_SIZE   1024

int ext_volume_error(const struct coffer_error *error)
{
    if (error->status == COFFER_NO_MEMORY) {
        return -ENOMEM;
    }
    if (error->status == COFFER_INVALID) {
        return -EUCLEAN; /* a block number beyond the volume */
    }
    return error->sys > 0 ? -error->sys : -EIO;
}

void ext_note_failure(struct ext *ext, const struct coffer_error *error)
{
    pthread_mutex_lock(&ext->failure_mutex);
    if (ext->first_failure.status == COFFER_OK) {
        ext->first_failure = *error;
    }
    pthread_mutex_unlock(&ext->failure_mutex);
}

/* ---- Writing what a commit has taken ---- */

/* Into the cache, and scratch 0. */
static int put_super(struct ext *ext)
{
    ext2_filsys fs = ext->fs;
    uint8_t *block = ext->scratch[0];
    uint64_t number = SUPER_OFFSET / fs->blocksize;
    int result = ext_cache_read(ext, number, block, NULL);
    if (result < 0) {
        return result;
    }
    fs->super->s_wtime = (uint32_t)time(NULL);
    fs->super->s_block_group_nr = 0;
    result = ext_error(ext2fs_superblock_csum_set(fs, fs->super));
    if (result < 0) {
        return result;
    }
    memcpy(block + SUPER_OFFSET % fs->blocksize, fs->super, SUPER_SIZE);
    ext->super_written = *fs->super;
    return ext_cache_write(ext, number, block);
}

/* Neighbouring blocks go out in one write each run. */
static int write_in_place(struct ext *ext, const struct ext_image *images, size_t count)
{
    size_t size = ext->fs->blocksize;
    __attribute__((cleanup(ext_free_buffer))) uint8_t *piece = malloc(PIECE);
    if (piece == NULL) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < count;) {
        size_t run = 0;
        do {
            memcpy(piece + run * size, images[i + run].data, size);
            run++;
        } while (i + run < count && (run + 1) * size <= PIECE && images[i + run].number == images[i].number + run);
        struct coffer_error error = COFFER_ERROR_INIT;
        if (coffer_volume_pwrite(ext->volume, piece, run * size, images[i].number * size, &error) != COFFER_OK) {
            ext_note_failure(ext, &error);
            return ext_volume_error(&error);
        }
        i += run;
    }
    return 0;
}

int ext_flush(struct ext *ext)
{
    struct coffer_error error = COFFER_ERROR_INIT;
    if (coffer_volume_flush(ext->volume, &error) == COFFER_OK) {
        return 0;
    }
    ext_note_failure(ext, &error);
    return ext_volume_error(&error);
}

static int write_out(struct ext *ext, const struct ext_image *images, size_t count)
{
    if (ext->journal != NULL) {
        /* More than one transaction can hold is taken apart rather than refused; it needs an operation that
         * changes thousands of blocks at once, and then costs only that recovery may see half of it. */
        size_t most = ext_journal_capacity(ext->journal);
        for (size_t i = 0; i < count; i += most) {
            size_t part = count - i < most ? count - i : most;
            int result = ext_journal_write(ext, ext->journal, images + i, part);
            if (result == 0) {
                result = write_in_place(ext, images + i, part);
            }
            if (result < 0) {
                return result;
            }
        }
        return 0;
    }
    int result = ext_flush(ext); /* contents before what points to them */
    if (result == 0) {
        result = write_in_place(ext, images, count);
    }
    return result == 0 ? ext_flush(ext) : result;
}

/* ---- A commit ---- */

/* The counts in it are sums that anyone can find again. It is worth writing for the rest alone: whoever tears it
 * in two has made the file system unreadable without its spare copies. */
static bool super_changed(const struct ext *ext)
{
    const struct ext2_super_block *old = &ext->super_written;
    const struct ext2_super_block *new = ext->fs->super;
    return old->s_last_orphan != new->s_last_orphan || old->s_feature_compat != new->s_feature_compat ||
           old->s_feature_incompat != new->s_feature_incompat ||
           old->s_feature_ro_compat != new->s_feature_ro_compat;
}

static bool something_to_commit(const struct ext *ext)
{
    return super_changed(ext) || ext->cache.dirty.count > 0 || ext_alloc_dirty(ext) > 0;
}

static int take(struct ext *ext, struct ext_image **images, size_t *count)
{
    int result = ext_alloc_stage(ext);
    if (result == 0 && super_changed(ext)) {
        result = put_super(ext);
    }
    return result == 0 ? ext_cache_take(ext, images, count) : result;
}

/* Called with commit_mutex held. *did tells whether there was anything to do. */
static int commit(struct ext *ext, bool *did)
{
    *did = false;
    lane_enter(&ext->transfers, LANE_ALONE);
    pthread_mutex_lock(&ext->lock);
    int result = ext->failed ? -EIO : 0;
    struct ext_image *images = NULL;
    size_t count = 0;
    if (result == 0 && something_to_commit(ext)) {
        *did = true;
        result = take(ext, &images, &count);
        ext->failed = result < 0;
    }
    pthread_mutex_unlock(&ext->lock);
    lane_leave(&ext->transfers);
    if (!*did || result < 0) {
        return result;
    }
    result = write_out(ext, images, count);
    if (result == 0) {
        ext_alloc_discard(ext);
    }
    pthread_mutex_lock(&ext->lock);
    ext_cache_give_back(ext, images, count);
    if (result == 0) {
        ext_alloc_settle(ext);
    } else {
        ext->failed = true;
    }
    pthread_mutex_unlock(&ext->lock);
    return result;
}

int ext_commit(struct ext *ext)
{
    bool did;
    pthread_mutex_lock(&ext->commit_mutex);
    int result = commit(ext, &did);
    pthread_mutex_unlock(&ext->commit_mutex);
    return result;
}

int ext_flush_all(struct ext *ext)
{
    if (ext->files.read_only) {
        return 0;
    }
    bool did;
    pthread_mutex_lock(&ext->commit_mutex);
    int result = commit(ext, &did);
    if (result == 0 && !did) {
        result = ext_flush(ext);
    }
    pthread_mutex_unlock(&ext->commit_mutex);
    return result;
}

/* ---- In use, and closed ---- */

/* The superblock goes to its place at once: it says what the rest is worth. */
static int write_super_now(struct ext *ext)
{
    int result = put_super(ext);
    if (result == 0) {
        struct ext_image image = { SUPER_OFFSET / ext->fs->blocksize, ext->scratch[0] };
        result = write_in_place(ext, &image, 1);
    }
    return result == 0 ? ext_flush(ext) : result;
}

/* Before the first change: from here on a crash is noticed. Nothing is written to what is only read. */
static int mark_in_use(struct ext *ext)
{
    struct ext2_super_block *super = ext->fs->super;
    if (ext->journal != NULL) {
        ext2fs_set_feature_journal_needs_recovery(super);
    } else {
        super->s_state &= (uint16_t)~EXT2_VALID_FS;
    }
    super->s_mtime = (uint32_t)time(NULL);
    super->s_mnt_count++;
    int result = write_super_now(ext);
    ext->in_use = result == 0;
    ext->failed = result < 0;
    return result;
}

int ext_commit_end(struct ext *ext)
{
    if (!ext->in_use) {
        return 0;
    }
    int result = ext_commit(ext);
    if (result == 0) {
        result = ext_flush(ext); /* everything is in its place */
    }
    if (result == 0 && ext->journal != NULL) {
        result = ext_journal_clear(ext, ext->journal);
        result = result == 0 ? ext_flush(ext) : result;
    }
    if (result < 0) {
        return result;
    }
    if (ext->journal != NULL) {
        ext2fs_clear_feature_journal_needs_recovery(ext->fs->super);
    } else {
        ext->fs->super->s_state |= EXT2_VALID_FS;
    }
    pthread_mutex_lock(&ext->lock);
    result = write_super_now(ext);
    pthread_mutex_unlock(&ext->lock);
    return result;
}

/* ---- Operations that change something ---- */

static bool commit_due(const struct ext *ext)
{
    size_t dirty = ext->cache.dirty.count + ext_alloc_dirty(ext);
    return dirty > ext->commit_limit || ext_alloc_frozen(ext);
}

int ext_begin(struct ext *ext)
{
    if (ext->files.read_only) {
        return -EROFS;
    }
    pthread_mutex_lock(&ext->lock);
    while (!ext->failed && commit_due(ext)) {
        pthread_mutex_unlock(&ext->lock);
        int result = ext_commit(ext);
        if (result < 0) {
            return result;
        }
        pthread_mutex_lock(&ext->lock);
    }
    int result = ext->failed ? -EIO : ext->in_use ? 0 : mark_in_use(ext);
    if (result < 0) {
        pthread_mutex_unlock(&ext->lock);
    }
    return result;
}

void ext_end(struct ext *ext)
{
    pthread_mutex_unlock(&ext->lock);
}

/* ---- The thread that commits ---- */

static void *committer(void *argument)
{
    struct ext *ext = argument;
    pthread_mutex_lock(&ext->lock);
    while (!ext->stopping) {
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_sec += INTERVAL;
        while (!ext->stopping && pthread_cond_timedwait(&ext->wake, &ext->lock, &until) == 0) {
        }
        if (!ext->stopping && !ext->failed && something_to_commit(ext)) {
            pthread_mutex_unlock(&ext->lock);
            ext_commit(ext);
            pthread_mutex_lock(&ext->lock);
        }
    }
    pthread_mutex_unlock(&ext->lock);
    return NULL;
}

int ext_commit_start(struct ext *ext)
{
    size_t most = LARGEST / ext->fs->blocksize;
    if (ext->journal != NULL && ext_journal_capacity(ext->journal) / 2 < most) {
        most = ext_journal_capacity(ext->journal) / 2;
    }
    ext->commit_limit = most;
    int result = -pthread_create(&ext->committer, NULL, committer, ext);
    ext->committer_runs = result == 0;
    return result;
}

void ext_commit_stop(struct ext *ext)
{
    if (!ext->committer_runs) {
        return;
    }
    pthread_mutex_lock(&ext->lock);
    ext->stopping = true;
    pthread_cond_signal(&ext->wake);
    pthread_mutex_unlock(&ext->lock);
    pthread_join(ext->committer, NULL);
    ext->committer_runs = false;
}
