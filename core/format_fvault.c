/* SPDX-License-Identifier: ISC */
/*
 * format_fvault.c - opens FileVault 2 volumes. Their metadata is read and never written.
 *
 * The map: pieces of the volume one after the other, each somewhere on the disk. Sectors are numbered from the start of
 * the volume, wherever they are.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crypto.h"
#include "error.h"
#include "format.h"
#include "fvault.h"
#include "fvault_key.h"

#define SECTOR_SIZE 512

static void free_fvault(struct fvault **fvault)
{
    free(*fvault);
}

/* ---- without a secret ---- */

static const char *reason_to_refuse(const struct fvault *fvault)
{
    if (fvault->refused[0] != '\0') {
        return fvault->refused;
    }
    if (fvault->users == 0 || fvault->keys == 0) {
        return "its keys are not in it; those of a Mac's system disk lie on another partition";
    }
    return NULL;
}

static void describe_public(const struct fvault *fvault, struct coffer_info *info)
{
    const char *reason = reason_to_refuse(fvault);
    info->format = "filevault";
    info->version = 2;
    info->marked = true;
    info->slots = FVAULT_USERS_MAX;
    info->sector_size = SECTOR_SIZE;
    memcpy(info->uuid, fvault->uuid, sizeof(info->uuid));
    memcpy(info->label, fvault->name, sizeof(info->label));
    (void)snprintf(info->cipher, sizeof(info->cipher), "aes-xts-plain64");
    (void)snprintf(info->kdf, sizeof(info->kdf), "pbkdf2-sha256");
    for (unsigned i = 0; i < fvault->users; i++) {
        info->slot_set |= 1u << i;
        info->slots_used++;
        info->kdf_iterations = fvault->user[i].iterations;
    }
    (void)snprintf(info->opens_with, sizeof(info->opens_with), "%s",
                   fvault->users > 0 ? "a passphrase" : "nothing that is in it");
    (void)snprintf(info->refused, sizeof(info->refused), "%s", reason != NULL ? reason : "");
}

static bool fvault_recognise(struct storage *storage, struct coffer_info *info, enum coffer_status *status,
                             struct coffer_error *error)
{
    if (!fvault_find(storage)) {
        return false;
    }
    struct fvault *fvault __attribute__((cleanup(free_fvault))) = calloc(1, sizeof(*fvault));
    if (fvault == NULL) {
        *status = error_set_no_memory(error);
        return true;
    }
    *status = fvault_read(storage, fvault, error);
    if (*status == COFFER_OK) {
        describe_public(fvault, info);
    }
    return true;
}

/* ---- the map ---- */

/* The piece that starts at block `logical`; NULL: there is none. */
static const struct fvault_extent *piece_at(const struct fvault *fvault, uint64_t logical)
{
    for (unsigned i = 0; i < fvault->extents; i++) {
        if (fvault->extent[i].logical == logical && fvault->extent[i].count > 0) {
            return &fvault->extent[i];
        }
    }
    return NULL;
}

static enum coffer_status damaged(struct coffer_error *error)
{
    return error_set(error, COFFER_DAMAGED, 0,
                     "its FileVault metadata is damaged, or it was cut short: its pieces do not fit");
}

static enum coffer_status place_all(const struct fvault *fvault, uint64_t storage_size,
                                    struct format_opened *opened, struct coffer_error *error)
{
    uint64_t size = fvault->size;
    if (size == 0 || size % SECTOR_SIZE != 0) {
        return damaged(error);
    }
    while (opened->data_size < size) {
        const struct fvault_extent *piece = piece_at(fvault, opened->data_size / fvault->block_size);
        uint64_t offset, bytes, end;
        if (piece == NULL || __builtin_mul_overflow(piece->physical, fvault->block_size, &offset) ||
            __builtin_mul_overflow(piece->count, fvault->block_size, &bytes)) {
            return damaged(error);
        }
        bytes = bytes < size - opened->data_size ? bytes : size - opened->data_size;
        if (__builtin_add_overflow(offset, bytes, &end) || end > storage_size) {
            return damaged(error);
        }
        enum coffer_status status =
            format_opened_add(opened, SEGMENT_CIPHER, bytes, offset, opened->data_size / SECTOR_SIZE, error);
        if (status != COFFER_OK) {
            return status;
        }
    }
    return COFFER_OK;
}

/* ---- with a secret ---- */

static enum coffer_status fvault_open(struct storage *storage, const struct coffer_credential *credential,
                                      const struct coffer_open_options *options, struct format_opened *opened,
                                      struct coffer_error *error)
{
    struct fvault *fvault __attribute__((cleanup(free_fvault))) = calloc(1, sizeof(*fvault));
    if (fvault == NULL) {
        return error_set_no_memory(error);
    }
    enum coffer_status status = fvault_read(storage, fvault, error);
    if (status != COFFER_OK) {
        return status;
    }
    const char *reason = reason_to_refuse(fvault);
    if (reason != NULL) {
        return error_set(error, COFFER_UNSUPPORTED, 0, "%s", reason);
    }
    opened->sector_size = SECTOR_SIZE;
    status = place_all(fvault, storage->size, opened, error);
    if (status != COFFER_OK) {
        return status;
    }
    opened->sectors = (struct crypto_sector_spec){
        .layer = { { CRYPTO_AES, FVAULT_KEY_SIZE } },
        .layers = 1,
        .mode = CRYPTO_XTS,
        .iv = CRYPTO_IV_PLAIN64,
        .sector_size = SECTOR_SIZE,
        .iv_unit = SECTOR_SIZE,
        .key_size = FVAULT_KEY_SIZE,
    };
    status = fvault_key_open(fvault, credential, options, opened->sectors.key, &opened->info.slot, error);
    if (status == COFFER_OK) {
        describe_public(fvault, &opened->info);
        opened->info.unlocked = true;
        opened->info.data_size = opened->data_size;
        opened->info.data_offset = opened->segment[0].storage_offset;
    }
    return status;
}

const struct format FORMAT_FVAULT = {
    .name = "filevault",
    .recognise = fvault_recognise,
    .open = fvault_open,
};
