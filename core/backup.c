/* SPDX-License-Identifier: ISC */
/*
 * backup.c - header backup (spec/volume.md): the first 64 KiB of both ends, as they are.
 */
#include "backup.h"

#include <stdlib.h>

#include "error.h"
#include "format_coffer.h"
#include "header_lock.h"
#include "restore.h"
#include "scope.h"

/* Both ends, once it is sure that they are those of a volume. */
static enum coffer_status read_ends(struct storage *storage, const struct coffer_credential *credential,
                                    const struct coffer_open_options *options, uint8_t *data,
                                    struct coffer_error *error)
{
    struct unlock_image *image __attribute__((cleanup(free_image))) = unlock_read(storage);
    struct copies *copies __attribute__((cleanup(free_copies))) = copies_new();
    if (image == NULL || copies == NULL) {
        return error_set_no_memory(error);
    }
    if (credential == NULL && !unlock_is_marked(image)) {
        return error_set(error, COFFER_NOT_FOUND, 0, "it is not a volume of a known format");
    }
    enum coffer_status status = credential == NULL
                                    ? unlock_judge(image, error)
                                    : format_coffer_unlock(image, credential, options, copies, error);
    if (status != COFFER_OK) {
        return status;
    }
    uint64_t tail =
        copies->storage != NULL && copies->volume == 0 ? copies->offset[HEADER_TAIL] : image->offset[HEADER_TAIL];
    int result = storage_read(storage, data, RESTORE_END_SIZE, 0);
    result = result != 0 ? result : storage_read(storage, data + RESTORE_END_SIZE, RESTORE_END_SIZE, tail);
    return result == 0 ? COFFER_OK : error_set_system(error, -result, "cannot read the header");
}

enum coffer_status backup_write(const char *path, const uint8_t *data, size_t size, struct coffer_error *error)
{
    struct storage *file __attribute__((cleanup(close_storage))) = NULL;
    enum coffer_status status = storage_create(path, size, false, NULL, &file, error);
    if (status != COFFER_OK) {
        return status;
    }
    int result = storage_write(file, data, size, 0);
    result = result != 0 ? result : storage_sync(file);
    result = result != 0 ? result : file->ops->publish(file);
    return result == 0 ? COFFER_OK : error_set_system(error, -result, "cannot write the backup");
}

enum coffer_status coffer_header_backup(const char *path, const char *backup_path,
                                        const struct coffer_credential *credential,
                                        const struct coffer_open_options *options, struct coffer_error *error)
{
    struct storage *storage __attribute__((cleanup(close_storage))) = NULL;
    uint8_t *data __attribute__((cleanup(free_bytes))) = malloc(COFFER_HEADER_BACKUP_SIZE);
    if (data == NULL) {
        return error_set_no_memory(error);
    }
    enum coffer_status status =
        storage_open(path, -1, true, STORAGE_UNLOCKED, &options->callbacks, &storage, error);
    if (status == COFFER_OK) {
        status = header_lock(storage, error);
    }
    if (status == COFFER_OK) {
        status = read_ends(storage, credential, options, data, error);
    }
    return status == COFFER_OK ? backup_write(backup_path, data, COFFER_HEADER_BACKUP_SIZE, error) : status;
}
