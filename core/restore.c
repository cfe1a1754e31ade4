/* SPDX-License-Identifier: ISC */
/*
 * restore.c - puts a header backup back (spec/volume.md).
 *
 * A restore never writes what a backup says about the size of the store: the header it brings back is sealed anew for
 * today's, and newer than anything that is there, before the first byte is written.
 */
#include "restore.h"

#include <stdlib.h>
#include <string.h>

#include "adopt.h"
#include "crypto.h"
#include "error.h"
#include "format_coffer.h"
#include "header_lock.h"
#include "scope.h"

/* Reads one of ours; of one that an adoption has left only the file is opened. */
static enum coffer_status open_backup(const char *path, uint8_t *data, struct storage **opened,
                                      struct coffer_error *error)
{
    enum coffer_status status = storage_open(path, -1, true, STORAGE_UNLOCKED, NULL, opened, error);
    if (status != COFFER_OK) {
        return status;
    }
    struct storage *file = *opened;
    if (file->size == COFFER_ADOPT_BACKUP_SIZE) {
        return COFFER_OK;
    }
    if (file->size != COFFER_HEADER_BACKUP_SIZE) {
        return error_set(error, COFFER_INVALID, 0, "a header backup has %u bytes, not %llu",
                         COFFER_HEADER_BACKUP_SIZE, (unsigned long long)file->size);
    }
    int result = storage_read(file, data, COFFER_HEADER_BACKUP_SIZE, 0);
    return result == 0 ? COFFER_OK : error_set_system(error, -result, "cannot read the backup");
}

/* The backup's blocks as if they lay in the store already. */
static void image_of_backup(struct storage *storage, const uint8_t *data, struct unlock_image *image)
{
    image->storage = storage;
    image->is_backup = true;
    image->offset[HEADER_FRONT] = 0;
    image->offset[HEADER_TAIL] = (storage->size & ~4095ull) - HEADER_END_SIZE;
    for (enum header_copy copy = HEADER_FRONT; copy < HEADER_COPIES; copy++) {
        for (unsigned volume = 0; volume < HEADER_VOLUMES; volume++) {
            image->present[copy][volume] = true;
            memcpy(image->block[copy][volume],
                   data + copy * (size_t)RESTORE_END_SIZE + volume * (size_t)HEADER_VOLUME_STRIDE,
                   HEADER_BLOCK_SIZE);
        }
    }
    unlock_judge_preambles(image);
}

/* Today's sizes where the store still knows them: a growth since the backup stays. Else those of the backup, and
 * the data area as large as the store where it was so then. */
static void settle_geometry(const struct copies *today, uint64_t store_size, struct header_fields *fields)
{
    struct header_fields now;
    uint64_t whole = store_size & ~4095ull;
    if (today != NULL) {
        header_get_fields(&today->body, &now);
        fields->container_size = now.container_size;
        fields->data_size = now.data_size;
        return;
    }
    if (fields->data_offset + fields->data_size + HEADER_END_SIZE == fields->container_size &&
        whole >= fields->container_size) {
        fields->data_size = whole - HEADER_END_SIZE - fields->data_offset;
    }
    fields->container_size = whole;
}

/* The data of the backup must be there: a store that was cut short has lost some of it. */
static enum coffer_status check_room(const struct header_fields *fields, uint64_t store_size,
                                     struct coffer_error *error)
{
    uint64_t end;
    if (__builtin_add_overflow(fields->data_offset, fields->data_size, &end) ||
        __builtin_add_overflow(end, HEADER_END_SIZE, &end) || end > (store_size & ~4095ull)) {
        return error_set(error, COFFER_DAMAGED, 0, "the volume is cut short: %llu of %llu bytes are there",
                         (unsigned long long)store_size, (unsigned long long)fields->container_size);
    }
    return COFFER_OK;
}

/* Seals the opened volume's blocks for today's store into `data`. today: what the store holds of that volume, NULL
 * where it holds nothing that opens. */
static enum coffer_status renew(const struct copies *today, struct copies *copies,
                                const struct coffer_credential *credential, uint64_t store_size, uint8_t *data,
                                struct coffer_error *error)
{
    struct header_fields fields, now = { 0 };
    header_get_fields(&copies->body, &fields);
    enum coffer_status status = today != NULL ? copies_check_known(today, error) : COFFER_OK;
    status = status != COFFER_OK ? status : copies_check_known(copies, error);
    status = status != COFFER_OK ? status : check_room(&fields, store_size, error);
    if (status != COFFER_OK) {
        return status;
    }
    if (copies->volume == 0) {
        settle_geometry(today, store_size, &fields);
    }
    if (today != NULL) {
        header_get_fields(&today->body, &now);
    }
    fields.seq = 1 + (now.seq > fields.seq ? now.seq : fields.seq);
    header_put_fields(&copies->body, &fields);
    status = header_validate(&copies->body, store_size, HEADER_INCOMPAT_KNOWN, error);
    if (status != COFFER_OK) {
        return status;
    }
    for (enum header_copy copy = HEADER_FRONT; copy < HEADER_COPIES; copy++) {
        if (!copies->good[copy]) {
            copies_rebuild(copies, copy);
        }
    }
    status = copies_wrap_again(copies, credential, error);
    if (status != COFFER_OK) {
        return status;
    }
    for (enum header_copy copy = HEADER_FRONT; copy < HEADER_COPIES; copy++) {
        copies_seal_block(copies, copy);
        memcpy(data + copy * (size_t)RESTORE_END_SIZE + copies->volume * (size_t)HEADER_VOLUME_STRIDE,
               copies->block[copy], HEADER_BLOCK_SIZE);
    }
    return COFFER_OK;
}

