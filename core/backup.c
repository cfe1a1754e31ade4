/* SPDX-License-Identifier: ISC */
/*
 * backup.c - header backup and restore (spec/volume.md).
 *
 * A backup is the first 64 KiB of both ends, as they are. A restore never writes what a backup says about the
 * size of the store: the header it brings back is sealed anew for today's, and newer than anything that is
 * there, before the first byte is written.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "crypto.h"
#include "error.h"
#include "format_coffer.h"
#include "scope.h"

#define END_SIZE (COFFER_HEADER_BACKUP_SIZE / 2) /* of each end */

static void free_memory(uint8_t **memory)
{
    free(*memory);
}

static enum coffer_status hold(struct storage *storage, struct coffer_error *error)
{
    int held = storage->ops->hold_header(storage, true);
    return held == 0 ? COFFER_OK : error_set(error, COFFER_IN_USE, -held, "its header is being changed elsewhere");
}

/* ---- backup ---- */

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
    int result = storage_read(storage, data, END_SIZE, 0);
    result = result != 0 ? result : storage_read(storage, data + END_SIZE, END_SIZE, tail);
    return result == 0 ? COFFER_OK : error_set_system(error, -result, "cannot read the header");
}

static enum coffer_status write_backup(const char *path, const uint8_t *data, struct coffer_error *error)
{
    struct storage *file __attribute__((cleanup(close_storage))) = NULL;
    enum coffer_status status = storage_create(path, COFFER_HEADER_BACKUP_SIZE, false, NULL, &file, error);
    if (status != COFFER_OK) {
        return status;
    }
    int result = storage_write(file, data, COFFER_HEADER_BACKUP_SIZE, 0);
    result = result != 0 ? result : storage_sync(file);
    result = result != 0 ? result : file->ops->publish(file);
    return result == 0 ? COFFER_OK : error_set_system(error, -result, "cannot write the backup");
}

enum coffer_status coffer_header_backup(const char *path, const char *backup_path,
                                        const struct coffer_credential *credential,
                                        const struct coffer_open_options *options, struct coffer_error *error)
{
    struct storage *storage __attribute__((cleanup(close_storage))) = NULL;
    uint8_t *data __attribute__((cleanup(free_memory))) = malloc(COFFER_HEADER_BACKUP_SIZE);
    if (data == NULL) {
        return error_set_no_memory(error);
    }
    enum coffer_status status =
        storage_open(path, -1, true, STORAGE_UNLOCKED, &options->callbacks, &storage, error);
    if (status == COFFER_OK) {
        status = hold(storage, error);
    }
    if (status == COFFER_OK) {
        status = read_ends(storage, credential, options, data, error);
    }
    return status == COFFER_OK ? write_backup(backup_path, data, error) : status;
}

/* ---- restore ---- */

