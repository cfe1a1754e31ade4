/* SPDX-License-Identifier: ISC */
/*
 * create.c - makes a volume of our own format.
 *
 * Order on the medium: noise over both ends (and, where asked for, the data area), then the tail header, a flush,
 * and the front header, a flush: whatever is cut short on the way has no magic in front yet.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "copies.h"
#include "crypto.h"
#include "error.h"
#include "format_coffer.h"
#include "memory_budget.h"
#include "slot.h"
#include "volume.h"

#define PIECE (1u << 20)

static void free_copies(struct copies **copies)
{
    copies_free(*copies);
}

static void free_opened(struct format_opened **opened)
{
    format_opened_free(*opened);
}

static void free_memory(uint8_t **memory)
{
    free(*memory);
}

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
    if (credential_kind(credential) == CREDENTIAL_EMPTY) {
        return error_set(error, COFFER_INVALID, 0, "neither a passphrase nor a key file was given");
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

static enum coffer_status settle_cost(struct copies *copies, const struct coffer_create_options *options,
                                      const struct coffer_credential *credential, struct coffer_error *error)
{
    if (options->unmarked) {
        const struct format_coffer_level *level =
            &FORMAT_COFFER_LEVEL[options->kdf_level < 0 ? 2 : options->kdf_level];
        copies->memory = level->memory;
        copies->passes = level->passes;
    } else {
        copies->memory = options->kdf_memory != 0 ? options->kdf_memory : 256u << 10;
        copies->passes = options->kdf_passes != 0 ? options->kdf_passes : 3;
    }
    if (!header_cost_in_bounds(copies->memory, copies->passes)) {
        return error_set(error, COFFER_INVALID, 0,
                         "the KDF takes 8 MiB to 4 GiB and 1 to 64 passes, together at most 64 GiB");
    }
    return credential_needs_kdf(credential, CREDENTIAL_AS_GIVEN) ? memory_budget_allows(copies->memory, error)
                                                                 : COFFER_OK;
}

/* ---- header ---- */

static void random_uuid(uint8_t uuid[16])
{
    crypto_random(uuid, 16);
    uuid[6] = (uint8_t)((uuid[6] & 0x0f) | 0x40); /* RFC 9562, version 4 */
    uuid[8] = (uint8_t)((uuid[8] & 0x3f) | 0x80);
}

static void fill_body(struct copies *copies, const struct coffer_create_options *options, uint64_t size)
{
    struct header_fields fields = {
        .incompat = options->thin ? HEADER_INCOMPAT_HOLES : 0,
        .compat = options->fill || options->unmarked ? HEADER_COMPAT_FILLED : 0,
        .seq = 1,
        .created = options->withhold_time ? 0 : (uint64_t)time(NULL),
        .container_size = size,
        .data_offset = HEADER_DATA_OFFSET,
        .sector_shift = options->sector_size == 512 ? 9 : 12,
        .cipher = 1,
    };
    fields.data_size = size - HEADER_END_SIZE - HEADER_DATA_OFFSET;
    random_uuid(fields.uuid);
    header_put_fields(&copies->body, &fields);
    uint8_t *key = header_key(&copies->body);
    do {
        crypto_random(key, HEADER_KEY_SIZE);
    } while (crypto_equal(key, key + HEADER_KEY_SIZE / 2, HEADER_KEY_SIZE / 2));
    crypto_random(copies->master, sizeof(copies->master));
}

/* Salts, KEKs, and both blocks but for their seals. */
static enum coffer_status fill_blocks(struct copies *copies, const struct coffer_create_options *options,
                                      const struct coffer_credential *credential, struct coffer_error *error)
{
    struct header_preamble preamble = { .memory = copies->memory, .passes = copies->passes };
    struct header_fields fields;
    header_get_fields(&copies->body, &fields);
    random_uuid(preamble.uuid);
    if (options->label != NULL) {
        memcpy(preamble.label, options->label, strlen(options->label));
    }
    for (enum header_copy copy = HEADER_FRONT; copy < HEADER_COPIES; copy++) {
        uint8_t *block = copies->block[copy];
        crypto_random(copies->salt[copy], HEADER_SALT_SIZE);
        enum coffer_status status = credential_derive(credential, CREDENTIAL_AS_GIVEN, copies->salt[copy],
                                                      copies->memory, copies->passes, copies->kek[copy], error);
        if (status != COFFER_OK) {
            return status;
        }
        copies->salt_known[copy] = copies->kek_known[copy] = copies->good[copy] = true;
        memcpy(header_listed_salt(&copies->body, copy), copies->salt[copy], HEADER_SALT_SIZE);
        for (unsigned slot = 0; slot < HEADER_SLOTS; slot++) {
            slot_erase(block, slot);
            header_slot_digest(block, slot, header_listed_digest(&copies->body, copy, slot));
        }
        memcpy(preamble.salt, copies->salt[copy], HEADER_SALT_SIZE);
        if (options->unmarked) {
            header_write_random_preamble(block, preamble.salt);
        } else {
            header_write_preamble(block, copy, &preamble);
        }
    }
    struct header_slot_record record = {
        .kind = (uint8_t)credential_kind(credential),
        .seq_written = fields.seq,
        .time = fields.created,
    };
    if (options->slot_name != NULL) {
        memcpy(record.name, options->slot_name, strlen(options->slot_name));
    }
    copies_put_slot(copies, 0, (const uint8_t(*)[CREDENTIAL_KEK_SIZE])copies->kek, &record);
    return COFFER_OK;
}

