/* SPDX-License-Identifier: ISC */
/*
 * format_bitlk.c - opens BitLocker volumes. Their metadata is read and never written.
 *
 * The map: the first bytes of the volume are stored elsewhere, for the boot sector is BitLocker's own; the place where
 * they are stored, and those of the three copies of the metadata, read as zeros and cannot be written; everything
 * else is in its place. The IV is that of the place on the medium.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bitlk.h"
#include "bitlk_key.h"
#include "crypto.h"
#include "error.h"
#include "format.h"
#include "notice.h"
#include "uuid.h"

struct method {
    uint16_t number;
    const char *name;
    uint32_t blob_size; /* bytes that are sealed */
    struct crypto_sector_spec spec;
};

#define AES(bytes, cipher_mode, iv_kind)                                                                       \
    {                                                                                                          \
        .layer = { { CRYPTO_AES, bytes } }, .layers = 1, .mode = cipher_mode, .iv = iv_kind, .key_size = bytes \
    }

/* Beside the cipher's key, one of the same size for the diffuser. */
#define AES_ELEPHANT(bytes)                                                                                  \
    {                                                                                                        \
        .layer = { { CRYPTO_AES, bytes } }, .layers = 1, .mode = CRYPTO_CBC_ELEPHANT, .iv = CRYPTO_IV_EBOIV, \
        .key_size = 2 * (bytes)                                                                              \
    }

static const struct method METHODS[] = {
    { 0x8000, "aes-cbc-elephant", 64, AES_ELEPHANT(16) },
    { 0x8001, "aes-cbc-elephant", 64, AES_ELEPHANT(32) },
    { 0x8002, "aes-cbc-eboiv", 16, AES(16, CRYPTO_CBC, CRYPTO_IV_EBOIV) },
    { 0x8003, "aes-cbc-eboiv", 32, AES(32, CRYPTO_CBC, CRYPTO_IV_EBOIV) },
    { 0x8004, "aes-xts-plain64", 32, AES(32, CRYPTO_XTS, CRYPTO_IV_PLAIN64) },
    { 0x8005, "aes-xts-plain64", 64, AES(64, CRYPTO_XTS, CRYPTO_IV_PLAIN64) },
};

static const struct method *find_method(uint16_t number)
{
    for (size_t i = 0; i < sizeof(METHODS) / sizeof(METHODS[0]); i++) {
        if (METHODS[i].number == number) {
            return &METHODS[i];
        }
    }
    return NULL;
}

static void free_bitlk(struct bitlk **bitlk)
{
    free(*bitlk);
}

/* ---- without a secret ---- */

static const char *name_of(uint16_t protection)
{
    switch (protection) {
    case BITLK_CLEAR:
        return "no secret at all, its protection being suspended";
    case BITLK_PASSPHRASE:
        return "a passphrase";
    case BITLK_RECOVERY:
        return "a recovery password";
    case BITLK_STARTUP_KEY:
        return "a startup key file";
    case BITLK_TPM:
    case BITLK_TPM_PIN:
        return "the TPM of its machine";
    default:
        return "an unknown protector";
    }
}

static void describe_protectors(const struct bitlk *bitlk, struct coffer_info *info)
{
    for (unsigned i = 0; i < bitlk->masters; i++) {
        const char *name = name_of(bitlk->master[i].protection);
        size_t used = strlen(info->opens_with);
        info->slot_set |= 1u << i;
        info->slots_used++;
        info->needs_no_secret |= bitlk->master[i].protection == BITLK_CLEAR && bitlk->master[i].has_clear_key;
        if (strstr(info->opens_with, name) == NULL) {
            (void)snprintf(info->opens_with + used, sizeof(info->opens_with) - used, "%s%s", used > 0 ? ", " : "",
                           name);
        }
    }
}

static enum coffer_status check_supported(const struct bitlk *bitlk, struct coffer_error *error)
{
    if (bitlk->on_write) {
        return error_set(
            error, COFFER_UNSUPPORTED, 0,
            "only what Windows has written since is encrypted (encrypt-on-write), which is not supported");
    }
    if (find_method(bitlk->method) == NULL) {
        return error_set(error, COFFER_UNSUPPORTED, 0, "its BitLocker cipher, 0x%04x, is not supported",
                         bitlk->method);
    }
    return COFFER_OK;
}

static void describe_public(const struct bitlk *bitlk, struct coffer_info *info)
{
    struct coffer_error reason = COFFER_ERROR_INIT;
    const struct method *method = find_method(bitlk->method);
    info->format = "bitlocker";
    info->version = bitlk->version;
    info->marked = true;
    info->slots = BITLK_KEYS_MAX;
    info->sector_size = bitlk->sector_size;
    uuid_from_guid(bitlk->guid, info->uuid);
    memcpy(info->label, bitlk->label, sizeof(info->label));
    if (method != NULL) {
        (void)snprintf(info->cipher, sizeof(info->cipher), "%s", method->name);
    } else {
        (void)snprintf(info->cipher, sizeof(info->cipher), "unknown (0x%04x)", bitlk->method);
    }
    (void)snprintf(info->kdf, sizeof(info->kdf), "sha256-chain");
    info->kdf_iterations = 0x100000;
    describe_protectors(bitlk, info);
    if (check_supported(bitlk, &reason) != COFFER_OK) {
        (void)snprintf(info->refused, sizeof(info->refused), "%.127s", reason.text);
    }
}

static bool bitlk_recognise(struct storage *storage, struct coffer_info *info, enum coffer_status *status,
                            struct coffer_error *error)
{
    if (!bitlk_find(storage)) {
        return false;
    }
    struct bitlk *bitlk __attribute__((cleanup(free_bitlk))) = calloc(1, sizeof(*bitlk));
    if (bitlk == NULL) {
        *status = error_set_no_memory(error);
        return true;
    }
    *status = bitlk_read(storage, bitlk, error);
    if (*status == COFFER_OK) {
        describe_public(bitlk, info);
    }
    return true;
}

