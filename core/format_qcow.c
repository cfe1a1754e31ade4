/* SPDX-License-Identifier: ISC */
/*
 * format_qcow.c - opens QEMU's encrypted disk images, to be read.
 *
 * To write, clusters would have to be found that are free, their references counted and snapshots kept apart: that
 * is what QEMU is for. In an image with a LUKS header that header is an ordinary one but for the data, which lies
 * where the image's tables say. In one with AES the passphrase is the key, and nothing can tell whether it is the
 * right one.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cipher_name.h"
#include "credential.h"
#include "crypto.h"
#include "error.h"
#include "format.h"
#include "luks.h"
#include "luks_key.h"
#include "notice.h"
#include "qcow.h"
#include "storage_window.h"

struct image {
    struct qcow qcow;
    struct storage_window window; /* of QCOW_LUKS: its header */
    struct luks_header luks;
};

static void free_image(struct image **image)
{
    free(*image);
}

/* ---- without a secret ---- */

static enum coffer_status read_luks(struct storage *storage, struct image *image, struct coffer_error *error)
{
    static const uint8_t MAGIC[LUKS_MAGIC_SIZE + 2] = "LUKS\xba\xbe\0\1";
    uint8_t data[sizeof(MAGIC)] = { 0 };
    struct storage *header =
        storage_window_init(&image->window, storage, image->qcow.luks_offset, image->qcow.luks_size);
    if (header->size >= sizeof(data) && storage_read(header, data, sizeof(data), 0) != 0) {
        return error_set_system(error, EIO, "cannot read the header");
    }
    if (memcmp(data, MAGIC, sizeof(MAGIC)) != 0) {
        return error_set(error, COFFER_DAMAGED, 0, "its LUKS header is damaged: it is not one of version 1");
    }
    enum coffer_status status = luks1_read(header, &image->luks, error);
    if (status == COFFER_OK && image->luks.end > header->size) {
        return error_set(error, COFFER_DAMAGED, 0, "its LUKS header is damaged: it is cut short");
    }
    return status;
}

static enum coffer_status read_image(struct storage *storage, struct image *image, struct coffer_error *error)
{
    if (!qcow_find(storage)) {
        return error_set(error, COFFER_NOT_FOUND, 0, "it is not a disk image of QEMU (QCOW)");
    }
    enum coffer_status status = qcow_read(storage, &image->qcow, error);
    bool has_luks = image->qcow.refused[0] == '\0' && image->qcow.encryption == QCOW_LUKS;
    return status == COFFER_OK && has_luks ? read_luks(storage, image, error) : status;
}

/* What no secret could change. */
static enum coffer_status check_supported(const struct image *image, struct coffer_error *error)
{
    struct crypto_sector_spec spec = { .layers = 0 };
    if (image->qcow.refused[0] != '\0') {
        return error_set(error, COFFER_UNSUPPORTED, 0, "%s", image->qcow.refused);
    }
    return image->qcow.encryption == QCOW_AES
               ? COFFER_OK
               : cipher_name_parse(image->luks.segment[0].cipher, image->luks.slot[0].key_size, QCOW_SECTOR_SIZE,
                                   &spec, error);
}

static void describe_public(const struct image *image, struct coffer_info *info)
{
    struct coffer_error reason = COFFER_ERROR_INIT;
    (void)snprintf(info->opens_with, sizeof(info->opens_with), "nothing");
    if (image->qcow.encryption == QCOW_LUKS) {
        luks_describe(&image->luks, info);
    } else if (image->qcow.encryption == QCOW_AES) {
        (void)snprintf(info->cipher, sizeof(info->cipher), QCOW_AES_CIPHER);
        (void)snprintf(info->opens_with, sizeof(info->opens_with),
                       "a passphrase; nothing in it tells whether it is the right one");
        info->is_unverified = true;
    }
    info->format = "qcow";
    info->version = image->qcow.version;
    info->marked = true;
    info->sector_size = QCOW_SECTOR_SIZE;
    info->data_offset = info->iv_base = 0; /* it lies in pieces */
    if (check_supported(image, &reason) != COFFER_OK) {
        (void)snprintf(info->refused, sizeof(info->refused), "%.127s", reason.text);
    }
}

