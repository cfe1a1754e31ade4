/* SPDX-License-Identifier: ISC */
/*
 * header.c - the native header block: preamble, cells and body as bytes (spec/volume.md).
 *
 * Pure. Nothing of variable length is parsed anywhere; only the preamble is looked at before something has
 * been authenticated, and it holds nothing but fixed fields.
 */
#include "header.h"

#include <errno.h>
#include <string.h>

#include "bytes.h"
#include "crypto.h"
#include "error.h"

/* Offsets inside cell 0. */
enum {
    AT_FORMAT = 8,
    AT_KDF = 12,
    AT_LANES = 13,
    AT_MEMORY = 16,
    AT_PASSES = 20,
    AT_CHECK = 24,
    AT_UUID = 32,
    AT_LABEL = 48,
    AT_SALT = 112,
};

/* Offsets inside the body. */
enum {
    BODY_INCOMPAT = 4,
    BODY_RO_COMPAT = 8,
    BODY_COMPAT = 12,
    BODY_SEQ = 16,
    BODY_UUID = 24,
    BODY_CREATED = 40,
    BODY_CONTAINER_SIZE = 48,
    BODY_DATA_OFFSET = 56,
    BODY_DATA_SIZE = 64,
    BODY_IV_BASE = 72,
    BODY_SECTOR_SHIFT = 80,
    BODY_CIPHER = 81,
    BODY_MEMORY = 84,
    BODY_PASSES = 88,
    BODY_KEY = 152,
    BODY_LABEL = 328,
    BODY_SLOTS = 392,
    BODY_SALTS = 1352,
    BODY_DIGESTS = 1384,
};

/* Offsets inside a slot record of 64 bytes. */
enum { RECORD_KIND = 0, RECORD_FLAGS = 1, RECORD_SEQ = 8, RECORD_TIME = 16, RECORD_NAME = 24, RECORD_SIZE = 64 };

/* How often a value may come among 4096 random bytes. */
enum { RANDOM_MOST = 64 };

enum { FORMAT_VERSION = 1, KDF_ARGON2ID = 1, CIPHER_AES_XTS = 1 };

static const uint8_t MAGIC[HEADER_COPIES][8] = {
    { 0x89, 'C', 'O', 'F', 'R', '\r', '\n', 0x1a },
    { 0x89, 'R', 'F', 'O', 'C', '\r', '\n', 0x1a },
};

static struct bytes view_of(const uint8_t *data, size_t size)
{
    /* One kind of view for reading and writing; readers take const blocks and only read. */
    return (struct bytes){ (uint8_t *)(uintptr_t)data, size };
}

static struct bytes body_view(const struct header_body *body)
{
    return view_of(body->raw, sizeof(body->raw));
}

/* ---- preamble ---- */

bool header_cost_in_bounds(uint32_t memory, uint32_t passes)
{
    return memory >= HEADER_MEMORY_MIN && memory <= HEADER_MEMORY_MAX && passes >= 1 &&
           passes <= HEADER_PASSES_MAX && (uint64_t)memory * passes <= HEADER_WORK_MAX;
}

enum header_verdict header_read_preamble(const uint8_t block[HEADER_BLOCK_SIZE], enum header_copy copy,
                                         struct header_preamble *preamble)
{
    struct bytes cell = view_of(block, HEADER_CELL_SIZE);
    if (memcmp(block, MAGIC[copy], sizeof(MAGIC[copy])) != 0) {
        return HEADER_NO_MAGIC;
    }
    if (bytes_get_le16(cell, AT_FORMAT) != FORMAT_VERSION || bytes_get_u8(cell, AT_KDF) != KDF_ARGON2ID ||
        bytes_get_u8(cell, AT_LANES) != 1) {
        return HEADER_TOO_NEW;
    }
    uint32_t memory = bytes_get_le32(cell, AT_MEMORY);
    uint32_t passes = bytes_get_le32(cell, AT_PASSES);
    if (!header_cost_in_bounds(memory, passes)) {
        return HEADER_BOUNDS;
    }
    preamble->memory = memory;
    preamble->passes = passes;
    memcpy(preamble->uuid, bytes_at(cell, AT_UUID, 16), 16);
    memcpy(preamble->label, bytes_at(cell, AT_LABEL, HEADER_LABEL_SIZE), HEADER_LABEL_SIZE);
    memcpy(preamble->salt, header_salt(block), HEADER_SALT_SIZE);
    return HEADER_USABLE;
}