/* ---- the map ---- */

struct hole {
    uint64_t start, size;
};

#define HOLES (BITLK_AREAS + 1)

static int compare_holes(const void *a, const void *b)
{
    const struct hole *left = a, *right = b;
    return left->start < right->start ? -1 : left->start > right->start;
}

static enum coffer_status add(struct format_opened *opened, enum segment_kind kind, uint64_t size, uint64_t place,
                              struct coffer_error *error)
{
    return format_opened_add(opened, kind, size, place, place / 512, error);
}

/* What is stored in its place, up to `end`; beyond `limit` it is not encrypted yet. */
static enum coffer_status add_in_place(struct format_opened *opened, uint64_t end, uint64_t limit,
                                       struct coffer_error *error)
{
    uint64_t at = opened->data_size;
    uint64_t middle = limit < at ? at : limit > end ? end : limit;
    enum coffer_status status = add(opened, SEGMENT_CIPHER, middle - at, at, error);
    return status != COFFER_OK ? status : add(opened, SEGMENT_PLAIN, end - middle, middle, error);
}

static enum coffer_status damaged(struct coffer_error *error)
{
    return error_set(error, COFFER_DAMAGED, 0,
                     "its BitLocker metadata is damaged, or it was cut short: its parts overlap or lie outside");
}

static enum coffer_status place_all(const struct bitlk *bitlk, uint64_t size, struct format_opened *opened,
                                    struct coffer_error *error)
{
    struct hole hole[HOLES] = { { bitlk->boot_offset, bitlk->boot_size } };
    uint64_t mask = bitlk->sector_size - 1;
    uint64_t limit = bitlk->encrypted_size != 0 ? bitlk->encrypted_size & ~mask : size;
    for (unsigned i = 0; i < BITLK_AREAS; i++) {
        hole[i + 1] = (struct hole){ bitlk->area[i], BITLK_AREA_SIZE };
    }
    qsort(hole, HOLES, sizeof(hole[0]), compare_holes);
    if (bitlk->boot_size == 0 || (bitlk->boot_size & mask) != 0 || bitlk->boot_size > size) {
        return damaged(error);
    }
    enum coffer_status status = add(opened, SEGMENT_CIPHER, bitlk->boot_size, bitlk->boot_offset, error);
    for (unsigned i = 0; i < HOLES && status == COFFER_OK; i++) {
        if ((hole[i].start & mask) != 0 || hole[i].start < opened->data_size || hole[i].start > size ||
            hole[i].size > size - hole[i].start) {
            return damaged(error);
        }
        status = add_in_place(opened, hole[i].start, limit, error);
        status = status != COFFER_OK ? status : add(opened, SEGMENT_ZERO, hole[i].size, hole[i].start, error);
    }
    return status != COFFER_OK ? status : add_in_place(opened, size, limit, error);
}

/* ---- with a secret ---- */

static enum coffer_status take_key(const struct bitlk *bitlk, const struct coffer_credential *credential,
                                   const struct coffer_open_options *options, struct format_opened *opened,
                                   struct coffer_error *error)
{
    const struct method *method = find_method(bitlk->method);
    uint32_t size = 0;
    opened->sectors = method->spec;
    opened->sectors.sector_size = opened->sectors.iv_unit = opened->sector_size;
    enum coffer_status status =
        bitlk_key_open(bitlk, credential, options, opened->sectors.key, &size, &opened->info.slot, error);
    if (status == COFFER_OK && size != method->blob_size) {
        return error_set(error, COFFER_DAMAGED, 0, "its BitLocker metadata is damaged: the key has %u bytes",
                         size);
    }
    if (status == COFFER_OK && size > opened->sectors.key_size) { /* two short keys, each in 32 bytes */
        uint32_t half = opened->sectors.key_size / 2;
        memmove(opened->sectors.key + half, opened->sectors.key + size / 2, half);
        crypto_wipe(opened->sectors.key + 2 * (size_t)half, size - 2 * (size_t)half);
    }
    return status;
}

static void notice_plain(const struct bitlk *bitlk, const struct coffer_callbacks *callbacks)
{
    if (bitlk->encrypted_size != 0) {
        notice(callbacks, "Windows has not encrypted all of it yet, so it can only be read");
    }
}

static enum coffer_status bitlk_open(struct storage *storage, const struct coffer_credential *credential,
                                     const struct coffer_open_options *options, struct format_opened *opened,
                                     struct coffer_error *error)
{
    struct bitlk *bitlk __attribute__((cleanup(free_bitlk))) = calloc(1, sizeof(*bitlk));
    if (bitlk == NULL) {
        return error_set_no_memory(error);
    }
    enum coffer_status status = bitlk_read(storage, bitlk, error);
    status = status != COFFER_OK ? status : check_supported(bitlk, error);
    if (status != COFFER_OK) {
        return status;
    }
    opened->sector_size = bitlk->sector_size;
    status = place_all(bitlk, storage->size & ~(uint64_t)(bitlk->sector_size - 1), opened, error);
    status = status != COFFER_OK ? status : take_key(bitlk, credential, options, opened, error);
    if (status == COFFER_OK) {
        notice_plain(bitlk, &options->callbacks);
        describe_public(bitlk, &opened->info);
        opened->info.unlocked = true;
        opened->info.data_size = opened->data_size;
    }
    return status;
}

const struct format FORMAT_BITLK = {
    .name = "bitlocker",
    .recognise = bitlk_recognise,
    .open = bitlk_open,
};
