/* SPDX-License-Identifier: ISC */
/*
 * luks2_create.c - makes a LUKS2 volume, as cryptsetup does but for what needs device-mapper, and completes one
 * that was made to be filled.
 *
 * Headers go last, the second before the first. What has been written is then opened as any other LUKS2 volume is,
 * so that nobody gets a volume that does not open.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "fill.h"
#include "luks2_copy.h"
#include "luks2_create.h"
#include "luks2_write.h"
#include "memory_budget.h"
#include "scope.h"
#include "uuid.h"
#include "volume.h"

#define DATA_OFFSET    LUKS2_HEADER_SIZE
#define DATA_MIN       (64u << 10)  /* bytes */
#define MEMORY_DEFAULT (256u << 10) /* KiB */
#define KEY_SIZE       CRYPTO_SECTOR_KEY_SIZE

/* ---- options ---- */

static enum coffer_status check_options(const struct coffer_create_options *options, struct coffer_error *error)
{
    if (options->unmarked || options->thin) {
        return error_set(error, COFFER_INVALID, 0, "a LUKS2 volume can be neither unmarked nor thin");
    }
    if (options->second_secret != NULL || options->slot_name != NULL || options->kdf_level != -1) {
        return error_set(error, COFFER_INVALID, 0,
                         "a new LUKS2 volume has one secret, and neither names of key slots nor levels");
    }
    if (options->label != NULL && strlen(options->label) >= LUKS2_LABEL_SIZE) {
        return error_set(error, COFFER_INVALID, 0, "a label of LUKS2 has at most %d bytes", LUKS2_LABEL_SIZE - 1);
    }
    if (options->sector_size != 0 && options->sector_size != 512 && options->sector_size != 4096) {
        return error_set(error, COFFER_INVALID, 0, "a sector has 512 or 4096 bytes");
    }
    if (options->kdf_passes != 0 && options->kdf_passes < LUKS2_WRITE_PASSES_MIN) {
        return error_set(error, COFFER_INVALID, 0, "LUKS2 takes at least %d passes of the key derivation",
                         LUKS2_WRITE_PASSES_MIN);
    }
    return COFFER_OK;
}

static enum coffer_status check_size(uint64_t size, struct coffer_error *error)
{
    if (size % 4096 != 0) {
        return error_set(error, COFFER_INVALID, 0, "the size must be a multiple of 4096 bytes");
    }
    if (size < DATA_OFFSET + DATA_MIN) {
        return error_set(error, COFFER_INVALID, 0, "a LUKS2 volume has at least %u bytes", DATA_OFFSET + DATA_MIN);
    }
    return COFFER_OK;
}

static enum coffer_status open_store(const char *path, const struct coffer_create_options *options,
                                     struct storage **storage, struct coffer_error *error)
{
    if (!storage_is_device(path)) {
        enum coffer_status status = check_size(options->container_size, error);
        return status ? status
                      : storage_create(path, options->container_size, options->replace, &options->callbacks,
                                       storage, error);
    }
    enum coffer_status status =
        storage_open(path, -1, false, STORAGE_EXCLUSIVE, &options->callbacks, storage, error);
    if (status == COFFER_OK && options->container_size != 0 &&
        options->container_size != ((*storage)->size & ~4095ull)) {
        return error_set(error, COFFER_INVALID, 0, "a LUKS2 volume takes all of its device");
    }
    return status ? status : check_size((*storage)->size & ~4095ull, error);
}

/* ---- making it ---- */

static void fill_plan(const struct coffer_create_options *options, struct luks2_plan *plan)
{
    *plan = (struct luks2_plan){
        .cipher = LUKS2_CREATE_CIPHER,
        .data_offset = DATA_OFFSET,
        .sector_size = options->sector_size == 512 ? 512 : 4096,
        .memory = options->kdf_memory != 0 ? options->kdf_memory : MEMORY_DEFAULT,
        .passes = options->kdf_passes != 0 ? options->kdf_passes : LUKS2_WRITE_PASSES_MIN,
        .header_size = LUKS2_HEADER_SIZE,
        .unfinished = options->unfinished,
    };
    if (options->label != NULL) {
        memcpy(plan->label, options->label, strlen(options->label));
    }
}

/* Nothing of what was there before may be found again: neither its header, nor, at the end, one of our own. */
static enum coffer_status prepare_medium(struct storage *storage, const struct coffer_create_options *options,
                                         struct coffer_error *error)
{
    uint64_t end = (storage->size & ~4095ull) - LUKS2_CREATE_END;
    int result = storage->ops->reserve(storage, 0, storage->size);
    if (result != 0 && result != -EOPNOTSUPP) {
        return error_set_system(error, -result, "cannot get the space for it");
    }
    enum coffer_status status = COFFER_OK;
    if (options->fill) {
        status = fill_with_sectors(storage, DATA_OFFSET, storage->size & ~4095ull, &options->callbacks, error);
    }
    status = status ? status : fill_with_noise(storage, 0, DATA_OFFSET, error);
    end = end < DATA_OFFSET ? DATA_OFFSET : end;
    return status ? status : fill_with_noise(storage, end, storage->size, error);
}

