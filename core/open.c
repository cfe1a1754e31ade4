/* SPDX-License-Identifier: ISC */
/*
 * open.c - finds the format of a store, unlocks it, and makes a volume of it.
 */
#include <errno.h>
#include <string.h>

#include "crypto.h"
#include "error.h"
#include "format.h"
#include "volume.h"

const char *coffer_version(void)
{
    return COFFER_VERSION;
}

const char *coffer_component(unsigned i)
{
    return crypto_component(i);
}

bool coffer_memory_is_locked(void)
{
    return crypto_memory_is_locked();
}

enum coffer_status coffer_init(struct coffer_error *error)
{
    int result = crypto_init();
    return result == 0
               ? COFFER_OK
               : error_set(error, COFFER_FAILED, -result, "the self-test of the cryptographic libraries failed");
}

/* The format whose magic the store has; NULL when none has. */
static const struct format *recognise(struct storage *storage, struct coffer_info *info,
                                      enum coffer_status *status, struct coffer_error *error)
{
    const struct format *format;
    for (unsigned i = 0; (format = format_at(i)) != NULL; i++) {
        if (format->recognise(storage, info, status, error)) {
            return format;
        }
    }
    return NULL;
}

enum coffer_status coffer_probe(const char *path, struct coffer_info *info, struct coffer_error *error)
{
    struct storage *storage;
    struct coffer_info found = { .size = sizeof(found) };
    if (info->size != sizeof(*info)) {
        return error_set(error, COFFER_INVALID, EINVAL, "the information struct has an unknown size");
    }
    enum coffer_status status = storage_open(path, -1, true, STORAGE_UNLOCKED, NULL, &storage, error);
    if (status != COFFER_OK) {
        return status;
    }
    found.backing_size = storage->size;
    found.is_device = storage->is_device;
    if (recognise(storage, &found, &status, error) == NULL) {
        status = error_set(error, COFFER_NOT_FOUND, 0, "it is not a volume of a known format");
    }
    storage_close(storage);
    if (status == COFFER_OK) {
        *info = found;
    }
    return status;
}

static void free_opened(struct format_opened **opened)
{
    format_opened_free(*opened);
}

/* The format that was named, or the one whose magic is there, or the one that is tried without any. */
static enum coffer_status choose_format(struct storage *storage, const char *type, const struct format **format,
                                        struct coffer_error *error)
{
    if (type != NULL) {
        *format = format_by_name(type);
        return *format != NULL ? COFFER_OK
                               : error_set(error, COFFER_UNSUPPORTED, 0, "the format '%.40s' is not known", type);
    }
    struct coffer_info info = { .size = sizeof(info) };
    enum coffer_status status = COFFER_OK;
    *format = recognise(storage, &info, &status, error);
    if (*format == NULL) {
        *format = &FORMAT_COFFER;
    }
    return status;
}

enum coffer_status coffer_volume_open(const char *path, const struct coffer_credential *credential,
                                      const struct coffer_open_options *options, struct coffer_volume **volume,
                                      struct coffer_error *error)
{
    if (options->size != sizeof(*options)) {
        return error_set(error, COFFER_INVALID, EINVAL, "the options have an unknown size");
    }
    struct format_opened *opened __attribute__((cleanup(free_opened))) = format_opened_new();
    if (opened == NULL) {
        return error_set_no_memory(error);
    }
    struct storage *storage;
    enum coffer_status status = storage_open(path, options->fd, options->read_only,
                                             options->read_only ? STORAGE_SHARED : STORAGE_EXCLUSIVE,
                                             &options->callbacks, &storage, error);
    if (status != COFFER_OK) {
        return status;
    }
    const struct format *format;
    int held = storage->ops->hold_header(storage, true);
    status = held == 0 ? choose_format(storage, options->type, &format, error)
                       : error_set(error, COFFER_IN_USE, -held, "its header is being changed elsewhere");
    if (status == COFFER_OK) {
        status = format->open(storage, credential, options, opened, error);
    }
    (void)storage->ops->hold_header(storage, false);
    if (status != COFFER_OK) {
        storage_close(storage);
        return status;
    }
    return volume_new(storage, opened, volume, error);
}
