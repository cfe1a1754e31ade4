/* SPDX-License-Identifier: ISC */
/*
 * ntfs_commit.c - how changes reach the medium. A commit writes all blocks that wait for it into the log, durably,
 * then each to its place, durably, and empties the log; only after that may contents go to where the state before it
 * had something. Operations are whole between nt_begin and nt_end, and commits happen in between.
 *
 * A commit that fails ends all writing: what is on the medium is then the last one that worked.
 */
#include "ntfs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define INTERVAL 5                 /* seconds between commits while something changes */
#define LARGEST  (16u << 20)       /* bytes of waiting blocks that make a commit due */
#define PIECE    ((size_t)1 << 20) /* bytes per write of neighbouring blocks */

/* ---- The volume ---- */

/* Remembers the first one for close. That contents are refused (a protected hidden volume lies there) is the
 * writer's to hear of, at once: closing loses nothing of them. */
static int note_failure(struct nt *nt, const struct coffer_error *error)
{
    const bool refused = error->status == COFFER_NOT_PERMITTED && nt->contents != NULL;
    if (nt->first_failure.status == COFFER_OK && !refused) {
        nt->first_failure = *error;
    }
    return error->status == COFFER_NO_MEMORY ? -ENOMEM : error->sys > 0 ? -error->sys : -EIO;
}

int nt_volume_read(struct nt *nt, void *data, size_t size, uint64_t offset)
{
    struct coffer_error error = COFFER_ERROR_INIT;
    if (coffer_volume_pread(nt->volume, data, size, offset, &error) == COFFER_OK) {
        return 0;
    }
    return error.status == COFFER_NO_MEMORY ? -ENOMEM
           : error.status == COFFER_INVALID ? -EUCLEAN /* beyond the volume */
           : error.sys > 0                  ? -error.sys
                                            : -EIO;
}

int nt_volume_write(struct nt *nt, const void *data, size_t size, uint64_t offset)
{
    struct coffer_error error = COFFER_ERROR_INIT;
    const enum coffer_status status = coffer_volume_pwrite(nt->volume, data, size, offset, &error);
    return status == COFFER_OK ? 0 : note_failure(nt, &error);
}

int nt_volume_flush(struct nt *nt)
{
    struct coffer_error error = COFFER_ERROR_INIT;
    return coffer_volume_flush(nt->volume, &error) == COFFER_OK ? 0 : note_failure(nt, &error);
}

/* ---- A commit ---- */

/* What the library keeps in memory of the files that describe the volume. */
static int write_library(struct nt *nt)
{
    ntfs_inode *const inodes[] = { nt->library->mft_ni, nt->library->mftmirr_ni, nt->library->lcnbmp_ni,
                                   nt->library->vol_ni, nt->library->secure_ni };
    for (size_t i = 0; i < sizeof(inodes) / sizeof(inodes[0]); i++) {
        if (inodes[i] != NULL && ntfs_inode_sync(inodes[i]) != 0) {
            return nt_error();
        }
    }
    return 0;
}

/* Neighbouring blocks go out in one write each run. */
static int write_in_place(struct nt *nt, struct nt_block *const *blocks, size_t count)
{
    __attribute__((cleanup(nt_free_buffer))) uint8_t *piece = malloc(PIECE);
    if (piece == NULL) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < count;) {
        const uint64_t first = blocks[i]->number;
        size_t size = 0;
        do {
            const size_t part = nt_store_size(nt, blocks[i]->number);
            memcpy(piece + size, blocks[i]->data, part);
            size += part;
            i++;
        } while (i < count && size + NT_BLOCK <= PIECE && blocks[i]->number == first + size / NT_BLOCK);
        int result = nt_volume_write(nt, piece, size, first * NT_BLOCK);
        if (result < 0) {
            return result;
        }
    }
    return nt_volume_flush(nt);
}

static void free_list(struct nt_block ***list)
{
    free(*list);
}

/* More than one transaction can hold is taken apart rather than refused; it needs an operation that changes
 * thousands of blocks at once, and then costs only that a crash may leave half of it. */
static int write_out(struct nt *nt)
{
    __attribute__((cleanup(free_list))) struct nt_block **blocks = nt_store_sorted(nt);
    if (blocks == NULL) {
        return -ENOMEM;
    }
    int result = 0;
    for (size_t i = 0; i < nt->store.count && result == 0;) {
        const size_t left = nt->store.count - i;
        const size_t part = left < nt->log.capacity ? left : nt->log.capacity;
        result = nt_log_write(nt, blocks + i, part);
        if (result == 0) {
            result = write_in_place(nt, blocks + i, part);
        }
        if (result == 0) {
            result = nt_log_settle(nt);
        }
        i += part;
    }
    return result;
}

