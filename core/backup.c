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

#include "adopt.h"
#include "crypto.h"
#include "error.h"
#include "format_coffer.h"
#include "scope.h"

#define END_SIZE (COFFER_HEADER_BACKUP_SIZE / 2) /* of each end */

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
    uint8_t *data __attribute__((cleanup(free_bytes))) = malloc(COFFER_HEADER_BACKUP_SIZE);
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
                   data + copy * (size_t)END_SIZE + volume * (size_t)HEADER_VOLUME_STRIDE, HEADER_BLOCK_SIZE);
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

/* Seals the opened volume's blocks for today's store into `data`. today: what the store holds of that volume, NULL where
 * it holds nothing that opens. */
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
        memcpy(data + copy * (size_t)END_SIZE + copies->volume * (size_t)HEADER_VOLUME_STRIDE, copies->block[copy],
               HEADER_BLOCK_SIZE);
    }
    return COFFER_OK;
}

/* One end of the store, and what of it is written: of the blocks of the first `volumes` volumes the sealed parts from
 * volume `bodies` on, and what lies before them from volume `cells` on; and all that is behind the blocks. */
struct end {
    const uint8_t *data;
    uint64_t offset;
    unsigned bodies, cells, volumes;
};

/* From `data`, or noise. 0 or a negative errno. */
static int write_bodies(struct storage *storage, const struct end *end, bool noise)
{
    uint8_t random[HEADER_BLOCK_SIZE - HEADER_BODY_OFFSET];
    int result = 0;
    for (unsigned volume = end->bodies; volume < end->volumes && result == 0; volume++) {
        size_t at = volume * (size_t)HEADER_VOLUME_STRIDE + HEADER_BODY_OFFSET;
        crypto_random(random, sizeof(random));
        result = storage_write(storage, noise ? random : end->data + at, sizeof(random), end->offset + at);
    }
    return result != 0 ? result : storage_sync(storage);
}

/* Everything but the sealed parts. */
static int write_rest(struct storage *storage, const struct end *end)
{
    int result = 0;
    for (unsigned volume = end->cells; volume < end->volumes && result == 0; volume++) {
        size_t at = volume * (size_t)HEADER_VOLUME_STRIDE;
        result = storage_write(storage, end->data + at, HEADER_BODY_OFFSET, end->offset + at);
    }
    const size_t behind = HEADER_VOLUMES * (size_t)HEADER_VOLUME_STRIDE;
    if (result == 0) {
        result = storage_write(storage, end->data + behind, END_SIZE - behind, end->offset + behind);
    }
    return result != 0 ? result : storage_sync(storage);
}

/* The sealed parts go first and come last: no block may open with slots that are not its own, for then neither the
 * secrets of then nor those of now would be listed. */
static int write_end(struct storage *storage, const struct end *end)
{
    int result = write_bodies(storage, end, true);
    result = result != 0 ? result : write_rest(storage, end);
    return result != 0 ? result : write_bodies(storage, end, false);
}

/* What a restore knows: the store as it is, what the backup opened as, and what of that volume opens today, or NULL. */
struct restoring {
    const struct unlock_image *present, *backup;
    struct copies *copies, *today;
};

/* Whether the secrets of a hidden volume find their salt and their cost in an end as it is today. */
static bool is_outer_usable(const struct restoring *restoring, enum header_copy copy)
{
    const struct unlock_image *present = restoring->present;
    struct copies *copies = restoring->copies;
    const struct header_preamble *preamble = &present->preamble[copy];
    if (!present->present[copy][0] || !crypto_equal(header_salt(present->block[copy][0]),
                                                    header_listed_salt(&copies->body, copy), HEADER_SALT_SIZE)) {
        return false;
    }
    return !copies->marked || (present->verdict[copy] == HEADER_USABLE && preamble->memory == copies->memory &&
                               preamble->passes == copies->passes);
}

/* Cell 0 for hidden slots whose salt is lost. What is sealed in the hidden header says which salt that is: the rest of
 * the file is not authenticated by it. */
static void renew_cell_0(const struct restoring *restoring, uint8_t *block, enum header_copy copy)
{
    const struct unlock_image *backup = restoring->backup;
    const uint8_t *salt = header_listed_salt(&restoring->copies->body, copy);
    enum header_copy source = HEADER_FRONT;
    if (backup->verdict[source] != HEADER_USABLE || backup->preamble[source].memory != restoring->copies->memory ||
        backup->preamble[source].passes != restoring->copies->passes) {
        source = HEADER_TAIL;
    }
    if (restoring->copies->marked) {
        header_copy_preamble(block, copy, backup->block[source][0], salt);
    } else {
        header_write_random_preamble(block, salt);
    }
}