static void slots_check(const uint8_t block[HEADER_BLOCK_SIZE], uint8_t check[HEADER_CHECK_SIZE])
{
    uint8_t digest[64];
    struct crypto_hash hash;
    crypto_hash_begin(&hash, sizeof(digest), NULL, 0);
    crypto_hash_add(&hash, block + HEADER_CELL_SIZE, HEADER_SLOTS * HEADER_CELL_SIZE);
    crypto_hash_end(&hash, digest, sizeof(digest));
    memcpy(check, digest, HEADER_CHECK_SIZE);
}

void header_write_preamble(uint8_t block[HEADER_BLOCK_SIZE], enum header_copy copy,
                           const struct header_preamble *preamble)
{
    struct bytes cell = view_of(block, HEADER_CELL_SIZE);
    memset(block, 0, HEADER_CELL_SIZE);
    memcpy(block, MAGIC[copy], sizeof(MAGIC[copy]));
    bytes_put_le16(cell, AT_FORMAT, FORMAT_VERSION);
    bytes_put_u8(cell, AT_KDF, KDF_ARGON2ID);
    bytes_put_u8(cell, AT_LANES, 1);
    bytes_put_le32(cell, AT_MEMORY, preamble->memory);
    bytes_put_le32(cell, AT_PASSES, preamble->passes);
    memcpy(bytes_at(cell, AT_UUID, 16), preamble->uuid, 16);
    memcpy(bytes_at(cell, AT_LABEL, HEADER_LABEL_SIZE), preamble->label, HEADER_LABEL_SIZE);
    memcpy(bytes_at(cell, AT_SALT, HEADER_SALT_SIZE), preamble->salt, HEADER_SALT_SIZE);
    header_renew_check(block);
}

void header_copy_preamble(uint8_t block[HEADER_BLOCK_SIZE], enum header_copy copy,
                          const uint8_t other[HEADER_BLOCK_SIZE], const uint8_t salt[HEADER_SALT_SIZE])
{
    memcpy(block, other, HEADER_CELL_SIZE);
    memcpy(block, MAGIC[copy], sizeof(MAGIC[copy]));
    memcpy(block + AT_SALT, salt, HEADER_SALT_SIZE);
    header_renew_check(block);
}

void header_renew_check(uint8_t block[HEADER_BLOCK_SIZE])
{
    slots_check(block, block + AT_CHECK);
}

void header_write_random_preamble(uint8_t block[HEADER_BLOCK_SIZE], const uint8_t salt[HEADER_SALT_SIZE])
{
    crypto_random(block, HEADER_CELL_SIZE);
    if (salt != NULL) {
        memcpy(block + AT_SALT, salt, HEADER_SALT_SIZE);
    }
}

const uint8_t *header_salt(const uint8_t block[HEADER_BLOCK_SIZE])
{
    return block + AT_SALT;
}

bool header_slots_check(const uint8_t block[HEADER_BLOCK_SIZE])
{
    uint8_t check[HEADER_CHECK_SIZE];
    slots_check(block, check);
    return memcmp(check, block + AT_CHECK, sizeof(check)) == 0;
}

bool header_looks_random(const uint8_t block[HEADER_BLOCK_SIZE])
{
    unsigned count[256] = { 0 }, most = 0; /* 16 of each are to be expected */
    for (size_t i = 0; i < HEADER_BLOCK_SIZE; i++) {
        unsigned seen = ++count[block[i]];
        most = seen > most ? seen : most;
    }
    return most <= RANDOM_MOST;
}

/* ---- cells ---- */

uint8_t *header_slot_cell(uint8_t block[HEADER_BLOCK_SIZE], unsigned slot)
{
    return bytes_at(view_of(block, HEADER_BODY_OFFSET), (slot + 1) * (size_t)HEADER_CELL_SIZE, HEADER_CELL_SIZE);
}

void header_slot_digest(const uint8_t block[HEADER_BLOCK_SIZE], unsigned slot, uint8_t digest[HEADER_DIGEST_SIZE])
{
    struct crypto_hash hash;
    crypto_hash_begin(&hash, HEADER_DIGEST_SIZE, NULL, 0);
    crypto_hash_add(&hash, header_slot_cell((uint8_t *)(uintptr_t)block, slot), HEADER_CELL_SIZE);
    crypto_hash_end(&hash, digest, HEADER_DIGEST_SIZE);
}

/* ---- body ---- */

static const char BODY_LABEL_TEXT[] = "coffer1 body";

/* What a body is bound to: the preamble above it, and its place. */
static void body_context(const uint8_t block[HEADER_BLOCK_SIZE], enum header_copy copy, unsigned volume,
                         uint8_t ad[HEADER_CELL_SIZE + 2])
{
    memcpy(ad, block, HEADER_CELL_SIZE);
    ad[HEADER_CELL_SIZE] = (uint8_t)copy;
    ad[HEADER_CELL_SIZE + 1] = (uint8_t)volume;
}

