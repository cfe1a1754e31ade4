/* SPDX-License-Identifier: ISC */
/*
 * volume.c - reading, writing, flushing and discarding an open volume.
 *
 * Threads: any number at once. Every transfer holds its range in whole sectors, readers shared and writers
 * alone, so that nobody sees or overwrites half of a sector that someone else is changing: a torn sector does
 * not decrypt to a mixture of old and new, it decrypts to noise. Two transfers that do not overlap meet only
 * for the moment it takes to enter the queue.
 */
#include "volume.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "notice.h"

/* What is written there would reach the store in the clear, and no secret vouches for the metadata that say so. */
static bool is_partly_plain(const struct format_opened *opened)
{
    for (size_t i = 0; i < opened->segments; i++) {
        if (opened->segment[i].kind == SEGMENT_PLAIN) {
            return true;
        }
    }
    return false;
}

enum coffer_status volume_new(struct storage *storage, struct format_opened *opened, struct coffer_volume **volume,
                              struct coffer_error *error)
{
    struct coffer_volume *new = calloc(1, sizeof(*new));
    if (new == NULL) {
        storage_close(storage);
        return error_set_no_memory(error);
    }
    int result = workers_init(&new->workers, &opened->sectors);
    if (result != 0) {
        free(new);
        storage_close(storage);
        return error_set_system(error, -result, "cannot prepare the cipher");
    }
    new->sectors = crypto_secret_alloc(sizeof(*new->sectors));
    if (new->sectors == NULL) {
        workers_destroy(&new->workers);
        free(new);
        storage_close(storage);
        return error_set_no_memory(error);
    }
    *new->sectors = opened->sectors;
    new->storage = storage;
    new->data_size = opened->data_size;
    new->sector_size = opened->sector_size;
    new->thin = opened->thin;
    new->read_only = opened->read_only || storage->read_only || is_partly_plain(opened);
    if (opened->protected_start < opened->protected_end) { /* formats that have that have one segment */
        new->protected_start = opened->protected_start - opened->segment[0].storage_offset;
        new->protected_end = opened->protected_end - opened->segment[0].storage_offset;
    }
    new->segment = opened->segment;
    new->segments = opened->segments;
    opened->segment = NULL;
    opened->segments = opened->segments_room = 0;
    new->info = opened->info;
    new->info.read_only = new->read_only;
    new->info.backing_size = storage->size;
    new->info.is_device = storage->is_device;
    range_lock_init(&new->ranges);
    atomic_init(&new->refused, 0);
    atomic_init(&new->write_error, 0);
    atomic_init(&new->flush_error, 0);
    *volume = new;
    return COFFER_OK;
}

const struct segment *volume_segment_at(const struct coffer_volume *volume, uint64_t offset)
{
    size_t low = 0, high = volume->segments; /* it is one of those from `low` to before `high` */
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (volume->segment[middle].start <= offset) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return &volume->segment[low];
}

enum coffer_status coffer_volume_info(struct coffer_volume *volume, struct coffer_info *info,
                                      struct coffer_error *error)
{
    if (info->size != sizeof(*info)) {
        return error_set(error, COFFER_INVALID, EINVAL, "the information struct has an unknown size");
    }
    *info = volume->info;
    info->size = sizeof(*info);
    info->refused_writes = atomic_load(&volume->refused);
    return COFFER_OK;
}

/* ---- transfers ---- */

static enum coffer_status check_range(const struct coffer_volume *volume, uint64_t offset, uint64_t size,
                                      struct coffer_error *error)
{
    if (offset > volume->data_size || size > volume->data_size - offset) {
        return error_set(error, COFFER_INVALID, EINVAL, "beyond the end of the volume");
    }
    if (volume->sectors == NULL) {
        return error_set(error, COFFER_FAILED, EIO, "its key was left to the kernel");
    }
    return COFFER_OK;
}

