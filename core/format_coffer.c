/* SPDX-License-Identifier: ISC */
/*
 * format_coffer.c - opens volumes of our own format, marked and unmarked (spec/volume.md).
 */
#include "format_coffer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "scope.h"
#include "unlock.h"

const struct format_coffer_level FORMAT_COFFER_LEVEL[FORMAT_COFFER_LEVELS] = {
    { 8 << 10, 1 }, { 64 << 10, 3 }, { 256 << 10, 3 }, { 1 << 20, 4 }, { 4 << 20, 4 },
};

/* The order in which levels are tried without being named; 0 and 4 only by name. */
static const int LADDER[] = { 2, 1, 3 };

/* ---- without a secret ---- */

void format_coffer_describe_public(const struct unlock_image *image, struct coffer_info *info)
{
    info->format = "coffer";
    info->version = 1;
    info->marked = unlock_is_marked(image);
    info->slots = HEADER_SLOTS;
    (void)snprintf(info->kdf, sizeof(info->kdf), "argon2id");
    info->front_ok = image->verdict[HEADER_FRONT] == HEADER_USABLE;
    info->tail_ok = image->verdict[HEADER_TAIL] == HEADER_USABLE;
    info->front_slots_ok = info->front_ok && header_slots_check(image->block[HEADER_FRONT][0]);
    info->tail_slots_ok = info->tail_ok && header_slots_check(image->block[HEADER_TAIL][0]);
    if (info->front_ok || info->tail_ok) {
        const struct header_preamble *preamble = &image->preamble[info->front_ok ? HEADER_FRONT : HEADER_TAIL];
        memcpy(info->uuid, preamble->uuid, sizeof(info->uuid));
        memcpy(info->label, preamble->label, HEADER_LABEL_SIZE);
        info->kdf_memory = preamble->memory;
        info->kdf_passes = preamble->passes;
        info->kdf_lanes = 1;
    }
}

static bool coffer_recognise(struct storage *storage, struct coffer_info *info, enum coffer_status *status,
                             struct coffer_error *error)
{
    struct unlock_image *image __attribute__((cleanup(free_image))) = unlock_read(storage);
    if (image == NULL) {
        *status = error_set_no_memory(error);
        return true;
    }
    if (!unlock_is_marked(image)) {
        return false;
    }
    format_coffer_describe_public(image, info);
    *status = unlock_judge(image, error);
    return true;
}

/* ---- with a secret ---- */

void format_coffer_describe(struct copies *copies, struct format_opened *opened)
{
    struct header_fields fields;
    header_get_fields(&copies->body, &fields);
    format_opened_place(opened, fields.data_size, fields.data_offset, fields.iv_base);
    opened->sector_size = 1u << fields.sector_shift;
    opened->thin = (fields.incompat & HEADER_INCOMPAT_HOLES) != 0;
    opened->read_only = (fields.ro_compat & ~HEADER_RO_COMPAT_KNOWN) != 0 || copies->stranger[HEADER_FRONT] ||
                        copies->stranger[HEADER_TAIL];
    opened->sectors = (struct crypto_sector_spec){
        .layer = { { CRYPTO_AES, CRYPTO_SECTOR_KEY_SIZE } },
        .layers = 1,
        .mode = CRYPTO_XTS,
        .iv = CRYPTO_IV_PLAIN64,
        .sector_size = opened->sector_size,
        .iv_unit = 512,
        .key_size = CRYPTO_SECTOR_KEY_SIZE,
    };
    memcpy(opened->sectors.key, header_key(&copies->body), CRYPTO_SECTOR_KEY_SIZE);

    struct coffer_info *info = &opened->info;
    info->format = "coffer";
    info->version = 1;
    info->marked = copies->marked;
    info->unlocked = true;
    info->hidden = copies->volume != 0;
    info->thin = opened->thin;
    info->filled = (fields.compat & HEADER_COMPAT_FILLED) != 0;
    info->sector_size = opened->sector_size;
    info->data_size = fields.data_size;
    info->data_offset = fields.data_offset;
    info->iv_base = fields.iv_base;
    info->header_seq = fields.seq;
    info->created = fields.created;
    info->kdf_memory = copies->memory;
    info->kdf_passes = copies->passes;
    info->kdf_lanes = 1;
    (void)snprintf(info->cipher, sizeof(info->cipher), "aes-xts-plain64");
    (void)snprintf(info->kdf, sizeof(info->kdf), "argon2id");
    info->slots = HEADER_SLOTS;
    info->slot = copies->slot;
    if (!copies->marked) {
        memcpy(info->uuid, fields.uuid, sizeof(info->uuid));
    }
    memcpy(info->private_label, header_private_label(&copies->body), HEADER_PRIVATE_LABEL_SIZE);
    for (unsigned slot = 0; slot < HEADER_SLOTS; slot++) {
        struct header_slot_record record;
        header_get_slot(&copies->body, slot, &record);
        info->slots_used += record.kind != CREDENTIAL_EMPTY;
    }
}