static bool qcow_recognise(struct storage *storage, struct coffer_info *info, enum coffer_status *status,
                           struct coffer_error *error)
{
    if (!qcow_find(storage)) {
        return false;
    }
    struct image *image __attribute__((cleanup(free_image))) = calloc(1, sizeof(*image));
    if (image == NULL) {
        *status = error_set_no_memory(error);
        return true;
    }
    *status = read_image(storage, image, error);
    if (*status == COFFER_OK) {
        describe_public(image, info);
    }
    return true;
}

/* ---- with a secret ---- */

static enum coffer_status take_luks_key(struct image *image, const struct coffer_credential *credential,
                                        const struct coffer_open_options *options, struct format_opened *opened,
                                        struct coffer_error *error)
{
    uint32_t key_size = 0;
    _Static_assert(LUKS_KEY_MAX <= sizeof(opened->sectors.key), "the key fits");
    enum coffer_status status = luks_key_open(&image->window.base, &image->luks, credential, options,
                                              opened->sectors.key, &key_size, &opened->info.slot, error);
    return status != COFFER_OK ? status
                               : cipher_name_parse(image->luks.segment[0].cipher, key_size, QCOW_SECTOR_SIZE,
                                                   &opened->sectors, error);
}

static enum coffer_status take_aes_key(const struct coffer_credential *credential,
                                       const struct coffer_callbacks *callbacks, struct format_opened *opened,
                                       struct coffer_error *error)
{
    const uint8_t *passphrase = NULL;
    size_t size = credential_passphrase(credential, &passphrase);
    if (size == 0 || credential_key_files(credential) > 0) {
        return error_set(error, COFFER_INVALID, 0,
                         "a disk image with AES opens with a passphrase, and with nothing else");
    }
    enum coffer_status status =
        cipher_name_parse(QCOW_AES_CIPHER, QCOW_AES_KEY, QCOW_SECTOR_SIZE, &opened->sectors, error);
    if (status != COFFER_OK) {
        return status;
    }
    if (size > QCOW_AES_KEY) {
        notice(callbacks, "only the first 16 bytes of the passphrase count");
        size = QCOW_AES_KEY;
    }
    memset(opened->sectors.key, 0, QCOW_AES_KEY);
    memcpy(opened->sectors.key, passphrase, size);
    return COFFER_OK;
}

static enum coffer_status qcow_open(struct storage *storage, const struct coffer_credential *credential,
                                    const struct coffer_open_options *options, struct format_opened *opened,
                                    struct coffer_error *error)
{
    const struct coffer_callbacks *callbacks = &options->callbacks;
    struct image *image __attribute__((cleanup(free_image))) = calloc(1, sizeof(*image));
    if (image == NULL) {
        return error_set_no_memory(error);
    }
    enum coffer_status status = read_image(storage, image, error);
    status = status != COFFER_OK ? status : check_supported(image, error);
    status = status != COFFER_OK ? status : qcow_map(storage, &image->qcow, callbacks, opened, error);
    if (status != COFFER_OK) {
        return status;
    }
    opened->sector_size = QCOW_SECTOR_SIZE;
    opened->read_only = true;
    status = image->qcow.encryption == QCOW_LUKS ? take_luks_key(image, credential, options, opened, error)
                                                 : take_aes_key(credential, callbacks, opened, error);
    if (status != COFFER_OK) {
        return status;
    }
    if (image->qcow.corrupt) {
        notice(callbacks, "QEMU has marked it as corrupt: what is read may be wrong; 'qemu-img check' says more");
    }
    if (!options->read_only) {
        notice(callbacks, "a disk image of QEMU is only read; 'coffer convert' makes a volume of it that is "
                          "written, too");
    }
    describe_public(image, &opened->info);
    opened->info.unlocked = true;
    opened->info.data_size = opened->data_size;
    return COFFER_OK;
}

const struct format FORMAT_QCOW = {
    .name = "qcow",
    .recognise = qcow_recognise,
    .open = qcow_open,
};
