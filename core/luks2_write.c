/* SPDX-License-Identifier: ISC */
/*
 * luks2_write.c - a LUKS2 header that stands in a file of its own, over the data of an open volume.
 *
 * It is the way out for a system that has cryptsetup and no coffer. One key slot, whose key derivation costs what
 * that of the volume does, for the header must not be the cheaper thing to guess at. cryptsetup refuses a header that
 * would not fit in front of the data, even where it is not there: so the file has the size of what is in front of the
 * data, which leaves it room for slots of its own, up to the size that it gives its headers itself.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "error.h"
#include "luks2_layout.h"
#include "luks_key.h"
#include "luks_split.h"
#include "memory_budget.h"
#include "scope.h"
#include "volume.h"

#define FILE_SIZE_MAX     (16u << 20)
#define COPY_SIZE         LUKS2_COPY_MIN
#define AREA_OFFSET       (2 * COPY_SIZE)
#define AREA_KEY_SIZE     64
#define AREA_ALIGNMENT    4096u
#define SALT_SIZE         32
#define DIGEST_SIZE       32
#define DIGEST_ITERATIONS 100000 /* of a key that nobody guesses */
#define BASE64_MAX        48     /* of 32 bytes, with the NUL */
#define MEMORY_DEFAULT    (256u << 10)
#define PASSES_MIN        4 /* cryptsetup's own limit */

/* Nothing secret. */
struct plan {
    struct coffer_mapping mapping;
    char uuid[37];
    uint32_t memory, passes;
    uint8_t slot_salt[SALT_SIZE], digest_salt[SALT_SIZE], digest[DIGEST_SIZE];
    uint32_t area_size, file_size;
};

static void free_secret_memory(void *pointer)
{
    crypto_secret_free(*(void **)pointer);
}

static void free_memory(void *pointer)
{
    free(*(void **)pointer);
}

static void free_key(struct coffer_secret **key)
{
    coffer_secret_free(*key);
}

/* ---- the key slot ---- */

static enum coffer_status derive(const struct plan *plan, const struct luks_secret *secret, uint8_t *key,
                                 struct coffer_error *error)
{
    enum coffer_status status = memory_budget_allows(plan->memory, error);
    if (status != COFFER_OK) {
        return status;
    }
    const struct crypto_argon2 input = {
        .password = secret->data,
        .password_size = secret->size,
        .salt = plan->slot_salt,
        .salt_size = SALT_SIZE,
        .memory = plan->memory,
        .passes = plan->passes,
        .lanes = 1,
    };
    return crypto_argon2(key, AREA_KEY_SIZE, &input) == 0 ? COFFER_OK : error_set_no_memory(error);
}

/* Into `area`, plan->area_size bytes. */
static enum coffer_status fill_slot(const struct plan *plan, struct coffer_secret *key,
                                    const struct luks_secret *secret, uint8_t *area, struct coffer_error *error)
{
    struct crypto_sector *sector;
    struct crypto_sector_spec *spec __attribute__((cleanup(free_secret_memory))) =
        crypto_secret_alloc(sizeof(*spec));
    if (spec == NULL) {
        return error_set_no_memory(error);
    }
    *spec = (struct crypto_sector_spec){
        .layer = { { CRYPTO_AES, AREA_KEY_SIZE } },
        .layers = 1,
        .mode = CRYPTO_XTS,
        .iv = CRYPTO_IV_PLAIN64,
        .sector_size = LUKS_UNIT,
        .iv_unit = LUKS_UNIT,
        .key_size = AREA_KEY_SIZE,
    };
    enum coffer_status status = derive(plan, secret, spec->key, error);
    if (status != COFFER_OK) {
        return status;
    }
    int result =
        luks_split_spread(CRYPTO_SHA256, coffer_secret_data(key), (uint32_t)coffer_secret_size(key), area);
    result = result != 0 ? result : crypto_sector_new_spec(&sector, spec);
    if (result != 0) {
        return error_set_no_memory(error);
    }
    crypto_sector_encrypt(sector, 0, area, area, plan->area_size);
    crypto_sector_free(sector);
    return COFFER_OK;
}

/* ---- the header ---- */

