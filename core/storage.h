/* SPDX-License-Identifier: ISC */
/*
 * storage.h - a backing store: bytes at offsets, without any cryptography.
 *
 * A table of functions, so that tests can put a store in between that fails, delays or forgets. read, write,
 * sync, discard and seek may be called from many threads at once. They return 0 or a negative errno; a
 * transfer is whole or failed (short at the end of the store: -EIO).
 */
#ifndef CORE_STORAGE_H
#define CORE_STORAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "coffer.h"

struct storage;

struct storage_ops {
    int (*read)(struct storage *storage, void *data, size_t size, uint64_t offset);
    int (*write)(struct storage *storage, const void *data, size_t size, uint64_t offset);
    int (*sync)(struct storage *storage);
    /* The range reads as zeros afterwards, and takes no space where the store can do that. */
    int (*discard)(struct storage *storage, uint64_t offset, uint64_t size);
    /* As lseek with SEEK_DATA or SEEK_HOLE; -ENXIO: no data from here on. */
    int (*seek)(struct storage *storage, uint64_t offset, bool hole, uint64_t *found);
    int (*resize)(struct storage *storage, uint64_t size);
    /* Every byte from `offset` on gets a place on the medium; -EOPNOTSUPP where that cannot be asked for. */
    int (*reserve)(struct storage *storage, uint64_t offset, uint64_t size);
    /* Keeps others from changing the header (or from reading it, unless the store is read-only here) while it is
     * read or changed; waits up to 20 s. -EAGAIN. */
    int (*hold_header)(struct storage *storage, bool hold);
    /* What is read next in this range comes from the medium: after a flush that failed, what the system remembers
     * of a write may never have got there. As far as the system does it. */
    void (*forget)(struct storage *storage, uint64_t offset, uint64_t size);
    /* Whether the kernel itself may use the device meanwhile (alone: false); other openings meet the lock as before. A
     * descriptor that shares that lock, to be closed, or a negative errno. NULL: there is no such thing. */
    int (*claim)(struct storage *storage, bool alone);
    /* Gives a new file its name; 0 where it has one. */
    int (*publish)(struct storage *storage);
    void (*close)(struct storage *storage);
};

struct storage {
    const struct storage_ops *ops;
    uint64_t size; /* bytes, when it was opened, resized, or its header was last held */
    bool read_only;
    bool is_device;
};

static inline int storage_read(struct storage *storage, void *data, size_t size, uint64_t offset)
{
    return storage->ops->read(storage, data, size, offset);
}

static inline int storage_write(struct storage *storage, const void *data, size_t size, uint64_t offset)
{
    return storage->ops->write(storage, data, size, offset);
}

static inline int storage_sync(struct storage *storage)
{
    return storage->ops->sync(storage);
}

static inline int storage_discard(struct storage *storage, uint64_t offset, uint64_t size)
{
    return storage->ops->discard(storage, offset, size);
}

static inline int storage_seek(struct storage *storage, uint64_t offset, bool hole, uint64_t *found)
{
    return storage->ops->seek(storage, offset, hole, found);
}

static inline void storage_forget(struct storage *storage, uint64_t offset, uint64_t size)
{
    if (storage->ops->forget != NULL) {
        storage->ops->forget(storage, offset, size);
    }
}

static inline void storage_close(struct storage *storage)
{
    if (storage != NULL) {
        storage->ops->close(storage);
    }
}

/* ---- storage_file.c ---- */

/* Whether a block device is there. */
bool storage_is_device(const char *path);

/* Who else may have the data: anyone; readers; nobody. */
enum storage_lock { STORAGE_UNLOCKED, STORAGE_SHARED, STORAGE_EXCLUSIVE };

/* Opens an existing file or block device. fd >= 0 is used, and taken over, instead of opening `path`. A lock that
 * the file system cannot give is noted, not an error. Errors: as coffer_volume_open. */
enum coffer_status storage_open(const char *path, int fd, bool read_only, enum storage_lock lock,
                                const struct coffer_callbacks *callbacks, struct storage **storage,
                                struct coffer_error *error);

/* A new file of `size` bytes without a name yet (storage_ops.publish), locked; replace: an existing file of
 * that name may be replaced then. Errors: as coffer_volume_create. */
enum coffer_status storage_create(const char *path, uint64_t size, bool replace,
                                  const struct coffer_callbacks *callbacks, struct storage **storage,
                                  struct coffer_error *error);

#endif