void header_seal_body(uint8_t block[HEADER_BLOCK_SIZE], const struct header_body *body,
                      const uint8_t master[HEADER_MASTER_SIZE], enum header_copy copy, unsigned volume)
{
    uint8_t ad[HEADER_CELL_SIZE + 2];
    body_context(block, copy, volume, ad);
    crypto_seal(block + HEADER_BODY_OFFSET, master, BODY_LABEL_TEXT, ad, sizeof(ad), body->raw, HEADER_BODY_SIZE);
}

bool header_open_body(const uint8_t block[HEADER_BLOCK_SIZE], struct header_body *body,
                      const uint8_t master[HEADER_MASTER_SIZE], enum header_copy copy, unsigned volume)
{
    uint8_t ad[HEADER_CELL_SIZE + 2];
    body_context(block, copy, volume, ad);
    return crypto_open(body->raw, master, BODY_LABEL_TEXT, ad, sizeof(ad), block + HEADER_BODY_OFFSET,
                       HEADER_BLOCK_SIZE - HEADER_BODY_OFFSET);
}

void header_get_fields(const struct header_body *body, struct header_fields *fields)
{
    struct bytes view = body_view(body);
    fields->incompat = bytes_get_le32(view, BODY_INCOMPAT);
    fields->ro_compat = bytes_get_le32(view, BODY_RO_COMPAT);
    fields->compat = bytes_get_le32(view, BODY_COMPAT);
    fields->seq = bytes_get_le64(view, BODY_SEQ);
    memcpy(fields->uuid, bytes_at(view, BODY_UUID, 16), 16);
    fields->created = bytes_get_le64(view, BODY_CREATED);
    fields->container_size = bytes_get_le64(view, BODY_CONTAINER_SIZE);
    fields->data_offset = bytes_get_le64(view, BODY_DATA_OFFSET);
    fields->data_size = bytes_get_le64(view, BODY_DATA_SIZE);
    fields->iv_base = bytes_get_le64(view, BODY_IV_BASE);
    fields->sector_shift = bytes_get_u8(view, BODY_SECTOR_SHIFT);
    fields->cipher = bytes_get_u8(view, BODY_CIPHER);
    fields->memory = bytes_get_le32(view, BODY_MEMORY);
    fields->passes = bytes_get_le32(view, BODY_PASSES);
}

void header_put_fields(struct header_body *body, const struct header_fields *fields)
{
    struct bytes view = body_view(body);
    bytes_put_le32(view, BODY_INCOMPAT, fields->incompat);
    bytes_put_le32(view, BODY_RO_COMPAT, fields->ro_compat);
    bytes_put_le32(view, BODY_COMPAT, fields->compat);
    bytes_put_le64(view, BODY_SEQ, fields->seq);
    memcpy(bytes_at(view, BODY_UUID, 16), fields->uuid, 16);
    bytes_put_le64(view, BODY_CREATED, fields->created);
    bytes_put_le64(view, BODY_CONTAINER_SIZE, fields->container_size);
    bytes_put_le64(view, BODY_DATA_OFFSET, fields->data_offset);
    bytes_put_le64(view, BODY_DATA_SIZE, fields->data_size);
    bytes_put_le64(view, BODY_IV_BASE, fields->iv_base);
    bytes_put_u8(view, BODY_SECTOR_SHIFT, fields->sector_shift);
    bytes_put_u8(view, BODY_CIPHER, fields->cipher);
    bytes_put_le32(view, BODY_MEMORY, fields->memory);
    bytes_put_le32(view, BODY_PASSES, fields->passes);
}

static struct bytes record_view(const struct header_body *body, unsigned slot)
{
    return view_of(bytes_at(body_view(body), BODY_SLOTS + slot * (size_t)RECORD_SIZE, RECORD_SIZE), RECORD_SIZE);
}

void header_get_slot(const struct header_body *body, unsigned slot, struct header_slot_record *record)
{
    struct bytes view = record_view(body, slot);
    record->kind = bytes_get_u8(view, RECORD_KIND);
    record->flags = bytes_get_u8(view, RECORD_FLAGS);
    record->seq_written = bytes_get_le64(view, RECORD_SEQ);
    record->time = bytes_get_le64(view, RECORD_TIME);
    memcpy(record->name, bytes_at(view, RECORD_NAME, HEADER_NAME_SIZE), HEADER_NAME_SIZE);
}