/* A mount must not fail because a repair does: the copy that won is whole. A growth cut short is different, and so is
 * a copy of which nobody can say, for want of memory, whether it is another volume's. */
static enum coffer_status heal(struct copies *copies, const struct coffer_credential *credential,
                               const struct coffer_callbacks *callbacks, struct coffer_error *error)
{
    bool healed = false;
    struct coffer_error reason = COFFER_ERROR_INIT;
    char text[300];
    enum coffer_status status = copies_heal(copies, credential, &healed, &reason);
    if (status == COFFER_NO_MEMORY || (status != COFFER_OK && copies->old_tail != 0)) {
        return error_set(error, status, reason.sys, "%s", reason.text);
    }
    if (callbacks->notice == NULL) {
        return COFFER_OK;
    }
    if (copies_check_own(copies, &reason) != COFFER_OK) {
        (void)snprintf(text, sizeof(text), "%s: nothing is written until a header backup has been restored",
                       reason.text);
        callbacks->notice(callbacks->user, text);
    } else if (status != COFFER_OK) {
        (void)snprintf(text, sizeof(text), "one header copy is damaged and could not be repaired: %s",
                       reason.text);
        callbacks->notice(callbacks->user, text);
    } else if (healed) {
        callbacks->notice(callbacks->user, "one header copy was damaged; it has been repaired");
    } else if (!copies->good[HEADER_FRONT] || !copies->good[HEADER_TAIL]) {
        callbacks->notice(callbacks->user, "one header copy is damaged; opening it for writing repairs it");
    }
    return COFFER_OK;
}

/* The levels one after the other. A level that memory forbids is remembered: the secret may belong to it. */
static enum coffer_status unlock_unmarked(const struct unlock_image *image,
                                          const struct coffer_credential *credential, int level,
                                          struct copies *copies, struct coffer_error *error)
{
    struct coffer_error skipped = COFFER_ERROR_INIT;
    enum coffer_status status = COFFER_WRONG_SECRET;
    bool once = level >= 0 || !credential_needs_kdf(credential, CREDENTIAL_AS_GIVEN);
    for (size_t i = 0; i < (once ? 1 : sizeof(LADDER) / sizeof(LADDER[0])); i++) {
        struct coffer_error reason = COFFER_ERROR_INIT;
        const struct format_coffer_level *cost = &FORMAT_COFFER_LEVEL[level >= 0 ? level : LADDER[i]];
        status = unlock_header(image, credential, cost->memory, cost->passes, copies, &reason);
        if (status == COFFER_NO_MEMORY) {
            (void)error_set(&skipped, COFFER_NO_MEMORY, reason.sys, "level %d was skipped: %.200s",
                            level >= 0 ? level : LADDER[i], reason.text);
        } else if (status != COFFER_WRONG_SECRET) {
            return status == COFFER_OK ? status : error_set(error, status, reason.sys, "%s", reason.text);
        }
    }
    if (skipped.status != COFFER_OK) {
        return error_set(error, skipped.status, skipped.sys, "%s", skipped.text);
    }
    return error_set(error, COFFER_WRONG_SECRET, 0, "no format opens with this secret");
}

