/* SPDX-License-Identifier: ISC */
/*
 * luks2_json.c - the JSON of a LUKS2 header.
 *
 * Pure: text in, struct luks_header out. Whoever wrote the text may be hostile: every object is looked up with its
 * type, every number is bounded, and what is unknown is either irrelevant for reading or named in `refused`.
 */
#include <errno.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base64.h"
#include "error.h"
#include "luks.h"
#include "luks2_layout.h"

#define DEPTH_MAX       16
#define SECTOR_SIZE_MAX 4096

static void put_object(struct json_object **object)
{
    json_object_put(*object);
}

static enum coffer_status damaged(struct coffer_error *error, const char *what, const char *name)
{
    return error_set(error, COFFER_DAMAGED, 0, "its LUKS header is damaged: %s%s%.20s", what, name[0] ? " " : "",
                     name);
}

static void refuse(struct luks_header *header, const char *what, const char *name)
{
    if (header->refused[0] == '\0') {
        (void)snprintf(header->refused, sizeof(header->refused), "%s%s%.40s", what, name[0] ? " " : "", name);
    }
}

/* ---- typed access; all say false when it is not there or not of the type ---- */

static bool get(struct json_object *object, const char *name, enum json_type type, struct json_object **value)
{
    return json_object_is_type(object, json_type_object) && json_object_object_get_ex(object, name, value) &&
           json_object_is_type(*value, type);
}

static bool get_text(struct json_object *object, const char *name, char out[LUKS_NAME_MAX])
{
    struct json_object *value;
    if (!get(object, name, json_type_string, &value)) {
        return false;
    }
    size_t size = (size_t)json_object_get_string_len(value);
    const char *text = json_object_get_string(value);
    if (size == 0 || size >= LUKS_NAME_MAX || strlen(text) != size) {
        return false;
    }
    memcpy(out, text, size + 1);
    return true;
}

static bool is_text(struct json_object *object, const char *name, const char *wanted)
{
    char text[LUKS_NAME_MAX];
    return get_text(object, name, text) && strcmp(text, wanted) == 0;
}

static bool get_number(struct json_object *object, const char *name, uint32_t minimum, uint32_t maximum,
                       uint32_t *out)
{
    struct json_object *value;
    if (!get(object, name, json_type_int, &value)) {
        return false;
    }
    int64_t number = json_object_get_int64(value);
    if (number < minimum || number > maximum) {
        return false;
    }
    *out = (uint32_t)number;
    return true;
}

/* LUKS2 writes 64-bit numbers as text: JSON of others has only doubles. */
static bool parse_size(const char *text, uint64_t *out)
{
    char *end;
    if (text[0] < '0' || text[0] > '9') {
        return false;
    }
    errno = 0;
    *out = strtoull(text, &end, 10);
    return errno == 0 && *end == '\0';
}

static bool get_size(struct json_object *object, const char *name, uint64_t *out)
{
    char text[LUKS_NAME_MAX];
    return get_text(object, name, text) && parse_size(text, out);
}

static bool get_bytes(struct json_object *object, const char *name, uint8_t *out, size_t room, uint32_t *size)
{
    struct json_object *value;
    size_t used;
    if (!get(object, name, json_type_string, &value) ||
        !base64_decode(json_object_get_string(value), (size_t)json_object_get_string_len(value), out, room,
                       &used)) {
        return false;
    }
    *size = (uint32_t)used;
    return used > 0;
}

/* The keys of objects and the elements of sets are small numbers as text. */
static bool parse_index(const char *text, unsigned limit, unsigned *index)
{
    uint64_t number;
    if (!parse_size(text, &number) || number >= limit) {
        return false;
    }
    *index = (unsigned)number;
    return true;
}

