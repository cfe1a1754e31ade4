/* SPDX-License-Identifier: ISC */
/*
 * luks2_write.c - the bytes of a LUKS2 header with one key slot.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "error.h"
#include "luks2_write.h"
#include "luks_split.h"
#include "memory_budget.h"
#include "scope.h"

#define COPY_SIZE         LUKS2_WRITE_COPY
#define AREA_OFFSET       LUKS2_WRITE_AREA
#define SALT_SIZE         LUKS2_WRITE_SALT
#define DIGEST_SIZE       LUKS2_WRITE_DIGEST
#define AREA_KEY_SIZE     64
#define AREA_ALIGNMENT    4096u
#define DIGEST_ITERATIONS 100000 /* of a key that nobody guesses */
#define BASE64_MAX        48     /* of 32 bytes, with the NUL */

/* ---- the key slot ---- */

static enum coffer_status derive(const struct luks2_plan *plan, const struct luks_secret *secret, uint8_t *key,
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

enum coffer_status luks2_write_slot(const struct luks2_plan *plan, struct coffer_secret *key,
                                    const struct luks_secret *secret, uint8_t *area, struct coffer_error *error)
{
    struct crypto_sector *sector;
    struct crypto_sector_spec *spec __attribute__((cleanup(free_sectors))) = crypto_secret_alloc(sizeof(*spec));
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
static bool write_json(const struct luks2_plan *plan, char *text, size_t size)
{
    char size_text[24] = "dynamic", slot_salt[BASE64_MAX], digest_salt[BASE64_MAX], digest[BASE64_MAX];
    if (plan->data_size != 0) {
        (void)snprintf(size_text, sizeof(size_text), "%llu", (unsigned long long)plan->data_size);
    }
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
        "\"segments\":{\"0\":{\"type\":\"crypt\",\"offset\":\"%llu\",\"size\":\"%s\",\"iv_tweak\":\"%llu\","
        "\"encryption\":\"%s\",\"sector_size\":%u}},"
        "\"digests\":{\"0\":{\"type\":\"pbkdf2\",\"keyslots\":[\"0\"],\"segments\":[\"0\"],\"hash\":\"sha256\","
        "\"iterations\":%u,\"salt\":\"%s\",\"digest\":\"%s\"}},"
        "\"config\":{\"json_size\":\"%u\",\"keyslots_size\":\"%u\"%s}}",
        plan->key_size, LUKS_STRIPES, AREA_OFFSET, plan->area_size, AREA_KEY_SIZE, plan->passes, plan->memory,
        slot_salt, (unsigned long long)plan->data_offset, size_text, (unsigned long long)plan->iv_offset,
        plan->cipher, plan->sector_size, DIGEST_ITERATIONS, digest_salt, digest, COPY_SIZE - LUKS2_BINARY_SIZE,
        plan->header_size - AREA_OFFSET, plan->unfinished ? LUKS2_UNFINISHED_JSON : "");
    return length > 0 && (size_t)length < size;
}

static void seal_copy(struct bytes copy)
{
    uint8_t checksum[CRYPTO_DIGEST_MAX];
    memset(bytes_at(copy, LUKS2_CHECKSUM, LUKS2_CHECKSUM_SIZE), 0, LUKS2_CHECKSUM_SIZE);
    crypto_digest(CRYPTO_SHA256, checksum, copy.data, copy.size);
    memcpy(bytes_at(copy, LUKS2_CHECKSUM, DIGEST_SIZE), checksum, DIGEST_SIZE);
}

void luks2_write_as(struct bytes copy, unsigned which)
{
    memcpy(bytes_at(copy, 0, LUKS_MAGIC_SIZE), which == 0 ? LUKS2_MAGIC_FIRST : LUKS2_MAGIC_SECOND,
           LUKS_MAGIC_SIZE);
    bytes_put_be64(copy, LUKS2_OFFSET, which * (uint64_t)copy.size);
    crypto_random(bytes_at(copy, LUKS2_SALT, LUKS2_SALT_SIZE), LUKS2_SALT_SIZE);
    seal_copy(copy);
}

/* One of the two. */
static bool write_copy(const struct luks2_plan *plan, unsigned which, uint8_t copy[COPY_SIZE])
{
    struct bytes view = { copy, COPY_SIZE };
    memset(copy, 0, COPY_SIZE);
    if (!write_json(plan, (char *)copy + LUKS2_BINARY_SIZE, COPY_SIZE - LUKS2_BINARY_SIZE)) {
        return false;
    }
    bytes_put_be16(view, LUKS2_VERSION, 2);
    bytes_put_be64(view, LUKS2_SIZE, COPY_SIZE);
    bytes_put_be64(view, LUKS2_SEQ, 1);
    memcpy(bytes_at(view, LUKS2_LABEL, LUKS2_LABEL_SIZE), plan->label, LUKS2_LABEL_SIZE);
    memcpy(bytes_at(view, LUKS2_CHECKSUM_NAME, 6), "sha256", 6);
    memcpy(bytes_at(view, LUKS2_UUID, sizeof(plan->uuid)), plan->uuid, sizeof(plan->uuid));
    luks2_write_as(view, which);
    return true;
}

enum coffer_status luks2_write_copies(const struct luks2_plan *plan, uint8_t copies[2 * LUKS2_WRITE_COPY],
                                      struct coffer_error *error)
{
    return write_copy(plan, 0, copies) && write_copy(plan, 1, copies + COPY_SIZE)
               ? COFFER_OK
               : error_set(error, COFFER_FAILED, 0, "the header grows too large");
}

/* ---- the plan ---- */

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

enum coffer_status luks2_write_prepare(struct luks2_plan *plan, struct coffer_secret *key, const uint8_t uuid[16],
                                       struct coffer_error *error)
{
    plan->key_size = (uint32_t)coffer_secret_size(key);
    plan->area_size = round_up(plan->key_size * LUKS_STRIPES);
    format_uuid(uuid, plan->uuid);
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

/* ---- a header that is there ---- */

bool luks2_write_finished(struct bytes copy)
{
    static const char mark[] = LUKS2_UNFINISHED_JSON;
    size_t size = copy.size - LUKS2_BINARY_SIZE;
    uint8_t *found = memmem(bytes_at(copy, LUKS2_BINARY_SIZE, size), size, mark, sizeof(mark) - 1);
    if (found == NULL) {
        return false;
    }
    memset(found, ' ', sizeof(mark) - 1); /* JSON does not mind */
    bytes_put_be64(copy, LUKS2_SEQ, bytes_get_be64(copy, LUKS2_SEQ) + 1);
    return true;
}