enum coffer_status format_coffer_find(const struct unlock_image *image, const struct coffer_credential *credential,
                                      const struct coffer_open_options *options, struct copies *copies,
                                      struct coffer_error *error)
{
    if (options->kdf_level < -1 || options->kdf_level >= FORMAT_COFFER_LEVELS) {
        return error_set(error, COFFER_INVALID, 0, "a KDF level is 0 to %d", FORMAT_COFFER_LEVELS - 1);
    }
    if (unlock_is_marked(image)) {
        enum coffer_status status = unlock_judge(image, error);
        return status != COFFER_OK ? status : unlock_header(image, credential, 0, 0, copies, error);
    }
    if (image->storage->size < 2 * HEADER_END_SIZE + HEADER_DATA_MIN) {
        return error_set(error, COFFER_NOT_FOUND, 0, "it is not a volume: it is too small for any format");
    }
    return unlock_unmarked(image, credential, options->kdf_level, copies, error);
}

enum coffer_status format_coffer_unlock(const struct unlock_image *image,
                                        const struct coffer_credential *credential,
                                        const struct coffer_open_options *options, struct copies *copies,
                                        struct coffer_error *error)
{
    enum coffer_status status = format_coffer_find(image, credential, options, copies, error);
    return status == COFFER_OK ? heal(copies, credential, &options->callbacks, error) : status;
}

/* Finds the hidden volume by its own secret; the outer one will not be written there. */
static enum coffer_status protect_hidden(const struct unlock_image *image,
                                         const struct coffer_open_options *options, const struct copies *outer,
                                         struct format_opened *opened, struct coffer_error *error)
{
    struct header_fields fields, around;
    struct copies *copies __attribute__((cleanup(free_copies))) = copies_new();
    if (copies == NULL) {
        return error_set_no_memory(error);
    }
    if (outer->volume != 0) {
        return error_set(error, COFFER_INVALID, 0, "the first secret opens the hidden volume, not the outer one");
    }
    enum coffer_status status =
        unlock_header(image, options->protect_hidden, outer->memory, outer->passes, copies, error);
    if (status != COFFER_OK) {
        return status;
    }
    if (copies->volume == 0) {
        return error_set(error, COFFER_WRONG_SECRET, 0, "the second secret does not open a hidden volume");
    }
    header_get_fields(&copies->body, &fields);
    header_get_fields(&outer->body, &around);
    if (fields.data_offset < around.data_offset ||
        fields.data_offset + fields.data_size > around.data_offset + around.data_size) {
        return error_set(error, COFFER_DAMAGED, 0, "the hidden volume does not lie inside the outer one");
    }
    opened->protected_start = fields.data_offset;
    opened->protected_end = fields.data_offset + fields.data_size;
    return COFFER_OK;
}

/* Who goes on with what was not finished must not do so with another volume. */
static enum coffer_status check_unfinished(const struct copies *copies, struct coffer_error *error)
{
    struct header_fields fields;
    header_get_fields(&copies->body, &fields);
    return (fields.incompat & HEADER_INCOMPAT_UNFINISHED) != 0
               ? COFFER_OK
               : error_set(error, COFFER_INVALID, EEXIST, "it is a volume that is complete");
}

static enum coffer_status coffer_open(struct storage *storage, const struct coffer_credential *credential,
                                      const struct coffer_open_options *options, struct format_opened *opened,
                                      struct coffer_error *error)
{
    struct unlock_image *image __attribute__((cleanup(free_image))) = unlock_read(storage);
    struct copies *copies __attribute__((cleanup(free_copies))) = copies_new();
    if (image == NULL || copies == NULL) {
        return error_set_no_memory(error);
    }
    copies->also_known = options->unfinished ? HEADER_INCOMPAT_UNFINISHED : 0;
    enum coffer_status status = format_coffer_unlock(image, credential, options, copies, error);
    opened->info.unlocked = status == COFFER_OK;
    if (status == COFFER_OK && options->unfinished) {
        status = check_unfinished(copies, error);
    }
    if (status == COFFER_OK && options->protect_hidden != NULL) {
        status = protect_hidden(image, options, copies, opened, error);
    }
    if (status == COFFER_OK) {
        format_coffer_describe_public(image, &opened->info);
        format_coffer_describe(copies, opened);
    }
    return status;
}

const struct format FORMAT_COFFER = {
    .name = "coffer",
    .protects_hidden = true,
    .recognise = coffer_recognise,
    .open = coffer_open,
};