static bool get_set(struct json_object *object, const char *name, unsigned limit, uint32_t *set)
{
    struct json_object *list;
    if (!get(object, name, json_type_array, &list)) {
        return false;
    }
    *set = 0;
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        struct json_object *element = json_object_array_get_idx(list, i);
        unsigned index;
        if (!json_object_is_type(element, json_type_string) ||
            !parse_index(json_object_get_string(element), limit, &index)) {
            return false;
        }
        *set |= 1u << index;
    }
    return true;
}

/* ---- key slots ---- */

static bool read_kdf(struct json_object *object, struct luks_slot *slot)
{
    struct json_object *kdf;
    char type[LUKS_NAME_MAX];
    if (!get(object, "kdf", json_type_object, &kdf) || !get_text(kdf, "type", type) ||
        !get_bytes(kdf, "salt", slot->salt, sizeof(slot->salt), &slot->salt_size)) {
        return false;
    }
    if (strcmp(type, "pbkdf2") == 0) {
        slot->kdf = LUKS_PBKDF2;
        return get_text(kdf, "hash", slot->hash) && get_number(kdf, "iterations", 1, INT32_MAX, &slot->passes);
    }
    slot->kdf = strcmp(type, "argon2i") == 0 ? LUKS_ARGON2I : LUKS_ARGON2ID;
    if (slot->kdf == LUKS_ARGON2ID && strcmp(type, "argon2id") != 0) {
        slot->kdf = LUKS_OTHER;
        memcpy(slot->hash, type, sizeof(slot->hash));
        return true;
    }
    return get_number(kdf, "time", 1, INT32_MAX, &slot->passes) &&
           get_number(kdf, "memory", 8, 4u << 20, &slot->memory) && get_number(kdf, "cpus", 1, 64, &slot->lanes) &&
           slot->memory >= 8 * slot->lanes;
}

static bool read_area(struct json_object *object, struct luks_slot *slot)
{
    struct json_object *area, *split;
    uint32_t stripes;
    return get(object, "af", json_type_object, &split) && is_text(split, "type", "luks1") &&
           get_number(split, "stripes", LUKS_STRIPES, LUKS_STRIPES, &stripes) &&
           get_text(split, "hash", slot->split_hash) && get(object, "area", json_type_object, &area) &&
           is_text(area, "type", "raw") && get_size(area, "offset", &slot->area_offset) &&
           get_size(area, "size", &slot->area_size) && get_text(area, "encryption", slot->area_cipher) &&
           get_number(area, "key_size", 1, LUKS_KEY_MAX, &slot->area_key_size);
}

static bool area_fits(const struct luks_slot *slot, uint64_t start, uint64_t *end)
{
    return slot->area_offset >= start && slot->area_offset % LUKS_UNIT == 0 &&
           slot->area_size >= (uint64_t)slot->key_size * LUKS_STRIPES &&
           !__builtin_add_overflow(slot->area_offset, slot->area_size, end);
}

static enum coffer_status read_slot(struct json_object *object, const char *name, uint64_t start,
                                    struct luks_header *header, struct coffer_error *error)
{
    unsigned index;
    uint32_t priority = LUKS_NORMAL;
    uint64_t end;
    struct json_object *value;
    if (!parse_index(name, LUKS_SLOTS_MAX, &index)) {
        return damaged(error, "a key slot is called", name);
    }
    if (is_text(object, "type", "reencrypt")) {
        refuse(header, "it is being re-encrypted; cryptsetup reencrypt --resume-only finishes that", "");
        return COFFER_OK;
    }
    if (!is_text(object, "type", "luks2")) {
        return COFFER_OK; /* of a kind that is not ours to open */
    }
    struct luks_slot *slot = &header->slot[index];
    slot->used = true;
    if (!get_number(object, "key_size", 1, LUKS_KEY_MAX, &slot->key_size) || !read_kdf(object, slot) ||
        !read_area(object, slot) || !area_fits(slot, start, &end) ||
        (json_object_object_get_ex(object, "priority", &value) &&
         !get_number(object, "priority", LUKS_IGNORED, LUKS_PREFERRED, &priority))) {
        return damaged(error, "key slot", name);
    }
    slot->priority = (enum luks_priority)priority;
    header->end = end > header->end ? end : header->end;
    return COFFER_OK;
}

