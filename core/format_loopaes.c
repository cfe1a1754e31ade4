/* SPDX-License-Identifier: ISC */
/*
 * format_loopaes.c - opens volumes of loop-AES. They have no header at all: every byte is data, and neither the
 * size of the keys nor a wrong one shows. So they are opened where they are named and never tried, and there is a
 * format for each size.
 */
#include <stdio.h>
#include <string.h>

#include "cipher_name.h"
#include "credential.h"
#include "error.h"
#include "format.h"
#include "loopaes_key.h"
#include "notice.h"

#define SECTOR_SIZE 512

/* What is known to be something else would be destroyed by the first write. */
static enum coffer_status check_unmarked(struct storage *storage, struct coffer_error *error)
{
    struct coffer_info info = { .size = sizeof(info) };
    enum coffer_status status = COFFER_OK;
    const struct format *format = format_recognise(storage, NULL, &info, &status, error);
    if (format == NULL || status != COFFER_OK) {
        return status;
    }
    return error_set(error, COFFER_INVALID, 0, "it is a %s volume, not one of loop-AES", format->name);
}

static enum coffer_status choose_hash(const struct coffer_open_options *options, uint32_t key_size,
                                      struct loopaes_hash *hash, struct coffer_error *error)
{
    *hash = loopaes_hash_of(key_size);
    if (options->hash != NULL) {
        hash->digest = cipher_name_digest(options->hash);
        if (hash->digest != CRYPTO_SHA256 && hash->digest != CRYPTO_SHA512) {
            return error_set(error, COFFER_INVALID, 0, "loop-AES hashes its keys with sha256 or sha512, not %.20s",
                             options->hash);
        }
    }
    return COFFER_OK;
}

/* The one key file, or the passphrase. */
static enum coffer_status choose_text(const struct coffer_credential *credential, const uint8_t **text,
                                      size_t *size, struct coffer_error *error)
{
    bool is_cut = false;
    size_t passphrase_size = credential_passphrase(credential, text);
    enum credential_kind kind = credential_kind(credential);
    if (kind == CREDENTIAL_PASSPHRASE) {
        *size = passphrase_size;
        return COFFER_OK;
    }
    if (kind != CREDENTIAL_FACTORS || passphrase_size > 0 || credential_key_files(credential) != 1) {
        return error_set(error, COFFER_INVALID, 0, "loop-AES takes one key file, or a passphrase");
    }
    *size = credential_key_file(credential, 0, text, &is_cut);
    if (is_cut) {
        return error_set(error, COFFER_INVALID, 0, "the key file is too large to be one of loop-AES");
    }
    return COFFER_OK;
}

static enum coffer_status take_key(const struct coffer_credential *credential,
                                   const struct coffer_open_options *options, struct format_opened *opened,
                                   struct coffer_error *error)
{
    struct crypto_sector_spec *sectors = &opened->sectors;
    uint32_t key_size = sectors->layer[0].key_size;
    struct loopaes_hash hash;
    const uint8_t *text = NULL;
    size_t size = 0;
    unsigned keys = 0;
    _Static_assert(LOOPAES_KEYS_MAX * 32 <= sizeof(sectors->key), "the keys fit");
    enum coffer_status status = choose_hash(options, key_size, &hash, error);
    status = status ? status : choose_text(credential, &text, &size, error);
    status = status ? status : loopaes_key_make(text, size, hash, sectors->key, &keys, error);
    if (status != COFFER_OK) {
        return status;
    }
    if (memchr(text, '\r', size) != NULL) {
        notice(&options->callbacks, "there is a CR in the key, and it counts as part of it");
    }
    sectors->key_size = keys * key_size;
    sectors->iv = keys == 1 ? CRYPTO_IV_PLAIN64 : CRYPTO_IV_LMK;
    opened->info.version = keys == 1 ? 1 : keys < LOOPAES_KEYS_MAX ? 2 : 3;
    return COFFER_OK;
}

/* All whole sectors of the store. */
static enum coffer_status place_data(const struct storage *storage, struct format_opened *opened,
                                     struct coffer_error *error)
{
    uint64_t size = storage->size - storage->size % SECTOR_SIZE;
    if (size == 0) {
        return error_set(error, COFFER_NOT_FOUND, 0, "it is too small for a volume");
    }
    format_opened_place(opened, size, 0, 0);
    opened->sector_size = SECTOR_SIZE;
    return COFFER_OK;
}

static enum coffer_status open_with(const char *name, uint32_t key_size, struct storage *storage,
                                    const struct coffer_credential *credential,
                                    const struct coffer_open_options *options, struct format_opened *opened,
                                    struct coffer_error *error)
{
    enum coffer_status status = check_unmarked(storage, error);
    status = status ? status : place_data(storage, opened, error);
    if (status != COFFER_OK) {
        return status;
    }
    opened->sectors = (struct crypto_sector_spec){
        .layer = { { CRYPTO_AES, key_size } },
        .layers = 1,
        .mode = CRYPTO_CBC,
        .sector_size = SECTOR_SIZE,
        .iv_unit = SECTOR_SIZE,
    };
    status = take_key(credential, options, opened, error);
    if (status == COFFER_OK) {
        struct coffer_info *info = &opened->info;
        info->format = name;
        info->unlocked = true;
        info->is_unverified = true;
        info->sector_size = SECTOR_SIZE;
        info->data_size = opened->data_size;
        (void)cipher_name_write(&opened->sectors, 0, info->cipher);
    }
    return status;
}

#define FORMAT(suffix, named, key_size)                                                                          \
    static enum coffer_status open_##suffix(struct storage *storage, const struct coffer_credential *credential, \
                                            const struct coffer_open_options *options,                           \
                                            struct format_opened *opened, struct coffer_error *error)            \
    {                                                                                                            \
        return open_with(named, key_size, storage, credential, options, opened, error);                          \
    }                                                                                                            \
    const struct format FORMAT_LOOPAES_##suffix = { .name = named, .has_no_header = true, .open = open_##suffix }

FORMAT(128, "loop-aes", 16);
FORMAT(192, "loop-aes-192", 24);
FORMAT(256, "loop-aes-256", 32);