static enum coffer_status read_backup(const char *path, uint8_t *data, struct coffer_error *error)
{
    struct storage *file __attribute__((cleanup(close_storage))) = NULL;
    enum coffer_status status = storage_open(path, -1, true, STORAGE_UNLOCKED, NULL, &file, error);
    if (status != COFFER_OK) {
        return status;
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
    image->offset[HEADER_FRONT] = 0;
    image->offset[HEADER_TAIL] = (storage->size & ~4095ull) - HEADER_END_SIZE;
    for (enum header_copy copy = HEADER_FRONT; copy < HEADER_COPIES; copy++) {
        for (unsigned volume = 0; volume < HEADER_VOLUMES; volume++) {
            image->present[copy][volume] = true;
            memcpy(image->block[copy][volume],
                   data + copy * (size_t)END_SIZE + volume * (size_t)HEADER_VOLUME_STRIDE, HEADER_BLOCK_SIZE);
        }
    }
    unlock_judge_preambles(image);
}

/* What the store holds today of the volume that the backup opens. */
struct today {
    bool opens;
    struct header_fields fields; /* the newest */
    struct header_body body;
};

static void free_today(struct today **today)
{
    crypto_secret_free(*today);
}

static void look_at_today(const struct unlock_image *present, const struct copies *copies, struct today *today)
{
    struct header_fields fields;
    for (enum header_copy copy = HEADER_FRONT; copy < HEADER_COPIES; copy++) {
        if (!present->present[copy][copies->volume] ||
            (copies->marked && copies->volume == 0 && present->verdict[copy] != HEADER_USABLE) ||
            !header_open_body(present->block[copy][copies->volume], &today->body, copies->master, copy,
                              copies->volume)) {
            continue;
        }
        header_get_fields(&today->body, &fields);
        if (!today->opens || fields.seq > today->fields.seq) {
            today->opens = true;
            today->fields = fields;
        }
    }
}

/* Today's sizes where the store still knows them: a growth since the backup stays. Else those of the backup, and
 * the data area as large as the store where it was so then. */
static void settle_geometry(const struct unlock_image *present, const struct copies *copies,
                            const struct today *today, struct header_fields *fields)
{
    uint64_t whole = present->storage->size & ~4095ull;
    if (copies->volume != 0) {
        return;
    }
    if (today->opens) {
        fields->container_size = today->fields.container_size;
        fields->data_size = today->fields.data_size;
        return;
    }
    if (fields->data_offset + fields->data_size + HEADER_END_SIZE == fields->container_size &&
        whole >= fields->container_size) {
        fields->data_size = whole - HEADER_END_SIZE - fields->data_offset;
    }
    fields->container_size = whole;
}

/* Seals the opened volume's blocks for today's store into `data`, and says where its tail belongs. */
static enum coffer_status renew(const struct unlock_image *present, struct copies *copies, uint8_t *data,
                                uint64_t *tail, struct coffer_error *error)
{
    struct header_fields fields;
    struct today *today __attribute__((cleanup(free_today))) = crypto_secret_alloc(sizeof(*today));
    if (today == NULL) {
        return error_set_no_memory(error);
    }
    look_at_today(present, copies, today);
    header_get_fields(&copies->body, &fields);
    settle_geometry(present, copies, today, &fields);
    fields.seq = 1 + (today->opens && today->fields.seq > fields.seq ? today->fields.seq : fields.seq);
    header_put_fields(&copies->body, &fields);
    enum coffer_status status =
        header_validate(&copies->body, present->storage->size, HEADER_INCOMPAT_KNOWN, error);
    if (status != COFFER_OK) {
        return status;
    }
    *tail = copies->volume == 0 ? fields.container_size - HEADER_END_SIZE : present->offset[HEADER_TAIL];
    for (enum header_copy copy = HEADER_FRONT; copy < HEADER_COPIES; copy++) {
        if (!copies->good[copy]) {
            copies_rebuild(copies, copy);
        }
    }
    for (enum header_copy copy = HEADER_FRONT; copy < HEADER_COPIES; copy++) {
        copies_seal_block(copies, copy);
        memcpy(data + copy * (size_t)END_SIZE + copies->volume * (size_t)HEADER_VOLUME_STRIDE, copies->block[copy],
               HEADER_BLOCK_SIZE);
    }
    return COFFER_OK;
}

/* The sealed parts of the blocks at one end: from `data`, or noise. 0 or a negative errno. */
static int write_bodies(struct storage *storage, const uint8_t *data, uint64_t offset)
{
    const size_t size = HEADER_BLOCK_SIZE - HEADER_BODY_OFFSET;
    uint8_t noise[HEADER_BLOCK_SIZE - HEADER_BODY_OFFSET];
    int result = 0;
    for (unsigned volume = 0; volume < HEADER_VOLUMES && result == 0; volume++) {
        size_t at = volume * (size_t)HEADER_VOLUME_STRIDE + HEADER_BODY_OFFSET;
        crypto_random(noise, sizeof(noise));
        result = storage_write(storage, data != NULL ? data + at : noise, size, offset + at);
    }
    return result != 0 ? result : storage_sync(storage);
}

/* Everything but the sealed parts. */
static int write_rest(struct storage *storage, const uint8_t *data, uint64_t offset)
{
    int result = 0;
    for (unsigned volume = 0; volume < HEADER_VOLUMES && result == 0; volume++) {
        size_t at = volume * (size_t)HEADER_VOLUME_STRIDE;
        result = storage_write(storage, data + at, HEADER_BODY_OFFSET, offset + at);
    }
    const size_t behind = HEADER_VOLUMES * (size_t)HEADER_VOLUME_STRIDE;
    result = result != 0 ? result : storage_write(storage, data + behind, END_SIZE - behind, offset + behind);
    return result != 0 ? result : storage_sync(storage);
}

/* The sealed parts go first and come last: no block may open with slots that are not its own, for then neither the
 * secrets of then nor those of now would be listed. */
static int write_end(struct storage *storage, const uint8_t *data, uint64_t offset)
{
    int result = write_bodies(storage, NULL, offset);
    result = result != 0 ? result : write_rest(storage, data, offset);
    return result != 0 ? result : write_bodies(storage, data, offset);
}

static enum coffer_status write_ends(struct storage *storage, const uint8_t *data, uint64_t tail,
                                     struct coffer_error *error)
{
    int result = write_end(storage, data + END_SIZE, tail);
    result = result != 0 ? result : write_end(storage, data, 0);
    return result == 0 ? COFFER_OK : error_set_system(error, -result, "cannot write the header");
}

/* Whether the store has a header of another volume that is whole: the wrong file would cost all of its data. */
static bool is_of_another_volume(const struct unlock_image *present, const struct unlock_image *backup)
{
    bool another = false;
    for (enum header_copy copy = HEADER_FRONT; copy < HEADER_COPIES; copy++) {
        for (enum header_copy other = HEADER_FRONT; other < HEADER_COPIES; other++) {
            if (present->verdict[copy] == HEADER_USABLE && backup->verdict[other] == HEADER_USABLE) {
                bool same = memcmp(present->preamble[copy].uuid, backup->preamble[other].uuid, 16) == 0;
                if (same) {
                    return false;
                }
                another |= header_slots_check(present->block[copy][0]);
            }
        }
    }
    return another;
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
    if (present == NULL || backup == NULL || copies == NULL) {
        return error_set_no_memory(error);
    }
    uint64_t tail = 0;
    image_of_backup(storage, data, backup);
    enum coffer_status status = format_coffer_find(backup, credential, options, copies, error);
    if (status == COFFER_OK) {
        status = renew(present, copies, data, &tail, error);
    }
    if (status == COFFER_OK && is_of_another_volume(present, backup)) {
        return error_set(error, COFFER_INVALID, 0, "it is the backup of another volume");
    }
    return status == COFFER_OK ? write_ends(storage, data, tail, error) : status;
}

enum coffer_status coffer_header_restore(const char *path, const char *backup_path,
                                         const struct coffer_credential *credential,
                                         const struct coffer_open_options *options, struct coffer_error *error)
{
    struct storage *storage __attribute__((cleanup(close_storage))) = NULL;
    uint8_t *data __attribute__((cleanup(free_memory))) = malloc(COFFER_HEADER_BACKUP_SIZE);
    if (data == NULL) {
        return error_set_no_memory(error);
    }
    enum coffer_status status = read_backup(backup_path, data, error);
    if (status == COFFER_OK) {
        status = storage_open(path, -1, false, STORAGE_EXCLUSIVE, &options->callbacks, &storage, error);
    }
    if (status == COFFER_OK) {
        status = hold(storage, error);
    }
    return status == COFFER_OK ? restore(storage, credential, options, data, error) : status;
}
