/* SPDX-License-Identifier: ISC */
/*
 * grow.c - makes a volume larger (spec/volume.md, 9.4).
 *
 * The new tail is on the medium before the old one is wiped, and the old one is wiped before the front names the
 * new size: whatever is cut short, one copy is whole, and opening the volume again finishes what was begun.
 */
#include <errno.h>
#include <stdlib.h>

#include "error.h"
#include "fill.h"
#include "format_coffer.h"
#include "header_lock.h"
#include "scope.h"

static enum coffer_status check(const struct copies *copies, const struct header_fields *fields, uint64_t size,
                                struct coffer_error *error)
{
    if (copies->volume != 0) {
        return error_set(error, COFFER_INVALID, 0, "a hidden volume cannot grow");
    }
    enum coffer_status status = copies_check_own(copies, error);
    status = status != COFFER_OK ? status : copies_check_known(copies, error);
    if (status != COFFER_OK) {
        return status;
    }
    if (!copies->good[HEADER_FRONT] || !copies->good[HEADER_TAIL]) {
        return error_set(error, COFFER_DAMAGED, 0, "one header copy is damaged");
    }
    if (fields->data_offset + fields->data_size != fields->container_size - HEADER_END_SIZE) {
        return error_set(error, COFFER_UNSUPPORTED, 0, "its data area does not reach its end");
    }
    if (size % 4096 != 0 || size < fields->container_size || size - fields->container_size < HEADER_END_SIZE) {
        return error_set(error, COFFER_INVALID, 0, "it grows by at least 128 KiB, in units of 4 KiB");
    }
    if (size - HEADER_END_SIZE - fields->data_offset > HEADER_DATA_MAX) {
        return error_set(error, COFFER_INVALID, 0, "a volume has at most 256 TiB");
    }
    return COFFER_OK;
}

/* The store at its new size, and what lies between the old end and the new tail. Nothing of the volume changes. */
static enum coffer_status extend(struct copies *copies, const struct header_fields *fields, uint64_t size,
                                 const struct coffer_callbacks *callbacks, struct coffer_error *error)
{
    struct storage *storage = copies->storage;
    uint64_t start = fields->container_size, tail = size - HEADER_END_SIZE;
    bool holes = (fields->incompat & HEADER_INCOMPAT_HOLES) != 0;
    int result = size > storage->size ? storage->ops->resize(storage, size) : 0;
    if (result == 0 && holes && tail > start) {
        result = storage_discard(storage, start, tail - start);
    } else if (result == 0 && !holes) {
        result = storage->ops->reserve(storage, start, size - start);
        result = result == -EOPNOTSUPP ? 0 : result;
    }
    if (result != 0) {
        return error_set_system(error, -result, "cannot make it that large");
    }
    return (fields->compat & HEADER_COMPAT_FILLED) != 0 ? fill_with_sectors(storage, start, tail, callbacks, error)
                                                        : COFFER_OK;
}

/* The 128 KiB around the new tail header: noise, and the block that may be a hidden volume's. */
static enum coffer_status write_surroundings(struct copies *copies, uint64_t size, struct coffer_error *error)
{
    uint8_t other[HEADER_BLOCK_SIZE];
    uint64_t tail = size - HEADER_END_SIZE;
    int result =
        storage_read(copies->storage, other, sizeof(other), copies->offset[HEADER_TAIL] + HEADER_VOLUME_STRIDE);
    if (result != 0) {
        return error_set_system(error, -result, "cannot read the header");
    }
    enum coffer_status status = fill_with_noise(copies->storage, tail, copies->storage->size, error);
    if (status != COFFER_OK) {
        return status;
    }
    result = storage_write(copies->storage, other, sizeof(other), tail + HEADER_VOLUME_STRIDE);
    result = result != 0 ? result : storage_sync(copies->storage);
    return result == 0 ? COFFER_OK : error_set_system(error, -result, "cannot write the header");
}

static enum coffer_status move_header(struct copies *copies, struct header_fields *fields, uint64_t size,
                                      struct coffer_error *error)
{
    enum coffer_status status = COFFER_OK;
    fields->container_size = size;
    fields->data_size = size - HEADER_END_SIZE - fields->data_offset;
    header_put_fields(&copies->body, fields);
    copies->old_tail = copies->offset[HEADER_TAIL];
    copies->offset[HEADER_TAIL] = size - HEADER_END_SIZE;
    int result = copies_write_block(copies, HEADER_TAIL);
    if (result == 0) {
        status = copies_finish_growth(copies, error);
    }
    if (result == 0 && status == COFFER_OK) {
        result = copies_write_block(copies, HEADER_FRONT);
    }
    return result == 0 ? status : error_set_system(error, -result, "cannot write the header");
}

static enum coffer_status grow(struct storage *storage, const struct coffer_credential *credential,
                               const struct coffer_open_options *options, uint64_t size,
                               struct coffer_error *error)
{
    struct header_fields fields;
    struct unlock_image *image __attribute__((cleanup(free_image))) = unlock_read(storage);
    struct copies *copies __attribute__((cleanup(free_copies))) = copies_new();
    if (image == NULL || copies == NULL) {
        return error_set_no_memory(error);
    }
    enum coffer_status status = format_coffer_unlock(image, credential, options, copies, error);
    if (status != COFFER_OK) {
        return status;
    }
    header_get_fields(&copies->body, &fields);
    size = size == 0 ? storage->size & ~4095ull : size;
    status = check(copies, &fields, size, error);
    status = status != COFFER_OK ? status : copies_count_up(&fields, error);
    if (status == COFFER_OK && (storage->is_device || storage->size > size) &&
        size != (storage->size & ~4095ull)) {
        return error_set(error, COFFER_INVALID, 0, "it would not fill its file or device");
    }
    uint64_t before = storage->size;
    if (status == COFFER_OK) {
        status = extend(copies, &fields, size, &options->callbacks, error);
        if (status == COFFER_OK) {
            status = write_surroundings(copies, size, error);
        }
        if (status != COFFER_OK) { /* the header has not changed: it can be as large as it was */
            (void)storage->ops->resize(storage, before);
        }
    }
    return status == COFFER_OK ? move_header(copies, &fields, size, error) : status;
}

enum coffer_status coffer_volume_grow(const char *path, const struct coffer_credential *credential,
                                      const struct coffer_open_options *options, uint64_t size,
                                      struct coffer_error *error)
{
    struct storage *storage __attribute__((cleanup(close_storage))) = NULL;
    enum coffer_status status =
        storage_open(path, -1, false, STORAGE_EXCLUSIVE, &options->callbacks, &storage, error);
    status = status == COFFER_OK ? header_lock(storage, error) : status;
    return status == COFFER_OK ? grow(storage, credential, options, size, error) : status;
}
