/* SPDX-License-Identifier: ISC */
/*
 * luks1.c - reads the header of a LUKS1 volume.
 *
 * It has no checksum. What is checked is that key slots lie between the header and the data and apart from each
 * other, for a damaged header must not pass for a wrong passphrase.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "bytes.h"
#include "error.h"
#include "luks.h"

#define HEADER_SIZE 592
#define SLOTS       8
#define SLOT_SIZE   48
#define SALT_SIZE   32
#define DIGEST_SIZE 20

/* Offsets of fields. */
enum {
    CIPHER_NAME = 8,
    CIPHER_MODE = 40,
    HASH = 72,
    PAYLOAD = 104, /* in units of 512 bytes */
    KEY_SIZE = 108,
    DIGEST = 112,
    DIGEST_SALT = 132,
    DIGEST_ITERATIONS = 164,
    UUID = 168,
    FIRST_SLOT = 208,

    /* from the start of a slot */
    SLOT_STATE = 0,
    SLOT_ITERATIONS = 4,
    SLOT_SALT = 8,
    SLOT_AREA = 40, /* in units of 512 bytes */
    SLOT_STRIPES = 44,
};

#define SLOT_ENABLED  0x00ac71f3u
#define SLOT_DISABLED 0x0000deadu

#define NAME_SIZE 32 /* bytes of a name in the header; longest with its NUL */

static enum coffer_status damaged(struct coffer_error *error, const char *what)
{
    return error_set(error, COFFER_DAMAGED, 0, "its LUKS header is damaged: %s", what);
}

/* A name that ends within its field and is not empty; `out` has room for LUKS_NAME_MAX. */
static bool get_name(struct bytes view, size_t offset, char *out)
{
    const uint8_t *field = bytes_at(view, offset, NAME_SIZE);
    const uint8_t *end = memchr(field, 0, NAME_SIZE);
    if (end == NULL || end == field) {
        return false;
    }
    memcpy(out, field, (size_t)(end - field) + 1);
    return true;
}

static bool get_cipher(struct bytes view, char cipher[LUKS_NAME_MAX])
{
    char name[LUKS_NAME_MAX] = "", mode[LUKS_NAME_MAX] = "";
    if (!get_name(view, CIPHER_NAME, name) || !get_name(view, CIPHER_MODE, mode)) {
        return false;
    }
    int length = snprintf(cipher, LUKS_NAME_MAX, "%s-%s", name, mode);
    return length > 0 && length < LUKS_NAME_MAX;
}

static enum coffer_status read_slot(struct bytes view, unsigned number, const struct luks_header *header,
                                    struct luks_slot *slot, struct coffer_error *error)
{
    size_t at = FIRST_SLOT + number * (size_t)SLOT_SIZE;
    uint32_t state = bytes_get_be32(view, at + SLOT_STATE);
    slot->used = state == SLOT_ENABLED;
    slot->priority = LUKS_NORMAL;
    slot->key_size = slot->area_key_size = bytes_get_be32(view, KEY_SIZE);
    slot->kdf = LUKS_PBKDF2;
    slot->passes = bytes_get_be32(view, at + SLOT_ITERATIONS);
    slot->salt_size = SALT_SIZE;
    memcpy(slot->salt, bytes_at(view, at + SLOT_SALT, SALT_SIZE), SALT_SIZE);
    slot->area_offset = (uint64_t)bytes_get_be32(view, at + SLOT_AREA) * LUKS_UNIT;
    slot->area_size = ((uint64_t)slot->key_size * LUKS_STRIPES + LUKS_UNIT - 1) / LUKS_UNIT * LUKS_UNIT;
    memcpy(slot->area_cipher, header->segment[0].cipher, sizeof(slot->area_cipher));
    memcpy(slot->hash, header->digest[0].hash, sizeof(slot->hash));
    memcpy(slot->split_hash, header->digest[0].hash, sizeof(slot->split_hash));

    if (state != SLOT_ENABLED && state != SLOT_DISABLED) {
        return damaged(error, "a key slot is neither in use nor free");
    }
    if (bytes_get_be32(view, at + SLOT_STRIPES) != LUKS_STRIPES) {
        return damaged(error, "a key slot has a wrong number of stripes");
    }
    if (slot->used && slot->passes == 0) {
        return damaged(error, "a key slot has no iterations");
    }
    if (slot->area_offset < HEADER_SIZE) {
        return damaged(error, "a key slot lies inside the header");
    }
    uint64_t payload = header->segment[0].offset;
    if (payload != 0 && slot->area_offset + slot->area_size > payload) {
        return damaged(error, "a key slot reaches into the data");
    }
    return COFFER_OK;
}

/* Slots that are free are in their places too. */
static bool slots_overlap(const struct luks_header *header)
{
    for (unsigned i = 0; i < SLOTS; i++) {
        for (unsigned k = i + 1; k < SLOTS; k++) {
            const struct luks_slot *a = &header->slot[i], *b = &header->slot[k];
            if (a->area_offset < b->area_offset + b->area_size && b->area_offset < a->area_offset + a->area_size) {
                return true;
            }
        }
    }
    return false;
}

static enum coffer_status read_slots(struct bytes view, struct luks_header *header, struct coffer_error *error)
{
    for (unsigned i = 0; i < SLOTS; i++) {
        struct luks_slot *slot = &header->slot[i];
        enum coffer_status status = read_slot(view, i, header, slot, error);
        if (status != COFFER_OK) {
            return status;
        }
        uint64_t end = slot->area_offset + slot->area_size;
        header->end = end > header->end ? end : header->end;
    }
    return slots_overlap(header) ? damaged(error, "two key slots overlap") : COFFER_OK;
}

enum coffer_status luks1_read(struct storage *storage, struct luks_header *header, struct coffer_error *error)
{
    uint8_t data[HEADER_SIZE];
    struct bytes view = { data, sizeof(data) };
    memset(header, 0, sizeof(*header));
    if (storage->size < sizeof(data)) {
        return damaged(error, "it is cut short");
    }
    int result = storage_read(storage, data, sizeof(data), 0);
    if (result != 0) {
        return error_set_system(error, -result, "cannot read the header");
    }
    header->version = 1;
    header->segments = 1;
    memcpy(header->uuid, bytes_at(view, UUID, 40), 40);

    struct luks_segment *segment = &header->segment[0];
    struct luks_digest *digest = &header->digest[0];
    uint32_t key_size = bytes_get_be32(view, KEY_SIZE);
    segment->offset = (uint64_t)bytes_get_be32(view, PAYLOAD) * LUKS_UNIT;
    segment->sector_size = LUKS_UNIT;
    digest->used = true;
    digest->slots = (1u << SLOTS) - 1;
    digest->segments = 1;
    digest->iterations = bytes_get_be32(view, DIGEST_ITERATIONS);
    digest->salt_size = SALT_SIZE;
    memcpy(digest->salt, bytes_at(view, DIGEST_SALT, SALT_SIZE), SALT_SIZE);
    digest->value_size = DIGEST_SIZE;
    memcpy(digest->value, bytes_at(view, DIGEST, DIGEST_SIZE), DIGEST_SIZE);

    if (!get_cipher(view, segment->cipher) || !get_name(view, HASH, digest->hash)) {
        return damaged(error, "the name of a cipher or hash does not end");
    }
    if (key_size == 0 || key_size > LUKS_KEY_MAX) {
        return damaged(error, "the key has an impossible size");
    }
    if (digest->iterations == 0) {
        return damaged(error, "the digest of the key has no iterations");
    }
    return read_slots(view, header, error);
}
