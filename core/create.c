/* SPDX-License-Identifier: ISC */
/*
 * create.c - makes a volume of our own format.
 *
 * Order on the medium: noise over both ends (and, where asked for, the data area), then the tail header, a flush,
 * and the front header, a flush: whatever is cut short on the way has no magic in front yet.
 */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "copies.h"
#include "error.h"
#include "fill.h"
#include "format_coffer.h"
#include "header_lock.h"
#include "luks2_create.h"
#include "new_header.h"
#include "scope.h"
#include "volume.h"

/* ---- options ---- */

/* Length of a NUL-padded field's text; false when it does not fit. */
static bool fits(const char *text, size_t size)
{
    return text == NULL || strlen(text) <= size;
}

static enum coffer_status check_options(const struct coffer_create_options *options,
                                        const struct coffer_credential *credential, struct coffer_error *error)
{
    if (options->size != sizeof(*options)) {
        return error_set(error, COFFER_INVALID, EINVAL, "the options have an unknown size");
    }
    if (options->format != NULL && strcmp(options->format, FORMAT_COFFER.name) != 0) {
        return error_set(error, COFFER_INVALID, 0, "only coffer and luks2 volumes can be made");
    }
    if (credential_kind(credential) == CREDENTIAL_EMPTY) {
        return error_set(error, COFFER_INVALID, 0, "neither a passphrase nor a key file was given");
    }
    if (options->second_secret != NULL && credential_kind(options->second_secret) == CREDENTIAL_EMPTY) {
        return error_set(error, COFFER_INVALID, 0, "the second secret is empty");
    }
    if (options->sector_size != 0 && options->sector_size != 512 && options->sector_size != 4096) {
        return error_set(error, COFFER_INVALID, 0, "a sector has 512 or 4096 bytes");
    }
    if (options->unmarked && options->thin) {
        return error_set(error, COFFER_INVALID, 0, "an unmarked volume cannot be thin");
    }
    if (options->unmarked && (options->label != NULL || options->kdf_memory != 0 || options->kdf_passes != 0)) {
        return error_set(error, COFFER_INVALID, 0,
                         "an unmarked volume has neither a label nor a cost of its own, only a level");
    }
    if (!options->unmarked && options->kdf_level != -1) {
        return error_set(error, COFFER_INVALID, 0, "only an unmarked volume has a KDF level");
    }
    if (options->kdf_level < -1 || options->kdf_level >= FORMAT_COFFER_LEVELS) {
        return error_set(error, COFFER_INVALID, 0, "a KDF level is 0 to %d", FORMAT_COFFER_LEVELS - 1);
    }
    if (options->fill && options->thin) {
        return error_set(error, COFFER_INVALID, 0, "a volume that is filled cannot be thin");
    }
    if (!fits(options->label, HEADER_LABEL_SIZE) || !fits(options->slot_name, HEADER_NAME_SIZE)) {
        return error_set(error, COFFER_INVALID, 0, "a label has at most %u bytes, the name of a key slot %u",
                         HEADER_LABEL_SIZE, HEADER_NAME_SIZE);
    }
    return COFFER_OK;
}

/* ---- medium ---- */

/* Space for all of it, or an error now and not when the last file is copied in. */
static enum coffer_status reserve(struct storage *storage, const struct coffer_create_options *options,
                                  uint64_t size, struct coffer_error *error)
{
    bool fill = options->fill || options->unmarked;
    int result = storage->ops->reserve(storage, 0, storage->size);
    if (result != 0 && result != -EOPNOTSUPP) {
        return error_set_system(error, -result, "cannot get the space for it");
    }
    if (!fill && result == 0) {
        return COFFER_OK;
    }
    return fill_with_sectors(storage, HEADER_DATA_OFFSET, size - HEADER_END_SIZE, &options->callbacks, error);
}

static enum coffer_status write_volume(struct copies *copies, const struct coffer_create_options *options,
                                       uint64_t size, struct coffer_error *error)
{
    struct storage *storage = copies->storage;
    enum coffer_status status = COFFER_OK;
    if (storage->is_device && options->thin) {
        status = fill_check_zero(storage, HEADER_DATA_OFFSET, size - HEADER_END_SIZE, &options->callbacks, error);
    }
    if (status == COFFER_OK) {
        status = fill_with_noise(storage, 0, HEADER_DATA_OFFSET, error);
    }
    if (status == COFFER_OK) {
        status = fill_with_noise(storage, size - HEADER_END_SIZE, size, error);
    }
    if (status == COFFER_OK && !options->thin) {
        status = reserve(storage, options, size, error);
    }
    if (status == COFFER_OK && size < storage->size) {
        /* The last bytes, which are no whole unit; on a larger device the tail of a former volume, which would
         * be found at its end and heal itself over the new front. */
        uint64_t end = (storage->size & ~4095ull) - HEADER_END_SIZE;
        status = fill_with_noise(storage, end > size ? end : size, storage->size, error);
    }
    if (status != COFFER_OK) {
        return status;
    }
    int result = storage_sync(storage);
    return result == 0 ? new_header_write(copies, error)
                       : error_set_system(error, -result, "cannot write the volume");
}