/* ---- medium ---- */

struct filling {
    struct storage *storage;
    const struct coffer_callbacks *callbacks;
    const char *what;
    uint64_t start, end;
};

/* Runs `next` over the range in pieces of at most 1 MiB. */
static enum coffer_status fill_range(const struct filling *filling,
                                     void (*next)(void *source, uint8_t *piece, size_t size, uint64_t offset),
                                     void *source, struct coffer_error *error)
{
    const struct coffer_callbacks *callbacks = filling->callbacks;
    uint8_t *piece __attribute__((cleanup(free_memory))) = malloc(PIECE);
    if (piece == NULL) {
        return error_set_no_memory(error);
    }
    for (uint64_t at = filling->start; at < filling->end;) {
        uint64_t left = filling->end - at;
        size_t size = left < PIECE ? (size_t)left : PIECE;
        next(source, piece, size, at - filling->start);
        int result = storage_write(filling->storage, piece, size, at);
        if (result != 0) {
            return error_set_system(error, -result, "cannot write the volume");
        }
        at += size;
        if (callbacks->progress != NULL &&
            !callbacks->progress(callbacks->user, filling->what, at - filling->start,
                                 filling->end - filling->start)) {
            return error_set(error, COFFER_INTERRUPTED, 0, "stopped");
        }
    }
    return COFFER_OK;
}

static void next_noise(void *source, uint8_t *piece, size_t size, uint64_t offset)
{
    (void)offset;
    crypto_noise_next(source, piece, size);
}

static void next_encrypted_zeros(void *source, uint8_t *piece, size_t size, uint64_t offset)
{
    memset(piece, 0, size);
    crypto_sector_encrypt(source, offset / 512, piece, piece, size);
}

/* Encrypted zeros under a key that nobody keeps: what the volume's own key will write looks the same, and
 * nothing that was ever written under it lies where nothing has been written yet. */
static enum coffer_status fill_data(struct storage *storage, const struct coffer_callbacks *callbacks,
                                    uint64_t start, uint64_t end, struct coffer_error *error)
{
    struct crypto_sector *sector;
    uint8_t key[CRYPTO_SECTOR_KEY_SIZE];
    crypto_random(key, sizeof(key));
    int result = crypto_sector_new(&sector, key, 4096);
    crypto_wipe(key, sizeof(key));
    if (result != 0) {
        return error_set_system(error, -result, "cannot prepare the cipher");
    }
    struct filling filling = { storage, callbacks, "fill", start, end };
    enum coffer_status status = fill_range(&filling, next_encrypted_zeros, sector, error);
    crypto_sector_free(sector);
    return status;
}

static enum coffer_status fill_ends(struct storage *storage, const struct coffer_callbacks *callbacks,
                                    uint64_t size, struct coffer_error *error)
{
    struct crypto_noise *noise = crypto_noise_begin();
    if (noise == NULL) {
        return error_set_no_memory(error);
    }
    struct coffer_callbacks quiet = { callbacks->notice, NULL, callbacks->user };
    struct filling front = { storage, &quiet, "header", 0, HEADER_DATA_OFFSET };
    struct filling tail = { storage, &quiet, "header", size - HEADER_END_SIZE, size };
    enum coffer_status status = fill_range(&front, next_noise, noise, error);
    if (status == COFFER_OK) {
        status = fill_range(&tail, next_noise, noise, error);
    }
    crypto_noise_end(noise);
    return status;
}

static enum coffer_status write_headers(struct copies *copies, struct coffer_error *error)
{
    for (enum header_copy copy = HEADER_COPIES; copy-- > HEADER_FRONT;) {
        if (copies->marked) {
            header_renew_check(copies->block[copy]);
        }
        header_seal_body(copies->block[copy], &copies->body, copies->master, copy, 0);
        int result = storage_write(copies->storage, copies->block[copy], HEADER_BLOCK_SIZE, copies->offset[copy]);
        result = result != 0 ? result : storage_sync(copies->storage);
        if (result != 0) {
            return error_set_system(error, -result, "cannot write the header");
        }
    }
    return COFFER_OK;
}

