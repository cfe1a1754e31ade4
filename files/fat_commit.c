/* SPDX-License-Identifier: ISC */
/*
 * fat_commit.c - when changes reach the medium: when somebody asks, every few seconds, when there are many, and when
 * space is needed that the last changes have freed. A commit takes its picture while nothing else runs, and writes it
 * with the locks open.
 *
 * A commit that fails ends all writing: what is on the medium is then the last one that worked, or the beginning of
 * the next, which is as good.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fat.h"

#define INTERVAL   5          /* seconds between commits while something changes */
#define MOST_BYTES (8u << 20) /* of changed sectors that make a commit due */
#define MOST_MOVES 20000u
#define ZEROS      65536u

/* ---- The volume ---- */

static int failure(struct fat *fat, const struct coffer_error *error, bool note)
{
    pthread_mutex_lock(&fat->failure_mutex);
    if (note && fat->first_failure.status == COFFER_OK) {
        fat->first_failure = *error;
    }
    pthread_mutex_unlock(&fat->failure_mutex);
    if (error->status == COFFER_NO_MEMORY) {
        return -ENOMEM;
    }
    return error->sys > 0 ? -error->sys : -EIO;
}

int fat_pread(struct fat *fat, void *data, size_t size, uint64_t offset)
{
    struct coffer_error error = COFFER_ERROR_INIT;
    if (size == 0 || coffer_volume_pread(fat->volume, data, size, offset, &error) == COFFER_OK) {
        return 0;
    }
    return failure(fat, &error, false);
}

int fat_pwrite(struct fat *fat, const void *data, size_t size, uint64_t offset)
{
    struct coffer_error error = COFFER_ERROR_INIT;
    if (size == 0 || coffer_volume_pwrite(fat->volume, data, size, offset, &error) == COFFER_OK) {
        return 0;
    }
    return failure(fat, &error, true);
}

int fat_zero(struct fat *fat, uint64_t offset, uint64_t size)
{
    static const uint8_t zeros[ZEROS];
    int result = 0;
    while (size > 0 && result == 0) {
        size_t part = size < ZEROS ? (size_t)size : ZEROS;
        result = fat_pwrite(fat, zeros, part, offset);
        offset += part;
        size -= part;
    }
    return result;
}

int fat_flush(struct fat *fat)
{
    struct coffer_error error = COFFER_ERROR_INIT;
    if (coffer_volume_flush(fat->volume, &error) == COFFER_OK) {
        return 0;
    }
    return failure(fat, &error, true);
}

/* ---- A commit ---- */

/* Called with commit_mutex held. *did tells whether there was anything to do. */
static int commit(struct fat *fat, bool *did)
{
    struct fat_picture picture = { 0 };
    lane_enter(&fat->transfers, LANE_ALONE);
    pthread_mutex_lock(&fat->lock);
    int result = fat->failed ? -EIO : 0;
    *did = result == 0 && !fat_picture_is_empty(fat);
    if (*did) {
        fat->taken++;
        result = fat_picture_take(fat, &picture);
        fat->failed = result < 0;
    }
    pthread_mutex_unlock(&fat->lock);
    lane_leave(&fat->transfers);
    if (*did && result == 0) {
        result = fat_picture_write(fat, &picture);
        if (result == 0) {
            fat_space_discard(fat);
        }
        pthread_mutex_lock(&fat->lock);
        if (result == 0) {
            fat_picture_settle(fat);
            fat->done = fat->taken;
        } else {
            fat->failed = true;
        }
        pthread_mutex_unlock(&fat->lock);
    }
    fat_picture_free(&picture);
    return result;
}

static int commit_now(struct fat *fat)
{
    bool did;
    pthread_mutex_lock(&fat->commit_mutex);
    int result = commit(fat, &did);
    pthread_mutex_unlock(&fat->commit_mutex);
    return result;
}

int fat_sync(struct files *files)
{
    struct fat *fat = (struct fat *)files;
    if (files->read_only) {
        return 0;
    }
    bool did;
    pthread_mutex_lock(&fat->commit_mutex);
    int result = commit(fat, &did);
    if (result == 0 && !did) {
        result = fat_flush(fat);
    }
    pthread_mutex_unlock(&fat->commit_mutex);
    return result;
}

int fat_commit_end(struct fat *fat)
{
    if (!fat->in_use) {
        return 0;
    }
    int result = fat_sync(&fat->files);
    if (result == 0 && !fat_picture_is_empty(fat)) {
        result = fat_sync(&fat->files); /* without the brands of new names */
    }
    if (result == 0) {
        result = fat_flush(fat); /* the last step of a commit did not wait for the medium */
    }
    return result == 0 ? fat->codec->mark(fat, false) : result;
}

/* ---- Operations that change something ---- */

static bool is_due(const struct fat *fat, uint32_t clusters)
{
    const struct fat_space *space = &fat->space;
    return (fat->table.dirty_count + fat->bitmap.dirty_count + fat->dirty_dirs) * fat->geometry.sector >
               MOST_BYTES ||
           fat->moved.count > MOST_MOVES || (space->used != NULL && space->free < clusters && space->waiting > 0);
}

/* Before the first change: from here on a crash is noticed. Nothing is written to what is only read. */
static int mark_in_use(struct fat *fat)
{
    int result = fat->codec->mark(fat, true);
    fat->in_use = result == 0;
    fat->failed = result < 0;
    return result;
}

int fat_begin(struct fat *fat, uint32_t clusters)
{
    if (fat->files.read_only) {
        return -EROFS;
    }
    pthread_mutex_lock(&fat->lock);
    if (!fat->failed && is_due(fat, clusters)) {
        pthread_mutex_unlock(&fat->lock);
        int result = commit_now(fat);
        if (result < 0) {
            return result;
        }
        pthread_mutex_lock(&fat->lock);
    }
    int result = fat->failed ? -EIO : fat->in_use ? 0 : mark_in_use(fat);
    if (result < 0) {
        pthread_mutex_unlock(&fat->lock);
    }
    return result;
}

void fat_end(struct fat *fat)
{
    fat_dir_trim(fat);
    pthread_mutex_unlock(&fat->lock);
}

/* ---- The thread that commits ---- */

static void *committer(void *argument)
{
    struct fat *fat = argument;
    pthread_mutex_lock(&fat->lock);
    while (!fat->stopping) {
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_sec += INTERVAL;
        while (!fat->stopping && pthread_cond_timedwait(&fat->wake, &fat->lock, &until) == 0) {
        }
        if (!fat->stopping && !fat->failed && !fat_picture_is_empty(fat)) {
            pthread_mutex_unlock(&fat->lock);
            commit_now(fat);
            pthread_mutex_lock(&fat->lock);
        }
    }
    pthread_mutex_unlock(&fat->lock);
    return NULL;
}

int fat_commit_start(struct fat *fat)
{
    int result = -pthread_create(&fat->committer, NULL, committer, fat);
    fat->committer_runs = result == 0;
    return result;
}

void fat_commit_stop(struct fat *fat)
{
    if (!fat->committer_runs) {
        return;
    }
    pthread_mutex_lock(&fat->lock);
    fat->stopping = true;
    pthread_cond_signal(&fat->wake);
    pthread_mutex_unlock(&fat->lock);
    pthread_join(fat->committer, NULL);
    fat->committer_runs = false;
}
