/* SPDX-License-Identifier: ISC */
/*
 * mapping.c - an open volume in the words of the kernel's dm-crypt.
 *
 * The kernel can take over exactly what is one run of sectors under one key: no holes, no second piece of the store,
 * no range that must not be written.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "cipher_name.h"
#include "error.h"
#include "volume.h"

_Static_assert(COFFER_LAYERS_MAX == CRYPTO_LAYERS_MAX && COFFER_MAPPING_KEY_MAX == CRYPTO_SECTOR_KEY_MAX,
               "every spec fits into a mapping");
_Static_assert(sizeof(((struct coffer_mapping *)0)->layer[0].cipher) == CIPHER_NAME_MAX, "every name fits");

static enum coffer_status describe(const struct coffer_volume *volume, struct coffer_mapping *mapping,
                                   struct coffer_error *error)
{
    const struct crypto_sector_spec *sectors = volume->sectors;
    const struct segment *segment = &volume->segment[0];
    *mapping = (struct coffer_mapping){
        .size = sizeof(*mapping),
        .layers = sectors->layers,
        .data_offset = segment->storage_offset,
        .data_size = volume->data_size,
        .iv_offset = segment->tweak,
        .sector_size = volume->sector_size,
        .iv_large_sectors = sectors->iv_unit != 512,
        .thin = volume->thin,
    };
    for (unsigned i = 0; i < sectors->layers; i++) { /* the last one to encrypt is the nearest to the medium */
        unsigned layer = sectors->layers - 1 - i;
        if (!cipher_name_write(sectors, layer, mapping->layer[i].cipher)) {
            return error_set(error, COFFER_UNSUPPORTED, 0, "the kernel's dm-crypt has no such cipher: %s",
                             volume->info.cipher);
        }
        mapping->layer[i].key_size =
            sectors->layers > 1 ? sectors->layer[layer].key_size : sectors->key_size; /* with what it shares */
    }
    return COFFER_OK;
}

static void copy_keys(const struct crypto_sector_spec *sectors, struct coffer_secret *key)
{
    uint8_t *out = coffer_secret_data(key);
    coffer_secret_set_size(key, sectors->key_size);
    if (sectors->layers == 1) {
        memcpy(out, sectors->key, sectors->key_size);
        return;
    }
    const uint8_t *end = sectors->key + sectors->key_size;
    for (unsigned layer = sectors->layers; layer-- > 0;) {
        uint32_t size = sectors->layer[layer].key_size;
        end -= size;
        memcpy(out, end, size);
        out += size;
    }
}

enum coffer_status coffer_volume_mapping(const struct coffer_volume *volume, struct coffer_mapping *mapping,
                                         struct coffer_secret *key, struct coffer_error *error)
{
    struct coffer_mapping found;
    if (mapping->size != sizeof(*mapping) ||
        (key != NULL && coffer_secret_capacity(key) < COFFER_MAPPING_KEY_MAX)) {
        return error_set(error, COFFER_INVALID, EINVAL, "the mapping struct or the key has a wrong size");
    }
    if (volume->sectors == NULL) {
        return error_set(error, COFFER_FAILED, EIO, "its key was left to the kernel");
    }
    if (volume->segments != 1 || volume->segment[0].kind != SEGMENT_CIPHER) {
        return error_set(error, COFFER_UNSUPPORTED, 0,
                         "its data lies in several pieces, which dm-crypt cannot put together");
    }
    if (volume->protected_start < volume->protected_end) {
        return error_set(error, COFFER_UNSUPPORTED, 0, "dm-crypt cannot protect a hidden volume from writes");
    }
    enum coffer_status status = describe(volume, &found, error);
    if (status != COFFER_OK) {
        return status;
    }
    if (key != NULL) {
        copy_keys(volume->sectors, key);
    }
    *mapping = found;
    return COFFER_OK;
}

/* ---- handing the store over ---- */

static enum coffer_status claim(struct coffer_volume *volume, bool alone, int *fd, struct coffer_error *error)
{
    struct storage *storage = volume->storage;
    int result = storage->ops->claim != NULL ? storage->ops->claim(storage, alone) : -EOPNOTSUPP;
    if (result == -EAGAIN || result == -EBUSY) {
        return error_set(error, COFFER_IN_USE, -result, "it is open elsewhere");
    }
    if (result < 0) {
        return result == -EOPNOTSUPP ? error_set(error, COFFER_UNSUPPORTED, EOPNOTSUPP, "it cannot be mapped")
                                     : error_set_system(error, -result, "cannot open it again");
    }
    *fd = result;
    return COFFER_OK;
}

enum coffer_status coffer_volume_lend(struct coffer_volume *volume, int *fd, struct coffer_error *error)
{
    enum coffer_status status = coffer_volume_flush(volume, error);
    return status == COFFER_OK ? claim(volume, false, fd, error) : status;
}

enum coffer_status coffer_volume_take_back(struct coffer_volume *volume, struct coffer_error *error)
{
    int fd;
    enum coffer_status status = claim(volume, true, &fd, error);
    if (status == COFFER_OK) {
        close(fd);
    }
    return status;
}
