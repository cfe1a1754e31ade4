/* SPDX-License-Identifier: ISC */
/*
 * hidden.c - makes a hidden volume inside the data area of an outer one.
 *
 * Only the two header blocks that were random before are written; the outer volume never mentions them. Salts
 * and cost are the outer volume's, so one key derivation opens either and takes the same time.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "error.h"
#include "format_coffer.h"
#include "header_lock.h"
#include "new_header.h"
#include "scope.h"
#include "volume.h"

static enum coffer_status check_outer(const struct copies *outer, const struct header_fields *fields,
                                      uint64_t size, struct coffer_error *error)
{
    enum coffer_status status = copies_check_own(outer, error);
    status = status != COFFER_OK ? status : copies_check_known(outer, error);
    if (status != COFFER_OK) {
        return status;
    }
    if (!outer->good[HEADER_FRONT] || !outer->good[HEADER_TAIL]) {
        return error_set(error, COFFER_DAMAGED, 0, "one copy of the outer volume's header is damaged");
    }
    if (fields->container_size != (outer->storage->size & ~4095ull)) {
        return error_set(error, COFFER_INVALID, 0, "the outer volume does not fill its file or device");
    }
    if (outer->volume != 0) {
        return error_set(error, COFFER_INVALID, 0, "this secret opens a hidden volume; the outer one's is needed");
    }
    if ((fields->incompat & HEADER_INCOMPAT_HOLES) != 0 || (fields->compat & HEADER_COMPAT_FILLED) == 0) {
        return error_set(error, COFFER_INVALID, 0,
                         "a hidden volume needs an outer one that was filled when it was made");
    }
    if (size % 4096 != 0 || size < HEADER_DATA_MIN) {
        return error_set(error, COFFER_INVALID, 0, "a hidden volume has at least 64 KiB, in units of 4 KiB");
    }
    if (size > fields->data_size - HEADER_DATA_MIN) {
        return error_set(error, COFFER_INVALID, 0, "the outer volume has only %llu bytes",
                         (unsigned long long)fields->data_size);
    }
    return COFFER_OK;
}

static struct header_fields fields_of(const struct header_fields *outer,
                                      const struct coffer_create_options *options)
{
    return (struct header_fields){
        .compat = HEADER_COMPAT_FILLED,
        .seq = 1,
        .created = options->withhold_time ? 0 : (uint64_t)time(NULL),
        .container_size = outer->container_size,
        .data_offset = (outer->data_offset + outer->data_size - options->container_size) & ~4095ull,
        .data_size = options->container_size,
        .sector_shift = options->sector_size == 512 ? 9 : 12,
        .cipher = 1,
    };
}

static enum coffer_status make(struct storage *storage, const struct coffer_credential *outer_secret,
                               const struct coffer_credential *secret, const struct coffer_create_options *options,
                               struct copies *copies, struct coffer_error *error)
{
    struct coffer_open_options open = COFFER_OPEN_OPTIONS_INIT;
    struct header_fields fields;
    struct unlock_image *image __attribute__((cleanup(free_image))) = unlock_read(storage);
    struct copies *outer __attribute__((cleanup(free_copies))) = copies_new();
    if (image == NULL || outer == NULL) {
        return error_set_no_memory(error);
    }
    open.kdf_level = options->kdf_level;
    open.callbacks = options->callbacks;
    enum coffer_status status = format_coffer_unlock(image, outer_secret, &open, outer, error);
    if (status != COFFER_OK) {
        return status;
    }
    header_get_fields(&outer->body, &fields);
    status = check_outer(outer, &fields, options->container_size, error);
    if (status != COFFER_OK) {
        return status;
    }
    copies->storage = storage;
    copies->marked = outer->marked;
    copies->volume = 1;
    copies->memory = outer->memory;
    copies->passes = outer->passes;
    for (enum header_copy copy = HEADER_FRONT; copy < HEADER_COPIES; copy++) {
        copies->offset[copy] = image->offset[copy] + HEADER_VOLUME_STRIDE;
        copies->salt_known[copy] = true;
        memcpy(copies->salt[copy], header_listed_salt(&outer->body, copy), HEADER_SALT_SIZE);
    }
    fields = fields_of(&fields, options);
    if (outer->marked) {
        fields.memory = outer->memory;
        fields.passes = outer->passes;
    }
    status = new_header_fill(copies, &fields, secret, NULL, options->slot_name, error);
    if (status == COFFER_OK && unlock_opens_any(image, (const uint8_t(*)[CREDENTIAL_KEK_SIZE])copies->kek,
                                                (const uint8_t(*)[HEADER_SALT_SIZE])copies->salt)) {
        return error_set(error, COFFER_INVALID, 0, "this secret opens the volume already");
    }
    return status == COFFER_OK ? new_header_write(copies, error) : status;
}

enum coffer_status coffer_volume_create_hidden(const char *path, const struct coffer_credential *outer,
                                               const struct coffer_credential *hidden,
                                               const struct coffer_create_options *options,
                                               struct coffer_volume **volume, struct coffer_error *error)
{
    struct copies *copies __attribute__((cleanup(free_copies))) = copies_new();
    struct format_opened *opened __attribute__((cleanup(free_opened))) = format_opened_new();
    struct storage *storage;
    if (copies == NULL || opened == NULL) {
        return error_set_no_memory(error);
    }
    if (options->size != sizeof(*options)) {
        return error_set(error, COFFER_INVALID, EINVAL, "the options have an unknown size");
    }
    if (options->sector_size != 0 && options->sector_size != 512 && options->sector_size != 4096) {
        return error_set(error, COFFER_INVALID, 0, "a sector has 512 or 4096 bytes");
    }
    if (options->slot_name != NULL && strlen(options->slot_name) > HEADER_NAME_SIZE) {
        return error_set(error, COFFER_INVALID, 0, "the name of a key slot has at most %u bytes",
                         HEADER_NAME_SIZE);
    }
    if (credential_kind(hidden) == CREDENTIAL_EMPTY) {
        return error_set(error, COFFER_INVALID, 0, "no secret was given for the hidden volume");
    }
    enum coffer_status status =
        storage_open(path, -1, false, STORAGE_EXCLUSIVE, &options->callbacks, &storage, error);
    if (status != COFFER_OK) {
        return status;
    }
    status = header_lock(storage, error);
    status = status == COFFER_OK ? make(storage, outer, hidden, options, copies, error) : status;
    header_unlock(storage);
    if (status != COFFER_OK) {
        storage_close(storage);
        return status;
    }
    format_coffer_describe(copies, opened);
    return volume_new(storage, opened, volume, error);
}