/* Contents are durable too when this returns: they were written before, and a commit flushes. */
static int commit_or_flush(struct nt *nt, bool flushes)
{
    if (nt->failed) {
        return -EIO;
    }
    int result = write_library(nt);
    if (result == 0 && nt->store.count > 0) {
        result = write_out(nt);
    } else if (result == 0 && flushes) {
        result = nt_volume_flush(nt);
    }
    if (result < 0) {
        nt->failed = true;
        return result;
    }
    nt_store_empty(nt);
    nt_frozen_thaw(nt);
    return 0;
}

int nt_commit(struct nt *nt)
{
    return commit_or_flush(nt, false);
}

int nt_commit_replayed(struct nt *nt)
{
    __attribute__((cleanup(free_list))) struct nt_block **blocks = nt_store_sorted(nt);
    if (blocks == NULL) {
        return -ENOMEM;
    }
    int result = write_in_place(nt, blocks, nt->store.count);
    if (result == 0) {
        result = nt_log_settle(nt);
    }
    if (result == 0) {
        nt_store_empty(nt);
    }
    return result;
}

/* ---- Operations that change something ---- */

static int set_dirty(struct nt *nt, bool dirty)
{
    const le16 flags = nt->library->flags;
    const le16 wanted = dirty ? flags | VOLUME_IS_DIRTY : flags & (le16)~VOLUME_IS_DIRTY;
    return wanted == flags || ntfs_volume_write_flags(nt->library, wanted) == 0 ? 0 : nt_error();
}

/* Contents that go to freed clusters wait for a commit too: both together have to fit into one. */
static bool commit_due(const struct nt *nt)
{
    const uint64_t frozen = nt->frozen.count << nt->library->cluster_size_bits;
    return nt->store.count > nt->commit_limit || frozen > nt->commit_limit / 2 * NT_BLOCK;
}

/* Before the first change. */
static int mark_in_use(struct nt *nt)
{
    if (nt->log.state == NT_LOG_FOREIGN) { /* closed properly, or it would be read only */
        int result = nt_log_reset(nt);
        if (result < 0) {
            return result;
        }
    }
    nt->log.state = NT_LOG_OURS;
    int result = set_dirty(nt, true); /* a part of the first commit */
    nt->in_use = result == 0;
    return result;
}

int nt_begin(struct nt *nt)
{
    if (nt->files.read_only) {
        return -EROFS;
    }
    pthread_mutex_lock(&nt->lock);
    int result = nt->failed ? -EIO : 0;
    if (result == 0 && commit_due(nt)) {
        result = nt_commit(nt);
    }
    if (result == 0 && !nt->in_use) {
        result = mark_in_use(nt);
    }
    if (result < 0) {
        pthread_mutex_unlock(&nt->lock);
    }
    return result;
}

void nt_end(struct nt *nt)
{
    pthread_mutex_unlock(&nt->lock);
}

int nt_sync(struct files *files)
{
    struct nt *nt = (struct nt *)files;
    if (files->read_only) {
        return 0;
    }
    pthread_mutex_lock(&nt->lock);
    int result = commit_or_flush(nt, true);
    pthread_mutex_unlock(&nt->lock);
    return result;
}

int nt_fsync(struct files *files, uint64_t ino, bool data_only)
{
    (void)ino;
    (void)data_only;
    return nt_sync(files);
}

int nt_commit_end(struct nt *nt)
{
    int result = nt_commit(nt);
    if (result == 0) {
        result = set_dirty(nt, false);
    }
    if (result == 0) {
        result = nt_commit(nt);
    }
    return result == 0 ? nt_log_wipe(nt) : result;
}

/* ---- The thread that commits ---- */

static void *committer(void *argument)
{
    struct nt *nt = argument;
    pthread_mutex_lock(&nt->lock);
    while (!nt->stopping) {
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_sec += INTERVAL;
        while (!nt->stopping && pthread_cond_timedwait(&nt->wake, &nt->lock, &until) == 0) {
        }
        if (!nt->stopping && !nt->failed && nt->store.count > 0) {
            nt_commit(nt);
        }
    }
    pthread_mutex_unlock(&nt->lock);
    return NULL;
}

int nt_commit_start(struct nt *nt)
{
    const size_t half = nt->log.capacity / 2, most = LARGEST / NT_BLOCK;
    nt->commit_limit = half < most ? half : most;
    int result = -pthread_create(&nt->committer, NULL, committer, nt);
    nt->committer_runs = result == 0;
    return result;
}

void nt_commit_stop(struct nt *nt)
{
    if (!nt->committer_runs) {
        return;
    }
    pthread_mutex_lock(&nt->lock);
    nt->stopping = true;
    pthread_cond_signal(&nt->wake);
    pthread_mutex_unlock(&nt->lock);
    pthread_join(nt->committer, NULL);
    nt->committer_runs = false;
}