static enum coffer_status write_header(struct storage *storage, const struct luks2_plan *plan, const uint8_t *area,
                                       struct coffer_error *error)
{
    uint8_t *copies __attribute__((cleanup(free_bytes))) = malloc(2 * (size_t)LUKS2_WRITE_COPY);
    if (copies == NULL) {
        return error_set_no_memory(error);
    }
    enum coffer_status status = luks2_write_copies(plan, copies, error);
    if (status != COFFER_OK) {
        return status;
    }
    int result = storage_write(storage, area, plan->area_size, LUKS2_WRITE_AREA);
    result = result != 0 ? result
                         : storage_write(storage, copies + LUKS2_WRITE_COPY, LUKS2_WRITE_COPY, LUKS2_WRITE_COPY);
    result = result != 0 ? result : storage_sync(storage);
    result = result != 0 ? result : storage_write(storage, copies, LUKS2_WRITE_COPY, 0);
    result = result != 0 ? result : storage_sync(storage);
    return result == 0 ? COFFER_OK : error_set_system(error, -result, "cannot write the header");
}

static enum coffer_status make(struct storage *storage, const struct luks_secret *secret,
                               const struct coffer_create_options *options, struct coffer_error *error)
{
    struct luks2_plan plan;
    uint8_t uuid[16];
    struct coffer_secret *key __attribute__((cleanup(free_secret))) = coffer_secret_new(KEY_SIZE);
    if (key == NULL) {
        return error_set_no_memory(error);
    }
    coffer_secret_set_size(key, KEY_SIZE);
    uint8_t *data = coffer_secret_data(key);
    do {
        crypto_random(data, KEY_SIZE);
    } while (crypto_equal(data, data + KEY_SIZE / 2, KEY_SIZE / 2));
    uuid_random(uuid);
    fill_plan(options, &plan);
    enum coffer_status status = luks2_write_prepare(&plan, key, uuid, error);
    if (status != COFFER_OK) {
        return status;
    }
    uint8_t *area __attribute__((cleanup(free_secret_bytes))) = crypto_secret_alloc(plan.area_size);
    if (area == NULL) {
        return error_set_no_memory(error);
    }
    status = luks2_write_slot(&plan, key, secret, area, error);
    status = status ? status : prepare_medium(storage, options, error);
    return status ? status : write_header(storage, &plan, area, error);
}

enum coffer_status luks2_create(const char *path, const struct coffer_credential *credential,
                                const struct coffer_create_options *options, struct coffer_volume **volume,
                                struct coffer_error *error)
{
    struct coffer_open_options how = COFFER_OPEN_OPTIONS_INIT;
    struct luks_secret secret;
    struct storage *storage = NULL;
    struct format_opened *opened __attribute__((cleanup(free_opened))) = format_opened_new();
    if (opened == NULL) {
        return error_set_no_memory(error);
    }
    how.unfinished = options->unfinished;
    how.callbacks = options->callbacks;
    enum coffer_status status = check_options(options, error);
    status = status ? status : luks_key_secret(credential, &secret, error);
    status = status ? status : open_store(path, options, &storage, error);
    status = status ? status : make(storage, &secret, options, error);
    status = status ? status : FORMAT_LUKS.open(storage, credential, &how, opened, error);
    if (status != COFFER_OK) {
        storage_close(storage);
        return status;
    }
    status = volume_new(storage, opened, volume, error);
    if (status == COFFER_OK) {
        (*volume)->is_new = true;
    }
    return status;
}

/* ---- completing it ---- */

static int put_copy(struct storage *storage, struct bytes copy, unsigned which)
{
    luks2_write_as(copy, which);
    int result = storage_write(storage, copy.data, copy.size, which * copy.size);
    return result != 0 ? result : storage_sync(storage);
}

/* Both become what the newest good one says. The other goes first: until it is on the medium, nothing touches the one
 * that is known to be good. What was cut short in between is taken up in the same way. */
enum coffer_status luks2_complete(struct storage *storage, struct coffer_error *error)
{
    struct bytes copy;
    unsigned newest;
    uint8_t *data __attribute__((cleanup(free_bytes))) = luks2_read_newest(storage, &copy, &newest);
    if (data == NULL || !luks2_write_finished(copy)) {
        return error_set(error, COFFER_DAMAGED, 0, "its LUKS header has changed meanwhile");
    }
    int result = put_copy(storage, copy, 1 - newest);
    result = result != 0 ? result : put_copy(storage, copy, newest);
    return result == 0 ? COFFER_OK : error_set_system(error, -result, "cannot write the header");
}