static bool slots_overlap(const struct luks_header *header)
{
    for (unsigned i = 0; i < LUKS_SLOTS_MAX; i++) {
        for (unsigned k = i + 1; k < LUKS_SLOTS_MAX; k++) {
            const struct luks_slot *a = &header->slot[i], *b = &header->slot[k];
            if (a->used && b->used && a->area_offset < b->area_offset + b->area_size &&
                b->area_offset < a->area_offset + a->area_size) {
                return true;
            }
        }
    }
    return false;
}

/* ---- digests and segments ---- */

static enum coffer_status read_digest(struct json_object *object, const char *name, struct luks_header *header,
                                      struct coffer_error *error)
{
    unsigned index;
    if (!parse_index(name, LUKS_DIGESTS_MAX, &index)) {
        return damaged(error, "a digest is called", name);
    }
    struct luks_digest *digest = &header->digest[index];
    if (!is_text(object, "type", "pbkdf2")) {
        return COFFER_OK;
    }
    digest->used = true;
    if (!get_set(object, "keyslots", LUKS_SLOTS_MAX, &digest->slots) ||
        !get_set(object, "segments", LUKS_SLOTS_MAX, &digest->segments) ||
        !get_text(object, "hash", digest->hash) ||
        !get_number(object, "iterations", 1, INT32_MAX, &digest->iterations) ||
        !get_bytes(object, "salt", digest->salt, sizeof(digest->salt), &digest->salt_size) ||
        !get_bytes(object, "digest", digest->value, sizeof(digest->value), &digest->value_size) ||
        digest->value_size < 16) { /* a shorter one would let a wrong key pass for the right one */
        return damaged(error, "digest", name);
    }
    return COFFER_OK;
}

static bool read_segment_size(struct json_object *object, uint64_t *size)
{
    *size = 0;
    return is_text(object, "size", "dynamic") || (get_size(object, "size", size) && *size > 0);
}

static bool read_cipher_segment(struct json_object *object, struct luks_segment *segment)
{
    return get_size(object, "iv_tweak", &segment->tweak) && get_text(object, "encryption", segment->cipher) &&
           get_number(object, "sector_size", LUKS_UNIT, SECTOR_SIZE_MAX, &segment->sector_size) &&
           (segment->sector_size & (segment->sector_size - 1)) == 0;
}

static enum coffer_status read_segment(struct json_object *object, const char *name, struct luks_header *header,
                                       struct coffer_error *error)
{
    unsigned index;
    struct json_object *value;
    if (get(object, "flags", json_type_array, &value) && json_object_array_length(value) > 0) {
        const char *flag = json_object_get_string(json_object_array_get_idx(value, 0));
        if (flag != NULL && strncmp(flag, "backup-", 7) == 0) {
            return COFFER_OK; /* kept by a re-encryption, no part of the volume */
        }
    }
    if (!parse_index(name, LUKS_SEGMENTS_MAX, &index)) {
        return damaged(error, "a segment is called", name);
    }
    struct luks_segment *segment = &header->segment[index];
    if (is_text(object, "type", "linear")) {
        refuse(header, "a part of it is not encrypted (a linear segment)", "");
    } else if (!is_text(object, "type", "crypt")) {
        char type[LUKS_NAME_MAX] = "without a type";
        (void)get_text(object, "type", type);
        refuse(header, "it has a segment of the kind", type);
    }
    if (json_object_object_get_ex(object, "integrity", &value)) {
        refuse(header, "its sectors are authenticated (dm-integrity)", "");
    }
    if (!get_size(object, "offset", &segment->offset) || segment->offset % LUKS_UNIT != 0 ||
        !read_segment_size(object, &segment->size) ||
        (header->refused[0] == '\0' && !read_cipher_segment(object, segment))) {
        return damaged(error, "segment", name);
    }
    header->segments++;
    return COFFER_OK;
}