/* Space for all of it, or an error now and not when the last file is copied in. */
static enum coffer_status reserve(struct storage *storage, const struct coffer_callbacks *callbacks,
                                  struct coffer_error *error)
{
    int result = storage->ops->reserve(storage, 0, storage->size);
    if (result == -EOPNOTSUPP) {
        return fill_data(storage, callbacks, HEADER_DATA_OFFSET, storage->size - HEADER_END_SIZE, error);
    }
    return result == 0 ? COFFER_OK : error_set_system(error, -result, "cannot get the space for it");
}

/* A hole of a device is what reads as zeros: all of the data area must. */
static enum coffer_status check_device_is_zero(struct storage *storage, const struct coffer_callbacks *callbacks,
                                               uint64_t size, struct coffer_error *error)
{
    uint8_t *piece __attribute__((cleanup(free_memory))) = malloc(PIECE);
    if (piece == NULL) {
        return error_set_no_memory(error);
    }
    uint64_t end = size - HEADER_END_SIZE;
    for (uint64_t at = HEADER_DATA_OFFSET; at < end;) {
        size_t step = end - at < PIECE ? (size_t)(end - at) : PIECE;
        int result = storage_read(storage, piece, step, at);
        if (result != 0) {
            return error_set_system(error, -result, "cannot read the device");
        }
        if (piece[0] != 0 || memcmp(piece, piece + 1, step - 1) != 0) {
            return error_set(error, COFFER_INVALID, 0, "the device does not read as zeros: it cannot be thin");
        }
        at += step;
        if (callbacks->progress != NULL &&
            !callbacks->progress(callbacks->user, "check for zeros", at - HEADER_DATA_OFFSET,
                                 end - HEADER_DATA_OFFSET)) {
            return error_set(error, COFFER_INTERRUPTED, 0, "stopped");
        }
    }
    return COFFER_OK;
}

static enum coffer_status write_volume(struct copies *copies, const struct coffer_create_options *options,
                                       uint64_t size, struct coffer_error *error)
{
    struct storage *storage = copies->storage;
    const struct coffer_callbacks *callbacks = &options->callbacks;
    enum coffer_status status = COFFER_OK;
    if (storage->is_device && options->thin) {
        status = check_device_is_zero(storage, callbacks, size, error);
    } else if (!options->thin) {
        status = reserve(storage, callbacks, error);
    }
    if (status == COFFER_OK) {
        status = fill_ends(storage, callbacks, size, error);
    }
    if (status == COFFER_OK && (options->fill || options->unmarked)) {
        status = fill_data(storage, callbacks, HEADER_DATA_OFFSET, size - HEADER_END_SIZE, error);
    }
    copies->offset[HEADER_FRONT] = 0;
    copies->offset[HEADER_TAIL] = size - HEADER_END_SIZE;
    return status == COFFER_OK ? write_headers(copies, error) : status;
}

/* ---- the whole ---- */

static enum coffer_status open_store(const char *path, const struct coffer_create_options *options,
                                     struct storage **storage, uint64_t *size, struct coffer_error *error)
{
    struct stat status;
    *size = options->container_size;
    if (stat(path, &status) == 0 && S_ISBLK(status.st_mode)) {
        enum coffer_status opened =
            storage_open(path, -1, false, STORAGE_EXCLUSIVE, &options->callbacks, storage, error);
        if (opened != COFFER_OK) {
            return opened;
        }
        uint64_t whole = (*storage)->size & ~4095ull;
        *size = *size == 0 || options->unmarked ? whole : *size;
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

enum coffer_status coffer_volume_create(const char *path, const struct coffer_credential *credential,
                                        const struct coffer_create_options *options, struct coffer_volume **volume,
                                        struct coffer_error *error)
{
    struct copies *copies __attribute__((cleanup(free_copies))) = copies_new();
    struct format_opened *opened __attribute__((cleanup(free_opened))) = format_opened_new();
    struct storage *storage = NULL;
    uint64_t size = 0;
    if (copies == NULL || opened == NULL) {
        return error_set_no_memory(error);
    }
    enum coffer_status status = check_options(options, credential, error);
    if (status == COFFER_OK) {
        status = settle_cost(copies, options, credential, error);
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
    status = check_size(size, error);
    if (status == COFFER_OK) {
        fill_body(copies, options, size);
        status = fill_blocks(copies, options, credential, error);
    }
    if (status == COFFER_OK) {
        status = write_volume(copies, options, size, error);
    }
    if (status != COFFER_OK) {
        storage_close(storage);
        return status;
    }
    format_coffer_describe(copies, opened);
    opened->info.front_ok = opened->info.tail_ok = copies->marked;
    opened->info.front_slots_ok = opened->info.tail_slots_ok = copies->marked;
    return volume_new(storage, opened, volume, error);
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
