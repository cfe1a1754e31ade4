/* SPDX-License-Identifier: ISC */
/*
 * luks2.c - reads the two copies of a LUKS2 header and takes the newer one whose checksum is right.
 *
 * Nothing is repaired: the headers of other programs are theirs to write.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "cipher_name.h"
#include "crypto.h"
#include "error.h"
#include "luks2_copy.h"
#include "luks2_layout.h"

#define COPY_MAX (4u << 20)

static const uint8_t MAGIC[2][LUKS_MAGIC_SIZE] = { LUKS2_MAGIC_FIRST, LUKS2_MAGIC_SECOND };

static void free_copy(uint8_t **copy)
{
    free(*copy);
}

/* The size that a copy names, when its first bytes are those of copy `which` at `offset`; else 0. */
static uint64_t size_of_copy(struct storage *storage, unsigned which, uint64_t offset)
{
    uint8_t data[LUKS2_BINARY_SIZE];
    struct bytes view = { data, sizeof(data) };
    if (storage->size < LUKS2_BINARY_SIZE || offset > storage->size - LUKS2_BINARY_SIZE ||
        storage_read(storage, data, sizeof(data), offset) != 0) {
        return 0;
    }
    uint64_t size = bytes_get_be64(view, LUKS2_SIZE);
    bool is_copy = memcmp(data, MAGIC[which], LUKS_MAGIC_SIZE) == 0 && bytes_get_be16(view, LUKS2_VERSION) == 2 &&
                   bytes_get_be64(view, LUKS2_OFFSET) == offset;
    bool is_size = size >= LUKS2_COPY_MIN && size <= COPY_MAX && (size & (size - 1)) == 0;
    return is_copy && is_size && size <= storage->size - offset && (which == 0 || offset == size) ? size : 0;
}

static bool checksum_is_right(struct bytes view)
{
    uint8_t stored[LUKS2_CHECKSUM_SIZE], computed[LUKS2_CHECKSUM_SIZE];
    char name[32];
    memcpy(name, bytes_at(view, LUKS2_CHECKSUM_NAME, sizeof(name)), sizeof(name));
    const char *end = memchr(name, 0, sizeof(name));
    enum crypto_digest digest = end != NULL ? cipher_name_digest(name) : CRYPTO_DIGESTS;
    if (digest == CRYPTO_DIGESTS) {
        return false;
    }
    memcpy(stored, bytes_at(view, LUKS2_CHECKSUM, LUKS2_CHECKSUM_SIZE), LUKS2_CHECKSUM_SIZE);
    memset(bytes_at(view, LUKS2_CHECKSUM, LUKS2_CHECKSUM_SIZE), 0, LUKS2_CHECKSUM_SIZE);
    crypto_digest(digest, computed, view.data, view.size);
    return memcmp(stored, computed, crypto_digest_size(digest)) == 0;
}

/* Copy `which` at `offset` with a right checksum, to be freed; else NULL. */
static uint8_t *read_copy(struct storage *storage, unsigned which, uint64_t offset, struct bytes *view)
{
    uint64_t size = size_of_copy(storage, which, offset);
    if (size == 0) {
        return NULL;
    }
    uint8_t *copy = malloc(size);
    if (copy == NULL) {
        return NULL;
    }
    *view = (struct bytes){ copy, size };
    if (storage_read(storage, copy, size, offset) != 0 || !checksum_is_right(*view)) {
        free(copy);
        return NULL;
    }
    return copy;
}

/* At the place that the first copy names; where there is no first one, wherever the format allows it. */
static uint8_t *read_second(struct storage *storage, struct bytes *view)
{
    uint64_t named = size_of_copy(storage, 0, 0);
    for (uint64_t offset = named != 0 ? named : LUKS2_COPY_MIN; offset <= (named != 0 ? named : COPY_MAX);
         offset *= 2) {
        uint8_t *copy = read_copy(storage, 1, offset, view);
        if (copy != NULL) {
            return copy;
        }
    }
    return NULL;
}

bool luks2_has_second(struct storage *storage)
{
    struct bytes view;
    uint8_t *copy __attribute__((cleanup(free_copy))) = read_second(storage, &view);
    return copy != NULL;
}

static enum coffer_status parse(struct bytes copy, struct luks_header *header, struct coffer_error *error)
{
    header->version = 2;
    header->seq = bytes_get_be64(copy, LUKS2_SEQ);
    memcpy(header->label, bytes_at(copy, LUKS2_LABEL, 48), 48);
    memcpy(header->uuid, bytes_at(copy, LUKS2_UUID, 40), 40);
    size_t size = copy.size - LUKS2_BINARY_SIZE;
    const char *text = (const char *)bytes_at(copy, LUKS2_BINARY_SIZE, size);
    if (memchr(text, 0, size) == NULL) {
        return error_set(error, COFFER_DAMAGED, 0, "its LUKS header is damaged: the JSON does not end");
    }
    return luks2_parse(text, size, 2 * copy.size, header, error);
}

enum coffer_status luks2_read_copy(struct storage *storage, unsigned which, struct luks_header *header,
                                   struct coffer_error *error)
{
    struct bytes view = { NULL, 0 };
    uint8_t *copy __attribute__((cleanup(free_copy))) =
        which == 0 ? read_copy(storage, 0, 0, &view) : read_second(storage, &view);
    memset(header, 0, sizeof(*header));
    if (copy == NULL) {
        return error_set(error, COFFER_DAMAGED, 0, "it is not there, or its checksum is wrong");
    }
    header->second = which != 0;
    return parse(view, header, error);
}

uint8_t *luks2_read_newest(struct storage *storage, struct bytes *copy, unsigned *which)
{
    struct bytes view[2] = { { NULL, 0 }, { NULL, 0 } };
    uint8_t *data[2] = { read_copy(storage, 0, 0, &view[0]), read_second(storage, &view[1]) };
    bool is_second = data[0] == NULL ||
                     (data[1] != NULL && bytes_get_be64(view[1], LUKS2_SEQ) > bytes_get_be64(view[0], LUKS2_SEQ));
    *which = is_second ? 1 : 0;
    *copy = view[*which];
    free(data[1 - *which]);
    return data[*which];
}

enum coffer_status luks2_read(struct storage *storage, struct luks_header *header, struct coffer_error *error)
{
    struct bytes view;
    unsigned which;
    uint8_t *copy __attribute__((cleanup(free_copy))) = luks2_read_newest(storage, &view, &which);
    memset(header, 0, sizeof(*header));
    if (copy == NULL) {
        return error_set(error, COFFER_DAMAGED, 0, "both copies of its LUKS header are damaged");
    }
    header->second = which == 1;
    return parse(view, header, error);
}