void header_put_slot(struct header_body *body, unsigned slot, const struct header_slot_record *record)
{
    struct bytes view = record_view(body, slot);
    memset(view.data, 0, view.size);
    bytes_put_u8(view, RECORD_KIND, record->kind);
    bytes_put_u8(view, RECORD_FLAGS, record->flags);
    bytes_put_le64(view, RECORD_SEQ, record->seq_written);
    bytes_put_le64(view, RECORD_TIME, record->time);
    memcpy(bytes_at(view, RECORD_NAME, HEADER_NAME_SIZE), record->name, HEADER_NAME_SIZE);
}

uint8_t *header_key(struct header_body *body)
{
    return bytes_at(body_view(body), BODY_KEY, HEADER_KEY_SIZE);
}

uint8_t *header_private_label(struct header_body *body)
{
    return bytes_at(body_view(body), BODY_LABEL, HEADER_PRIVATE_LABEL_SIZE);
}

uint8_t *header_listed_salt(struct header_body *body, enum header_copy copy)
{
    return bytes_at(body_view(body), BODY_SALTS + copy * (size_t)HEADER_SALT_SIZE, HEADER_SALT_SIZE);
}

uint8_t *header_listed_digest(struct header_body *body, enum header_copy copy, unsigned slot)
{
    size_t index = copy * (size_t)HEADER_SLOTS + slot;
    return bytes_at(body_view(body), BODY_DIGESTS + index * HEADER_DIGEST_SIZE, HEADER_DIGEST_SIZE);
}

/* ---- validation ---- */

static enum coffer_status impossible(struct coffer_error *error, const char *what)
{
    return error_set(error, COFFER_DAMAGED, 0, "the header is wrong: %s", what);
}

static enum coffer_status validate_geometry(const struct header_fields *fields, uint64_t backing_size,
                                            struct coffer_error *error)
{
    uint64_t sector = 1ull << fields->sector_shift;
    uint64_t data_end, last_unit;
    if (fields->container_size % 4096 != 0 || fields->container_size < HEADER_END_SIZE) {
        return impossible(error, "container size");
    }
    if (fields->container_size > backing_size) {
        return error_set(error, COFFER_DAMAGED, ENODATA, "the volume is cut short: %llu of %llu bytes are there",
                         (unsigned long long)backing_size, (unsigned long long)fields->container_size);
    }
    if (fields->data_offset < HEADER_END_SIZE || fields->data_offset % 4096 != 0) {
        return impossible(error, "data offset");
    }
    if (fields->data_size < HEADER_DATA_MIN || fields->data_size % sector != 0 ||
        fields->data_size > HEADER_DATA_MAX) {
        return impossible(error, "data size");
    }
    if (__builtin_add_overflow(fields->data_offset, fields->data_size, &data_end) ||
        data_end > fields->container_size - HEADER_END_SIZE) {
        return impossible(error, "data area beyond the end");
    }
    if (fields->iv_base % (sector / 512) != 0 ||
        __builtin_add_overflow(fields->iv_base, fields->data_size / 512, &last_unit) || last_unit >= 1ull << 63) {
        return impossible(error, "tweak");
    }
    return COFFER_OK;
}

enum coffer_status header_validate(const struct header_body *body, uint64_t backing_size, uint32_t known,
                                   struct coffer_error *error)
{
    struct header_fields fields;
    header_get_fields(body, &fields);
    uint32_t unknown = fields.incompat & ~known;
    if (unknown == HEADER_INCOMPAT_UNFINISHED) {
        return error_set(error, COFFER_UNSUPPORTED, EINPROGRESS,
                         "what is to be copied into it is not all there yet");
    }
    if (unknown != 0) {
        return error_set(error, COFFER_UNSUPPORTED, 0, "it uses features this version does not know (0x%x)",
                         unknown);
    }
    if (fields.cipher != CIPHER_AES_XTS) {
        return error_set(error, COFFER_UNSUPPORTED, 0, "it uses a cipher this version does not know (%u)",
                         fields.cipher);
    }
    if (fields.seq < 1 || fields.seq >= HEADER_SEQ_END) {
        return impossible(error, "sequence number");
    }
    if (fields.sector_shift != 9 && fields.sector_shift != 12) {
        return impossible(error, "sector size");
    }
    const uint8_t *key = bytes_at(body_view(body), BODY_KEY, HEADER_KEY_SIZE);
    if (crypto_equal(key, key + HEADER_KEY_SIZE / 2, HEADER_KEY_SIZE / 2)) {
        return impossible(error, "data key and tweak key are the same");
    }
    return validate_geometry(&fields, backing_size, error);
}
