/* SPDX-License-Identifier: ISC */
/*
 * fake_volume.c - see fake_volume.h. A write is remembered with what was there before and what it put there; a
 * cut goes back to before all of them and then applies some, sector by sector, in their order.
 */
#include "fake_volume.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SECTOR 512u
#define WHOLE  4096u /* the first bytes, which hold the superblock, are never torn: nothing could repair that */

struct pending {
    uint64_t offset;
    size_t size;
    uint8_t *before, *after;
};

struct coffer_volume {
    int fd;
    uint64_t size;
    bool remember;
    int failure;
    pthread_mutex_t lock;
    struct pending *pending;
    size_t pending_count, pending_room;
    uint64_t writes;
    uint64_t cut_at; /* 0: never */
    const char *cut_path;
    unsigned cut_seed;
    bool was_cut;
};

static void must(bool fine, const char *what)
{
    if (!fine) {
        perror(what);
        exit(1);
    }
}

static void *allocate(size_t size)
{
    void *memory = malloc(size > 0 ? size : 1);
    must(memory != NULL, "malloc");
    return memory;
}

struct coffer_volume *fake_volume_open(const char *image, bool remember)
{
    struct coffer_volume *volume = calloc(1, sizeof(*volume));
    must(volume != NULL, "calloc");
    volume->fd = open(image, O_RDWR | O_CLOEXEC);
    must(volume->fd >= 0, image);
    struct stat about;
    must(fstat(volume->fd, &about) == 0, image);
    volume->size = (uint64_t)about.st_size;
    volume->remember = remember;
    pthread_mutex_init(&volume->lock, NULL);
    return volume;
}

static void confirm(struct coffer_volume *volume)
{
    for (size_t i = 0; i < volume->pending_count; i++) {
        free(volume->pending[i].before);
        free(volume->pending[i].after);
    }
    volume->pending_count = 0;
}

void fake_volume_close(struct coffer_volume *volume)
{
    confirm(volume);
    free(volume->pending);
    close(volume->fd);
    pthread_mutex_destroy(&volume->lock);
    free(volume);
}

void fake_volume_fail(struct coffer_volume *volume, int sys)
{
    pthread_mutex_lock(&volume->lock);
    volume->failure = sys;
    pthread_mutex_unlock(&volume->lock);
}

uint64_t fake_volume_writes(struct coffer_volume *volume)
{
    pthread_mutex_lock(&volume->lock);
    uint64_t writes = volume->writes;
    pthread_mutex_unlock(&volume->lock);
    return writes;
}

static void copy_file(int from, int to)
{
    static uint8_t buffer[1 << 20];
    for (off_t at = 0; (at = lseek(from, at, SEEK_DATA)) >= 0;) {
        off_t end = lseek(from, at, SEEK_HOLE);
        while (at < end) {
            size_t part = end - at < (off_t)sizeof(buffer) ? (size_t)(end - at) : sizeof(buffer);
            must(pread(from, buffer, part, at) == (ssize_t)part && pwrite(to, buffer, part, at) == (ssize_t)part,
                 "copy");
            at += (off_t)part;
        }
    }
}

static void cut(struct coffer_volume *volume, const char *path, unsigned seed)
{
    unlink(path); /* one that is replaced in place would be flushed to the disk */
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    must(fd >= 0 && ftruncate(fd, (off_t)volume->size) == 0, path);
    copy_file(volume->fd, fd);
    for (size_t i = volume->pending_count; i > 0; i--) {
        const struct pending *write = &volume->pending[i - 1];
        must(pwrite(fd, write->before, write->size, (off_t)write->offset) == (ssize_t)write->size, path);
    }
    unsigned whole = (unsigned)rand_r(&seed) % 4; /* 0: none of them, 1: all, else half of the sectors */
    for (size_t i = 0; i < volume->pending_count && whole != 0; i++) {
        const struct pending *write = &volume->pending[i];
        size_t unit = write->offset < WHOLE ? WHOLE : SECTOR;
        for (size_t at = 0; at < write->size; at += unit) {
            size_t part = write->size - at < unit ? write->size - at : unit;
            if (whole == 1 || rand_r(&seed) % 2 == 0) {
                must(pwrite(fd, write->after + at, part, (off_t)(write->offset + at)) == (ssize_t)part, path);
            }
        }
    }
    close(fd);
}

void fake_volume_cut(struct coffer_volume *volume, const char *path, unsigned seed)
{
    pthread_mutex_lock(&volume->lock);
    cut(volume, path, seed);
    pthread_mutex_unlock(&volume->lock);
}

