/* SPDX-License-Identifier: ISC */
/*
 * format_luks.c - opens LUKS1 and LUKS2 volumes. Their headers are read and never written.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cipher_name.h"
#include "crypto.h"
#include "error.h"
#include "format.h"
#include "luks.h"
#include "luks2_create.h"
#include "luks2_layout.h"
#include "luks_key.h"
#include "notice.h"
#include "scope.h"
#include "uuid.h"

static const uint8_t MAGIC[LUKS_MAGIC_SIZE] = "LUKS\xba\xbe";

static void free_header(struct luks_header **header)
{
    free(*header);
}

/* ---- the header ---- */

/* The version behind the magic in front; 0: there is no magic. */
static unsigned find_version(struct storage *storage)
{
    uint8_t data[LUKS_MAGIC_SIZE + 2];
    if (storage->size < sizeof(data) || storage_read(storage, data, sizeof(data), 0) != 0 ||
        memcmp(data, MAGIC, LUKS_MAGIC_SIZE) != 0) {
        return 0;
    }
    unsigned version = (unsigned)data[LUKS_MAGIC_SIZE] << 8 | data[LUKS_MAGIC_SIZE + 1];
    return version != 0 ? version : UINT16_MAX;
}

/* Where only the second header of LUKS2 is left, something else may have been written over the first, as a new file
 * system is. That must be meant: `named` says that somebody called it LUKS. */
static enum coffer_status read_header(struct storage *storage, bool named, struct luks_header *header,
                                      struct coffer_error *error)
{
    unsigned version = find_version(storage);
    if (version > 2) {
        return error_set(error, COFFER_UNSUPPORTED, 0, "it is a LUKS volume of version %u", version);
    }
    if (version == 1) {
        return luks1_read(storage, header, error);
    }
    if (version == 0 && !luks2_has_second(storage)) {
        return error_set(error, COFFER_NOT_FOUND, 0, "it is not a LUKS volume");
    }
    if (version == 0 && !named) {
        return error_set(
            error, COFFER_DAMAGED, 0,
            "only the second header of a LUKS2 volume is left; something else may have been written over "
            "the first");
    }
    return luks2_read(storage, header, error);
}

/* ---- without a secret ---- */

/* What no secret could change. */
static enum coffer_status check_supported(const struct luks_header *header, struct coffer_error *error)
{
    struct crypto_sector_spec spec = { .layers = 0 };
    if (header->refused[0] != '\0') {
        return error_set(error, COFFER_UNSUPPORTED, 0, "%s", header->refused);
    }
    const struct luks_segment *first = &header->segment[0];
    for (unsigned i = 1; i < header->segments; i++) {
        const struct luks_segment *segment = &header->segment[i];
        if (strcmp(segment->cipher, first->cipher) != 0 || segment->sector_size != first->sector_size) {
            return error_set(error, COFFER_UNSUPPORTED, 0, "its segments have different ciphers");
        }
    }
    for (unsigned i = 0; i < LUKS_SLOTS_MAX; i++) {
        if (header->slot[i].used) {
            return cipher_name_parse(first->cipher, header->slot[i].key_size, first->sector_size, &spec, error);
        }
    }
    return COFFER_OK;
}

/* What a copy goes into is as we have made it, or is not gone on with: nothing seals a LUKS2 header, and whoever can
 * write to it could have asked for another place for the data, or for none of it to be encrypted. */
static bool is_as_it_was_made(const struct luks_header *header)
{
    const struct luks_segment *segment = &header->segment[0];
    return header->version == 2 && header->segments == 1 && segment->size == 0 &&
           segment->offset == LUKS2_HEADER_SIZE && segment->tweak == 0 &&
           strcmp(segment->cipher, LUKS2_CREATE_CIPHER) == 0;
}

static enum coffer_status check_finished(const struct luks_header *header, bool unfinished,
                                         struct coffer_error *error)
{
    if (header->unfinished && !unfinished) {
        return error_set(error, COFFER_UNSUPPORTED, EINPROGRESS,
                         "what is to be copied into it is not all there yet");
    }
    if (!header->unfinished && unfinished) {
        return error_set(error, COFFER_INVALID, EEXIST, "it is a volume that is complete");
    }
    return !unfinished || is_as_it_was_made(header)
               ? COFFER_OK
               : error_set(error, COFFER_DAMAGED, 0, "its LUKS header is not as a copy is begun with");
}