/* ---- the wrong file would cost all of the data that is there ---- */

/* Whether the store shows the whole header of another volume, and nothing of the one that the backup opens. */
static bool shows_another_volume(const struct unlock_image *present, const struct unlock_image *backup,
                                 enum header_copy winner)
{
    bool another = false;
    if (backup->verdict[winner] != HEADER_USABLE) {
        return false;
    }
    for (enum header_copy copy = HEADER_FRONT; copy < HEADER_COPIES; copy++) {
        if (present->verdict[copy] != HEADER_USABLE) {
            continue;
        }
        if (memcmp(present->preamble[copy].uuid, backup->preamble[winner].uuid, 16) == 0) {
            return false;
        }
        another |= header_slots_check(present->block[copy][0]);
    }
    return another;
}

/* The same, where nothing of the backup's volume opens and only the secret can tell. */
static bool opens_another_volume(const struct unlock_image *present, const struct coffer_credential *credential,
                                 const struct coffer_open_options *options)
{
    struct copies *copies __attribute__((cleanup(free_copies))) = copies_new();
    return copies == NULL || format_coffer_find(present, credential, options, copies, NULL) == COFFER_OK;
}

static enum coffer_status refuse_another_volume(const struct unlock_image *present,
                                                const struct unlock_image *backup, const struct copies *copies,
                                                bool opens_today, const struct coffer_credential *credential,
                                                const struct coffer_open_options *options,
                                                struct coffer_error *error)
{
    if (shows_another_volume(present, backup, copies->winner) ||
        (!opens_today && opens_another_volume(present, credential, options))) {
        return error_set(error, COFFER_INVALID, 0, "it is the backup of another volume");
    }
    return COFFER_OK;
}

/* What the store holds of the volume that the backup opens. Where it is larger than the volume and the front is
 * lost, as a restore that was cut short leaves it, only the backup says where the tail is. */
static enum coffer_status find_today(struct unlock_image *present, const struct copies *copies,
                                     struct copies *today)
{
    struct header_fields fields;
    header_get_fields(&copies->body, &fields);
    const uint64_t end = present->offset[HEADER_TAIL];
    enum coffer_status status = unlock_newest(present, today, NULL);
    if (status == COFFER_OK || status == COFFER_NO_MEMORY || copies->volume != 0 ||
        fields.container_size < HEADER_END_SIZE || fields.container_size % 4096 != 0 ||
        fields.container_size - HEADER_END_SIZE >= end) {
        return status;
    }
    unlock_move_tail(present, fields.container_size - HEADER_END_SIZE);
    status = unlock_newest(present, today, NULL);
    if (status != COFFER_OK) {
        unlock_move_tail(present, end);
    }
    return status;
}

static enum coffer_status restore(struct storage *storage, const struct coffer_credential *credential,
                                  const struct coffer_open_options *options, uint8_t *data,
                                  struct coffer_error *error)
{
    if (storage->size < 2ull * HEADER_END_SIZE + HEADER_DATA_MIN) {
        return error_set(error, COFFER_INVALID, 0, "the store is smaller than any volume");
    }
    struct unlock_image *present __attribute__((cleanup(free_image))) = unlock_read(storage);
    struct unlock_image *backup __attribute__((cleanup(free_image))) = calloc(1, sizeof(*backup));
    struct copies *copies __attribute__((cleanup(free_copies))) = copies_new();
    struct copies *today __attribute__((cleanup(free_copies))) = copies_new();
    if (present == NULL || backup == NULL || copies == NULL || today == NULL) {
        return error_set_no_memory(error);
    }
    image_of_backup(storage, data, backup);
    enum coffer_status status = format_coffer_find(backup, credential, options, copies, error);
    if (status != COFFER_OK) {
        return status;
    }
    memcpy(today->master, copies->master, sizeof(today->master));
    today->storage = storage;
    today->marked = copies->marked;
    today->volume = copies->volume;
    status = find_today(present, copies, today);
    if (status == COFFER_NO_MEMORY) {
        return error_set_no_memory(error);
    }
    bool opens = status == COFFER_OK;
    status = renew(opens ? today : NULL, copies, credential, storage->size, data, error);
    if (status == COFFER_OK) {
        status = refuse_another_volume(present, backup, copies, opens, credential, options, error);
    }
    if (status == COFFER_OK && opens && today->old_tail != 0) {
        status = copies_finish_growth(today, error);
    }
    const struct restoring restoring = { present, backup, copies, opens ? today : NULL };
    return status == COFFER_OK ? restore_ends(&restoring, data, error) : status;
}

enum coffer_status coffer_header_restore(const char *path, const char *backup_path,
                                         const struct coffer_credential *credential,
                                         const struct coffer_open_options *options, struct coffer_error *error)
{
    struct storage *storage __attribute__((cleanup(close_storage))) = NULL;
    uint8_t *data __attribute__((cleanup(free_bytes))) = malloc(COFFER_HEADER_BACKUP_SIZE);
    if (data == NULL) {
        return error_set_no_memory(error);
    }
    struct storage *file __attribute__((cleanup(close_storage))) = NULL;
    enum coffer_status status = open_backup(backup_path, data, &file, error);
    if (status == COFFER_OK) {
        status = storage_open(path, -1, false, STORAGE_EXCLUSIVE, &options->callbacks, &storage, error);
    }
    if (status == COFFER_OK) {
        status = header_lock(storage, error);
    }
    if (status != COFFER_OK) {
        return status;
    }
    return file->size == COFFER_ADOPT_BACKUP_SIZE ? adopt_undo(storage, file, credential, options, error)
                                                  : restore(storage, credential, options, data, error);
}