/* What stands in the way of writing a range that lies inside the volume. */
static enum coffer_status check_writable(struct coffer_volume *volume, uint64_t offset, uint64_t size,
                                         struct coffer_error *error)
{
    if (volume->read_only) {
        return error_set(error, COFFER_NOT_PERMITTED, EROFS, "the volume is open for reading only");
    }
    uint64_t mask = volume->sector_size - 1; /* a whole sector would be written */
    if ((offset & ~mask) < volume->protected_end && ((offset + size + mask) & ~mask) > volume->protected_start) {
        if (atomic_fetch_add(&volume->refused, 1) == 0) {
            notice(&volume->callbacks, "a write into the hidden volume was refused");
        }
        return error_set(error, COFFER_NOT_PERMITTED, EPERM, "the hidden volume lies there");
    }
    return COFFER_OK;
}

static struct range range_of(const struct coffer_volume *volume, uint64_t offset, uint64_t size, bool exclusive)
{
    uint64_t mask = volume->sector_size - 1;
    return (struct range){
        .start = offset & ~mask,
        .end = (offset + size + mask) & ~mask,
        .exclusive = exclusive,
    };
}

enum coffer_status coffer_volume_pread(struct coffer_volume *volume, void *data, size_t size, uint64_t offset,
                                       struct coffer_error *error)
{
    enum coffer_status status = check_range(volume, offset, size, error);
    if (status != COFFER_OK || size == 0) {
        return status;
    }
    struct range range = range_of(volume, offset, size, false);
    struct worker *worker = workers_take(&volume->workers);
    range_lock_acquire(&volume->ranges, &range);
    int result = transfer_read(volume, worker, data, size, offset);
    range_lock_release(&volume->ranges, &range);
    workers_return(&volume->workers, worker);
    return result == 0 ? COFFER_OK : error_set_system(error, -result, "cannot read the volume");
}

/* The first failure is kept for coffer_volume_close. */
static enum coffer_status write_failed(struct coffer_volume *volume, int sys, struct coffer_error *error)
{
    int none = 0;
    (void)atomic_compare_exchange_strong(&volume->write_error, &none, sys);
    return error_set_system(error, sys, "cannot write the volume");
}

/* Writes, or makes zeros (data NULL), under the range lock. */
static enum coffer_status put(struct coffer_volume *volume, const void *data, size_t size, uint64_t offset,
                              struct coffer_error *error)
{
    struct range range = range_of(volume, offset, size, true);
    struct worker *worker = workers_take(&volume->workers);
    range_lock_acquire(&volume->ranges, &range);
    int result = transfer_write(volume, worker, data, size, offset);
    range_lock_release(&volume->ranges, &range);
    workers_return(&volume->workers, worker);
    return result == 0 ? COFFER_OK : write_failed(volume, -result, error);
}

enum coffer_status coffer_volume_pwrite(struct coffer_volume *volume, const void *data, size_t size,
                                        uint64_t offset, struct coffer_error *error)
{
    enum coffer_status status = check_range(volume, offset, size, error);
    if (status != COFFER_OK || size == 0) {
        return status;
    }
    status = check_writable(volume, offset, size, error);
    if (status != COFFER_OK) {
        return status;
    }
    return put(volume, data, size, offset, error);
}

enum coffer_status coffer_volume_flush(struct coffer_volume *volume, struct coffer_error *error)
{
    int failed = atomic_load(&volume->flush_error);
    if (failed == 0 && !volume->read_only) {
        failed = -storage_sync(volume->storage);
        if (failed != 0) {
            int none = 0;
            (void)atomic_compare_exchange_strong(&volume->flush_error, &none, failed);
        }
    }
    return failed == 0 ? COFFER_OK : error_set_system(error, failed, "cannot flush the volume");
}

/* ---- holes ---- */

/* Whole sectors inside one segment, under the range lock. */
static int punch(struct coffer_volume *volume, uint64_t offset, uint64_t size)
{
    const struct segment *segment = volume_segment_at(volume, offset);
    struct range range = range_of(volume, offset, size, true);
    range_lock_acquire(&volume->ranges, &range);
    int result = storage_discard(volume->storage, segment->storage_offset + (offset - segment->start), size);
    range_lock_release(&volume->ranges, &range);
    return result;
}