static bool luks_recognise(struct storage *storage, struct coffer_info *info, enum coffer_status *status,
                           struct coffer_error *error)
{
    struct coffer_error reason = COFFER_ERROR_INIT;
    struct luks_header *header __attribute__((cleanup(free_header))) = calloc(1, sizeof(*header));
    if (header == NULL) {
        *status = error_set_no_memory(error);
        return true;
    }
    enum coffer_status found = read_header(storage, false, header, &reason);
    if (found == COFFER_NOT_FOUND) {
        return false;
    }
    *status = found;
    if (found != COFFER_OK) {
        (void)error_set(error, found, reason.sys, "%s", reason.text);
        return true;
    }
    luks_describe(header, info);
    if (check_finished(header, false, &reason) != COFFER_OK || check_supported(header, &reason) != COFFER_OK) {
        (void)snprintf(info->refused, sizeof(info->refused), "%.127s", reason.text);
    }
    return true;
}

/* ---- with a secret ---- */

/* Places a segment behind the one before; its end must lie in the store. */
static enum coffer_status place_segment(const struct luks_segment *segment, const struct storage *storage,
                                        struct format_opened *opened, struct coffer_error *error)
{
    uint32_t sector_size = opened->sector_size;
    if (segment->offset >= storage->size || segment->size > storage->size - segment->offset) {
        return error_set(error, COFFER_DAMAGED, 0,
                         "its data lies beyond the end: it was cut short, or is in another file than its header");
    }
    uint64_t size = segment->size != 0 ? segment->size : storage->size - segment->offset;
    if (segment->size % sector_size != 0 || size < sector_size) {
        return error_set(error, COFFER_DAMAGED, 0, "its LUKS header is damaged: a segment is not whole sectors");
    }
    size -= size % sector_size;
    return format_opened_add(opened, SEGMENT_CIPHER, size, segment->offset, segment->tweak, error);
}

static enum coffer_status place_data(const struct luks_header *header, bool detached,
                                     const struct storage *storage, struct format_opened *opened,
                                     struct coffer_error *error)
{
    opened->sector_size = header->segment[0].sector_size;
    for (unsigned i = 0; i < header->segments; i++) {
        const struct luks_segment *segment = &header->segment[i];
        if (!detached && segment->offset < header->end) {
            return error_set(error, COFFER_UNSUPPORTED, 0,
                             "it is a detached LUKS header; its data lies in another file");
        }
        enum coffer_status status = place_segment(segment, storage, opened, error);
        if (status != COFFER_OK) {
            return status;
        }
    }
    return COFFER_OK;
}

/* The name of the cipher, and the key with it. */
static enum coffer_status take_key(struct storage *storage, const struct luks_header *header,
                                   const struct coffer_credential *credential,
                                   const struct coffer_open_options *options, struct format_opened *opened,
                                   struct coffer_error *error)
{
    uint32_t key_size = 0;
    _Static_assert(LUKS_KEY_MAX <= sizeof(opened->sectors.key), "the key fits");
    enum coffer_status status = luks_key_open(storage, header, credential, options, opened->sectors.key, &key_size,
                                              &opened->info.slot, error);
    return status != COFFER_OK ? status
                               : cipher_name_parse(header->segment[0].cipher, key_size, opened->sector_size,
                                                   &opened->sectors, error);
}

static void notice_damage(const struct luks_header *header, const struct coffer_callbacks *callbacks)
{
    if (header->second) {
        notice(callbacks, "the first copy of its LUKS header is damaged; cryptsetup repairs it");
    }
}

static enum coffer_status luks_open(struct storage *storage, const struct coffer_credential *credential,
                                    const struct coffer_open_options *options, struct format_opened *opened,
                                    struct coffer_error *error)
{
    struct storage *detached __attribute__((cleanup(close_storage))) = NULL;
    struct luks_header *header __attribute__((cleanup(free_header))) = calloc(1, sizeof(*header));
    if (header == NULL) {
        return error_set_no_memory(error);
    }
    if (options->header != NULL) {
        enum coffer_status status =
            storage_open(options->header, -1, true, STORAGE_UNLOCKED, &options->callbacks, &detached, error);
        if (status != COFFER_OK) {
            return status;
        }
    }
    struct storage *place = detached != NULL ? detached : storage;
    enum coffer_status status = read_header(place, options->type != NULL, header, error);
    status = status != COFFER_OK ? status : check_finished(header, options->unfinished, error);
    status = status != COFFER_OK ? status : check_supported(header, error);
    status = status != COFFER_OK ? status : place_data(header, detached != NULL, storage, opened, error);
    status = status != COFFER_OK ? status : take_key(place, header, credential, options, opened, error);
    if (status != COFFER_OK) {
        return status;
    }
    notice_damage(header, &options->callbacks);
    luks_describe(header, &opened->info);
    opened->info.unlocked = true;
    opened->info.data_size = opened->data_size;
    return COFFER_OK;
}

const struct format FORMAT_LUKS = {
    .name = "luks",
    .recognise = luks_recognise,
    .open = luks_open,
};