static void encode_base64(const uint8_t data[SALT_SIZE], char text[BASE64_MAX])
{
    static const char symbols[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (unsigned at = 0; at < SALT_SIZE; at += 3) {
        unsigned left = SALT_SIZE - at;
        uint32_t bits = (uint32_t)data[at] << 16 | (left > 1 ? (uint32_t)data[at + 1] << 8 : 0) |
                        (left > 2 ? data[at + 2] : 0);
        *text++ = symbols[bits >> 18];
        *text++ = symbols[bits >> 12 & 63];
        *text++ = left > 1 ? symbols[bits >> 6 & 63] : '=';
        *text++ = left > 2 ? symbols[bits & 63] : '=';
    }
    *text = '\0';
}

/* Sizes and offsets are strings there, for JSON's numbers are not sure to hold them. */
static bool write_json(const struct plan *plan, char *text, size_t size)
{
    const struct coffer_mapping *mapping = &plan->mapping;
    char slot_salt[BASE64_MAX], digest_salt[BASE64_MAX], digest[BASE64_MAX];
    encode_base64(plan->slot_salt, slot_salt);
    encode_base64(plan->digest_salt, digest_salt);
    encode_base64(plan->digest, digest);
    int length = snprintf(
        text, size,
        "{\"keyslots\":{\"0\":{\"type\":\"luks2\",\"key_size\":%u,"
        "\"af\":{\"type\":\"luks1\",\"stripes\":%u,\"hash\":\"sha256\"},"
        "\"area\":{\"type\":\"raw\",\"offset\":\"%u\",\"size\":\"%u\",\"encryption\":\"aes-xts-plain64\",\"key_"
        "size\":%u},"
        "\"kdf\":{\"type\":\"argon2id\",\"time\":%u,\"memory\":%u,\"cpus\":1,\"salt\":\"%s\"}}},"
        "\"tokens\":{},"
        "\"segments\":{\"0\":{\"type\":\"crypt\",\"offset\":\"%llu\",\"size\":\"%llu\",\"iv_tweak\":\"%llu\","
        "\"encryption\":\"%s\",\"sector_size\":%u}},"
        "\"digests\":{\"0\":{\"type\":\"pbkdf2\",\"keyslots\":[\"0\"],\"segments\":[\"0\"],\"hash\":\"sha256\","
        "\"iterations\":%u,\"salt\":\"%s\",\"digest\":\"%s\"}},"
        "\"config\":{\"json_size\":\"%u\",\"keyslots_size\":\"%u\"}}",
        mapping->layer[0].key_size, LUKS_STRIPES, AREA_OFFSET, plan->area_size, AREA_KEY_SIZE, plan->passes,
        plan->memory, slot_salt, (unsigned long long)mapping->data_offset, (unsigned long long)mapping->data_size,
        (unsigned long long)mapping->iv_offset, mapping->layer[0].cipher, mapping->sector_size, DIGEST_ITERATIONS,
        digest_salt, digest, COPY_SIZE - LUKS2_BINARY_SIZE, plan->file_size - AREA_OFFSET);
    return length > 0 && (size_t)length < size;
}

/* One of the two, with a salt and a checksum of its own. */
static bool write_copy(const struct plan *plan, unsigned which, uint8_t copy[COPY_SIZE])
{
    struct bytes view = { copy, COPY_SIZE };
    memset(copy, 0, COPY_SIZE);
    if (!write_json(plan, (char *)copy + LUKS2_BINARY_SIZE, COPY_SIZE - LUKS2_BINARY_SIZE)) {
        return false;
    }
    memcpy(copy, which == 0 ? LUKS2_MAGIC_FIRST : LUKS2_MAGIC_SECOND, LUKS_MAGIC_SIZE);
    bytes_put_be16(view, LUKS2_VERSION, 2);
    bytes_put_be64(view, LUKS2_SIZE, COPY_SIZE);
    bytes_put_be64(view, LUKS2_SEQ, 1);
    bytes_put_be64(view, LUKS2_OFFSET, which * (uint64_t)COPY_SIZE);
    memcpy(bytes_at(view, LUKS2_CHECKSUM_NAME, 6), "sha256", 6);
    memcpy(bytes_at(view, LUKS2_UUID, sizeof(plan->uuid)), plan->uuid, sizeof(plan->uuid));
    crypto_random(bytes_at(view, LUKS2_SALT, LUKS2_SALT_SIZE), LUKS2_SALT_SIZE);
    uint8_t checksum[CRYPTO_DIGEST_MAX];
    crypto_digest(CRYPTO_SHA256, checksum, copy, COPY_SIZE);
    memcpy(bytes_at(view, LUKS2_CHECKSUM, DIGEST_SIZE), checksum, DIGEST_SIZE);
    return true;
}

/* ---- putting it together ---- */

static void format_uuid(const uint8_t uuid[16], char text[37])
{
    for (unsigned i = 0; i < 16; i++) {
        text += snprintf(text, 4, i == 4 || i == 6 || i == 8 || i == 10 ? "-%02x" : "%02x", uuid[i]);
    }
}

static uint32_t round_up(uint32_t size)
{
    return (size + AREA_ALIGNMENT - 1) / AREA_ALIGNMENT * AREA_ALIGNMENT;
}

static enum coffer_status make_plan(const struct coffer_volume *volume, struct coffer_secret *key,
                                    struct plan *plan, struct coffer_error *error)
{
    const struct coffer_info *info = &volume->info;
    bool is_argon = info->kdf_memory != 0;
    *plan = (struct plan){ .mapping.size = sizeof(plan->mapping) };
    enum coffer_status status = coffer_volume_mapping(volume, &plan->mapping, key, error);
    if (status != COFFER_OK) {
        return status;
    }
    if (plan->mapping.thin) {
        return error_set(error, COFFER_UNSUPPORTED, 0, "it is thin, and its holes would read as noise");
    }
    if (plan->mapping.layers != 1 || plan->mapping.iv_large_sectors) {
        return error_set(error, COFFER_UNSUPPORTED, 0, "LUKS2 has no such cipher: %s", info->cipher);
    }
    plan->area_size = round_up(plan->mapping.layer[0].key_size * LUKS_STRIPES);
    plan->file_size = plan->mapping.data_offset < FILE_SIZE_MAX
                          ? (uint32_t)plan->mapping.data_offset / AREA_ALIGNMENT * AREA_ALIGNMENT
                          : FILE_SIZE_MAX;
    if (plan->file_size < AREA_OFFSET + plan->area_size) {
        return error_set(
            error, COFFER_UNSUPPORTED, 0, "LUKS2 wants at least %u KiB in front of the data, and there are %llu",
            (AREA_OFFSET + plan->area_size) / 1024, (unsigned long long)plan->mapping.data_offset / 1024);
    }
    format_uuid(info->uuid, plan->uuid);
    plan->memory = is_argon ? info->kdf_memory : MEMORY_DEFAULT;
    plan->passes = is_argon && info->kdf_passes > PASSES_MIN ? info->kdf_passes : PASSES_MIN;
    crypto_random(plan->slot_salt, SALT_SIZE);
    crypto_random(plan->digest_salt, SALT_SIZE);
    const struct crypto_pbkdf2 input = {
        .digest = CRYPTO_SHA256,
        .password = coffer_secret_data(key),
        .password_size = coffer_secret_size(key),
        .salt = plan->digest_salt,
        .salt_size = SALT_SIZE,
        .iterations = DIGEST_ITERATIONS,
    };
    return crypto_pbkdf2(plan->digest, DIGEST_SIZE, &input) == 0 ? COFFER_OK : error_set_no_memory(error);
}

static enum coffer_status write_file(const char *path, const struct plan *plan, const uint8_t *area,
                                     struct coffer_error *error)
{
    struct storage *file __attribute__((cleanup(close_storage))) = NULL;
    uint8_t *copies __attribute__((cleanup(free_memory))) = malloc(2 * (size_t)COPY_SIZE);
    if (copies == NULL) {
        return error_set_no_memory(error);
    }
    if (!write_copy(plan, 0, copies) || !write_copy(plan, 1, copies + COPY_SIZE)) {
        return error_set(error, COFFER_FAILED, 0, "the header grows too large");
    }
    enum coffer_status status = storage_create(path, plan->file_size, false, NULL, &file, error);
    if (status != COFFER_OK) {
        return status;
    }
    int result = storage_write(file, area, plan->area_size, AREA_OFFSET);
    result = result != 0 ? result : storage_write(file, copies, 2 * (size_t)COPY_SIZE, 0);
    result = result != 0 ? result : storage_sync(file);
    result = result != 0 ? result : file->ops->publish(file);
    return result == 0 ? COFFER_OK : error_set_system(error, -result, "cannot write the header");
}

enum coffer_status coffer_volume_export_luks2(const struct coffer_volume *volume, const char *path,
                                              const struct coffer_credential *credential,
                                              struct coffer_error *error)
{
    struct plan plan;
    struct luks_secret secret;
    struct coffer_secret *key __attribute__((cleanup(free_key))) = coffer_secret_new(COFFER_MAPPING_KEY_MAX);
    if (key == NULL) {
        return error_set_no_memory(error);
    }
    enum coffer_status status = luks_key_secret(credential, &secret, error);
    status = status != COFFER_OK ? status : make_plan(volume, key, &plan, error);
    if (status != COFFER_OK) {
        return status;
    }
    uint8_t *area __attribute__((cleanup(free_secret_memory))) = crypto_secret_alloc(plan.area_size);
    if (area == NULL) {
        return error_set_no_memory(error);
    }
    status = fill_slot(&plan, key, &secret, area, error);
    return status == COFFER_OK ? write_file(path, &plan, area, error) : status;
}