enum coffer_status coffer_volume_discard(struct coffer_volume *volume, uint64_t offset, uint64_t size,
                                         struct coffer_error *error)
{
    enum coffer_status status = check_range(volume, offset, size, error);
    if (status != COFFER_OK || size == 0) {
        return status;
    }
    status = check_writable(volume, offset, size, error);
    if (status != COFFER_OK) {
        return status;
    }
    if (!volume->thin) {
        return error_set(error, COFFER_UNSUPPORTED, EOPNOTSUPP, "a thick volume has no holes");
    }
    uint64_t mask = volume->sector_size - 1;
    uint64_t first = (offset + mask) & ~mask, end = offset + size, last = end & ~mask;
    if (first >= last) { /* less than a sector, or parts of two */
        return put(volume, NULL, (size_t)size, offset, error);
    }
    int result = punch(volume, first, last - first);
    if (result != 0) {
        return write_failed(volume, -result, error);
    }
    if (first > offset) {
        status = put(volume, NULL, (size_t)(first - offset), offset, error);
    }
    if (status == COFFER_OK && end > last) {
        status = put(volume, NULL, (size_t)(end - last), last, error);
    }
    return status;
}

/* Where the map has no place in the store; a thick volume has no other holes. */
static enum coffer_status seek_in_map(const struct coffer_volume *volume, uint64_t offset, bool hole,
                                      uint64_t *found, struct coffer_error *error)
{
    const struct segment *segment = volume_segment_at(volume, offset);
    const struct segment *end = volume->segment + volume->segments;
    while (segment < end && (segment->kind == SEGMENT_ZERO) != hole) {
        segment++;
    }
    if (segment == end && !hole) {
        return error_set(error, COFFER_FAILED, ENXIO, "no data from here on");
    }
    uint64_t at = segment < end ? segment->start : volume->data_size;
    *found = at > offset ? at : offset;
    return COFFER_OK;
}

enum coffer_status coffer_volume_seek(struct coffer_volume *volume, uint64_t offset, bool hole, uint64_t *found,
                                      struct coffer_error *error)
{
    if (offset >= volume->data_size) {
        return error_set(error, COFFER_FAILED, ENXIO, "beyond the end of the volume");
    }
    const struct segment *segment = &volume->segment[0]; /* a thin volume has one */
    uint64_t mask = volume->sector_size - 1, at;
    if (!volume->thin) {
        return seek_in_map(volume, offset, hole, found, error);
    }
    /* From the start of its sector, for a sector is a hole or data as a whole. */
    int result = storage_seek(volume->storage, segment->storage_offset + (offset & ~mask), hole, &at);
    if (result == -ENXIO || (result == 0 && at - segment->storage_offset >= volume->data_size)) {
        if (!hole) {
            return error_set(error, COFFER_FAILED, ENXIO, "no data from here on");
        }
        *found = volume->data_size;
        return COFFER_OK;
    }
    if (result != 0) {
        return error_set_system(error, -result, "cannot look for holes");
    }
    at -= segment->storage_offset;
    at = hole ? (at + mask) & ~mask : at & ~mask; /* a sector that is partly there is data */
    *found = at > offset ? at : offset;
    return COFFER_OK;
}

/* ---- closing ---- */

void coffer_volume_forget_key(struct coffer_volume *volume)
{
    if (volume->sectors != NULL) {
        workers_destroy(&volume->workers);
        crypto_secret_free(volume->sectors);
        volume->sectors = NULL;
    }
}

enum coffer_status coffer_volume_close(struct coffer_volume *volume, struct coffer_error *error)
{
    if (volume == NULL) {
        return COFFER_OK;
    }
    enum coffer_status status = coffer_volume_flush(volume, error);
    int failed = atomic_load(&volume->write_error);
    if (status == COFFER_OK && failed != 0) {
        status = error_set_system(error, failed, "a write did not reach the medium");
    }
    coffer_volume_forget_key(volume);
    range_lock_destroy(&volume->ranges);
    storage_close(volume->storage);
    free(volume->segment);
    free(volume);
    return status;
}