/* With a hidden volume's secret, the header of the outer one stays as it is today: it may be of another size by now,
 * and have other keys. Only where the hidden slots could not be opened beside it, its cell 0 is made anew. */
static struct end keep_outer(const struct restoring *restoring, uint8_t *data, enum header_copy copy)
{
    struct end end = { .data = data, .bodies = 1, .cells = 1, .volumes = HEADER_VOLUMES };
    uint8_t *slots = data + HEADER_CELL_SIZE;
    const size_t size = HEADER_BODY_OFFSET - HEADER_CELL_SIZE;
    if (is_outer_usable(restoring, copy)) {
        return end;
    }
    end.cells = 0;
    if (restoring->present->present[copy][0]) {
        memcpy(slots, restoring->present->block[copy][0] + HEADER_CELL_SIZE, size);
    } else {
        crypto_random(slots, size);
    }
    renew_cell_0(restoring, data, copy);
    return end;
}

/* With the outer secret, the block of a hidden volume stays: who restores need not know of one. What cannot be one does
 * not, or what is left of whatever was written over this end would be told from noise for ever. */
static struct end keep_hidden(struct storage *storage, uint64_t offset, uint8_t *data)
{
    uint8_t *block = data + HEADER_VOLUME_STRIDE;
    struct end end = { .data = data, .volumes = 1 };
    if (storage_read(storage, block, HEADER_BLOCK_SIZE, offset + HEADER_VOLUME_STRIDE) != 0 ||
        !header_looks_random(block)) {
        crypto_random(block, HEADER_BLOCK_SIZE);
        end.volumes = HEADER_VOLUMES;
    }
    return end;
}

/* How many of the secrets of today open the volume through this end. */
static unsigned count_ways_in(const struct restoring *restoring, enum header_copy copy)
{
    const struct copies *today = restoring->today;
    unsigned count = 0;
    if (!today->good[copy] || (today->volume != 0 && !is_outer_usable(restoring, copy))) {
        return 0;
    }
    for (unsigned slot = 0; slot < HEADER_SLOTS; slot++) {
        struct header_slot_record record;
        header_get_slot(&today->body, slot, &record);
        count += record.kind != CREDENTIAL_EMPTY && copies_slot_is_listed(today, copy, slot);
    }
    return count;
}

/* The end that is written last: it may be the only one that opens, for some or for all. */
static enum header_copy choose_last(const struct restoring *restoring)
{
    if (restoring->today == NULL) {
        return HEADER_FRONT;
    }
    const enum header_copy winner = restoring->today->winner, other = copies_other(winner);
    return count_ways_in(restoring, other) > count_ways_in(restoring, winner) ? other : winner;
}

static enum coffer_status write_ends(const struct restoring *restoring, uint8_t *data, struct coffer_error *error)
{
    const struct copies *today = restoring->today;
    struct storage *storage = restoring->present->storage;
    const unsigned volume = restoring->copies->volume;
    const uint64_t tail =
        today != NULL && volume == 0 ? today->offset[HEADER_TAIL] : restoring->present->offset[HEADER_TAIL];
    const enum header_copy last = choose_last(restoring);
    const uint64_t offset[HEADER_COPIES] = { [HEADER_FRONT] = 0, [HEADER_TAIL] = tail };
    const enum header_copy order[] = { copies_other(last), last };
    int result = 0;
    for (unsigned i = 0; i < HEADER_COPIES && result == 0; i++) {
        uint8_t *part = data + order[i] * (size_t)END_SIZE;
        struct end end =
            volume == 0 ? keep_hidden(storage, offset[order[i]], part) : keep_outer(restoring, part, order[i]);
        end.offset = offset[order[i]];
        result = write_end(storage, &end);
    }
    return result == 0 ? COFFER_OK : error_set_system(error, -result, "cannot write the header");
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
    status = unlock_newest(present, today, NULL);
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
    return status == COFFER_OK ? write_ends(&restoring, data, error) : status;
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
        status = hold(storage, error);
    }
    if (status != COFFER_OK) {
        return status;
    }
    return file->size == COFFER_ADOPT_BACKUP_SIZE ? adopt_undo(storage, file, credential, options, error)
                                                  : restore(storage, credential, options, data, error);
}