void fake_volume_cut_later(struct coffer_volume *volume, uint64_t after, const char *path, unsigned seed)
{
    pthread_mutex_lock(&volume->lock);
    volume->cut_at = volume->writes + after;
    volume->cut_path = path;
    volume->cut_seed = seed;
    volume->was_cut = false;
    pthread_mutex_unlock(&volume->lock);
}

bool fake_volume_was_cut(struct coffer_volume *volume)
{
    pthread_mutex_lock(&volume->lock);
    bool was_cut = volume->was_cut;
    pthread_mutex_unlock(&volume->lock);
    return was_cut;
}

/* Called with the lock held, before each write and flush. */
static void count_write(struct coffer_volume *volume)
{
    volume->writes++;
    if (volume->writes == volume->cut_at) {
        cut(volume, volume->cut_path, volume->cut_seed);
        volume->was_cut = true;
    }
}

/* ---- What libcoffer offers ---- */

static enum coffer_status fail(struct coffer_error *error, enum coffer_status status, int sys)
{
    if (error != NULL && error->status == COFFER_OK) {
        error->status = status;
        error->sys = sys;
        snprintf(error->text, sizeof(error->text), "fake volume: %s", strerror(sys));
    }
    return status;
}

static bool outside(const struct coffer_volume *volume, size_t size, uint64_t offset)
{
    return offset > volume->size || size > volume->size - offset;
}

enum coffer_status coffer_volume_pread(struct coffer_volume *volume, void *data, size_t size, uint64_t offset,
                                       struct coffer_error *error)
{
    if (outside(volume, size, offset)) {
        return fail(error, COFFER_INVALID, EINVAL);
    }
    return pread(volume->fd, data, size, (off_t)offset) == (ssize_t)size ? COFFER_OK
                                                                         : fail(error, COFFER_FAILED, EIO);
}

static void remember(struct coffer_volume *volume, const void *data, size_t size, uint64_t offset)
{
    if (volume->pending_count == volume->pending_room) {
        volume->pending_room = volume->pending_room * 2 + 64;
        volume->pending = realloc(volume->pending, volume->pending_room * sizeof(*volume->pending));
        must(volume->pending != NULL, "realloc");
    }
    struct pending *write = &volume->pending[volume->pending_count++];
    *write = (struct pending){ offset, size, allocate(size), allocate(size) };
    must(pread(volume->fd, write->before, size, (off_t)offset) == (ssize_t)size, "read");
    memcpy(write->after, data, size);
}

enum coffer_status coffer_volume_pwrite(struct coffer_volume *volume, const void *data, size_t size,
                                        uint64_t offset, struct coffer_error *error)
{
    if (outside(volume, size, offset)) {
        return fail(error, COFFER_INVALID, EINVAL);
    }
    pthread_mutex_lock(&volume->lock);
    int failure = volume->failure;
    count_write(volume);
    if (failure == 0) {
        if (volume->remember) {
            remember(volume, data, size, offset);
        }
        failure = pwrite(volume->fd, data, size, (off_t)offset) == (ssize_t)size ? 0 : EIO;
    }
    pthread_mutex_unlock(&volume->lock);
    return failure == 0 ? COFFER_OK : fail(error, COFFER_FAILED, failure);
}

enum coffer_status coffer_volume_flush(struct coffer_volume *volume, struct coffer_error *error)
{
    pthread_mutex_lock(&volume->lock);
    int failure = volume->failure;
    count_write(volume);
    if (failure == 0) {
        confirm(volume);
    }
    pthread_mutex_unlock(&volume->lock);
    return failure == 0 ? COFFER_OK : fail(error, COFFER_FAILED, failure);
}

enum coffer_status coffer_volume_discard(struct coffer_volume *volume, uint64_t offset, uint64_t size,
                                         struct coffer_error *error)
{
    static const uint8_t zeros[1 << 16];
    while (size > 0) {
        size_t part = size < sizeof(zeros) ? (size_t)size : sizeof(zeros);
        enum coffer_status status = coffer_volume_pwrite(volume, zeros, part, offset, error);
        if (status != COFFER_OK) {
            return status;
        }
        offset += part;
        size -= part;
    }
    return COFFER_OK;
}

enum coffer_status coffer_volume_info(struct coffer_volume *volume, struct coffer_info *info,
                                      struct coffer_error *error)
{
    (void)error;
    info->data_size = volume->size;
    info->sector_size = 4096;
    info->thin = true;
    return COFFER_OK;
}