/* ---- all of it ---- */

static void read_requirements(struct json_object *root, struct luks_header *header)
{
    struct json_object *config, *requirements, *list;
    if (!get(root, "config", json_type_object, &config) ||
        !json_object_object_get_ex(config, "requirements", &requirements)) {
        return;
    }
    if (!get(requirements, "mandatory", json_type_array, &list)) {
        refuse(header, "it has requirements that cannot be read", "");
        return;
    }
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        const char *name = json_object_get_string(json_object_array_get_idx(list, i));
        if (name != NULL && strcmp(name, LUKS2_UNFINISHED) == 0) {
            header->unfinished = true;
            continue;
        }
        bool reencrypts = name != NULL && strstr(name, "reencrypt") != NULL;
        refuse(header,
               reencrypts ? "it is being re-encrypted; the requirement is" : "it has an unknown requirement,",
               name != NULL ? name : "null");
    }
}

static enum coffer_status read_slots(struct json_object *root, uint64_t start, struct luks_header *header,
                                     struct coffer_error *error)
{
    struct json_object *slots;
    if (!get(root, "keyslots", json_type_object, &slots)) {
        return damaged(error, "it has no list of key slots", "");
    }
    header->end = start;
    json_object_object_foreach(slots, name, object)
    {
        enum coffer_status status = read_slot(object, name, start, header, error);
        if (status != COFFER_OK) {
            return status;
        }
    }
    return slots_overlap(header) ? damaged(error, "two key slots overlap", "") : COFFER_OK;
}

static enum coffer_status read_digests(struct json_object *root, struct luks_header *header,
                                       struct coffer_error *error)
{
    struct json_object *digests;
    if (!get(root, "digests", json_type_object, &digests)) {
        return damaged(error, "it has no list of digests", "");
    }
    json_object_object_foreach(digests, name, object)
    {
        enum coffer_status status = read_digest(object, name, header, error);
        if (status != COFFER_OK) {
            return status;
        }
    }
    return COFFER_OK;
}

/* Numbered from 0 without gaps, and one after the other; only the last may reach to the end of the store. */
static enum coffer_status read_segments(struct json_object *root, struct luks_header *header,
                                        struct coffer_error *error)
{
    struct json_object *segments;
    if (!get(root, "segments", json_type_object, &segments)) {
        return damaged(error, "it has no list of segments", "");
    }
    json_object_object_foreach(segments, name, object)
    {
        enum coffer_status status = read_segment(object, name, header, error);
        if (status != COFFER_OK) {
            return status;
        }
    }
    if (header->segments == 0) {
        return damaged(error, "it has no segments", "");
    }
    for (unsigned i = 0; i < header->segments; i++) {
        const struct luks_segment *segment = &header->segment[i];
        if ((segment->sector_size == 0 && header->refused[0] == '\0') ||
            (segment->size == 0 && i + 1 < header->segments)) {
            return damaged(error, "its segments have gaps", "");
        }
    }
    return COFFER_OK;
}

enum coffer_status luks2_parse(const char *text, size_t size, uint64_t start, struct luks_header *header,
                               struct coffer_error *error)
{
    struct json_tokener *tokener = json_tokener_new_ex(DEPTH_MAX);
    if (tokener == NULL) {
        return error_set_no_memory(error);
    }
    struct json_object *root __attribute__((cleanup(put_object))) =
        json_tokener_parse_ex(tokener, text, (int)strnlen(text, size));
    json_tokener_free(tokener);
    if (!json_object_is_type(root, json_type_object)) {
        return damaged(error, "its JSON cannot be read", "");
    }
    read_requirements(root, header);
    enum coffer_status status = read_slots(root, start, header, error);
    status = status != COFFER_OK ? status : read_digests(root, header, error);
    return status != COFFER_OK ? status : read_segments(root, header, error);
}