static struct header_fields fields_of(const struct coffer_create_options *options, uint64_t size)
{
    return (struct header_fields){
        .incompat =
            (options->thin ? HEADER_INCOMPAT_HOLES : 0) | (options->unfinished ? HEADER_INCOMPAT_UNFINISHED : 0),
        .compat = options->fill || options->unmarked ? HEADER_COMPAT_FILLED : 0,
        .seq = 1,
        .created = options->withhold_time ? 0 : (uint64_t)time(NULL),
        .container_size = size,
        .data_offset = HEADER_DATA_OFFSET,
        .data_size = size - HEADER_END_SIZE - HEADER_DATA_OFFSET,
        .sector_shift = options->sector_size == 512 ? 9 : 12,
        .cipher = 1,
    };
}

/* ---- the whole ---- */

static enum coffer_status open_store(const char *path, const struct coffer_create_options *options,
                                     struct storage **storage, uint64_t *size, struct coffer_error *error)
{
    *size = options->container_size;
    if (storage_is_device(path)) {
        enum coffer_status opened =
            storage_open(path, -1, false, STORAGE_EXCLUSIVE, &options->callbacks, storage, error);
        if (opened != COFFER_OK) {
            return opened;
        }
        uint64_t whole = (*storage)->size & ~4095ull;
        *size = *size == 0 || options->unmarked || options->fill ? whole : *size;
        if (*size > whole) {
            storage_close(*storage);
            return error_set(error, COFFER_INVALID, ENOSPC, "the device is smaller than that");
        }
        return COFFER_OK;
    }
    return storage_create(path, *size, options->replace, &options->callbacks, storage, error);
}

static enum coffer_status check_size(uint64_t size, struct coffer_error *error)
{
    const uint64_t least = HEADER_DATA_OFFSET + HEADER_DATA_MIN + HEADER_END_SIZE;
    if (size % 4096 != 0) {
        return error_set(error, COFFER_INVALID, 0, "the size must be a multiple of 4096 bytes");
    }
    if (size < least) {
        return error_set(error, COFFER_INVALID, 0, "a volume has at least %llu bytes", (unsigned long long)least);
    }
    if (size - HEADER_END_SIZE - HEADER_DATA_OFFSET > HEADER_DATA_MAX) {
        return error_set(error, COFFER_INVALID, 0, "a volume has at most 256 TiB");
    }
    return COFFER_OK;
}

/* What anybody will read in it: the same as from the finished volume. */
static void describe_public_part(const struct copies *copies, struct coffer_info *info)
{
    struct header_preamble preamble;
    if (!copies->marked ||
        header_read_preamble(copies->block[HEADER_FRONT], HEADER_FRONT, &preamble) != HEADER_USABLE) {
        return;
    }
    info->front_ok = info->tail_ok = true;
    info->front_slots_ok = info->tail_slots_ok = true;
    memcpy(info->uuid, preamble.uuid, sizeof(info->uuid));
    memcpy(info->label, preamble.label, sizeof(preamble.label));
}

enum coffer_status coffer_volume_create(const char *path, const struct coffer_credential *credential,
                                        const struct coffer_create_options *options, struct coffer_volume **volume,
                                        struct coffer_error *error)
{
    if (options->format != NULL && strcmp(options->format, "luks2") == 0) {
        return luks2_create(path, credential, options, volume, error);
    }
    struct copies *copies __attribute__((cleanup(free_copies))) = copies_new();
    struct format_opened *opened __attribute__((cleanup(free_opened))) = format_opened_new();
    struct storage *storage = NULL;
    uint64_t size = 0;
    if (copies == NULL || opened == NULL) {
        return error_set_no_memory(error);
    }
    enum coffer_status status = check_options(options, credential, error);
    if (status == COFFER_OK) {
        status = new_header_settle_cost(copies, options, credential, error);
    }
    if (status == COFFER_OK && options->container_size != 0) {
        status = check_size(options->container_size, error);
    }
    if (status == COFFER_OK) {
        status = open_store(path, options, &storage, &size, error);
    }
    if (status != COFFER_OK) {
        return status;
    }
    copies->storage = storage;
    copies->marked = !options->unmarked;
    copies->offset[HEADER_TAIL] = size - HEADER_END_SIZE;
    /* Whoever changes keys of what is on a device now would write them over the new header. */
    status = header_lock(storage, error);
    status = status == COFFER_OK ? check_size(size, error) : status;
    if (status == COFFER_OK) {
        struct header_fields fields = fields_of(options, size);
        status = new_header_fill(copies, &fields, credential, options->label, options->slot_name, error);
    }
    if (status == COFFER_OK && options->second_secret != NULL) {
        status = new_header_add(copies, options->second_secret, error);
    }
    if (status == COFFER_OK) {
        status = write_volume(copies, options, size, error);
    }
    header_unlock(storage);
    if (status != COFFER_OK) {
        storage_close(storage);
        return status;
    }
    format_coffer_describe(copies, opened);
    describe_public_part(copies, &opened->info);
    status = volume_new(storage, opened, volume, error);
    if (status == COFFER_OK) {
        (*volume)->is_new = true;
    }
    return status;
}

enum coffer_status coffer_volume_publish(struct coffer_volume *volume, struct coffer_error *error)
{
    enum coffer_status status = coffer_volume_flush(volume, error);
    if (status != COFFER_OK) {
        return status;
    }
    int result = volume->storage->ops->publish(volume->storage);
    if (result == -EEXIST) {
        return error_set(error, COFFER_FAILED, EEXIST, "the file exists");
    }
    return result == 0 ? COFFER_OK : error_set_system(error, -result, "cannot give the volume its name");
}
