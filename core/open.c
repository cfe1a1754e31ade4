/* SPDX-License-Identifier: ISC */
/*
 * open.c - finds the format of a store, unlocks it, and makes a volume of it.
 */
#include <errno.h>
#include <string.h>

#include "credential.h"
#include "crypto.h"
#include "error.h"
#include "format.h"
#include "format_freeotfe.h"
#include "format_tcrypt.h"
#include "header_lock.h"
#include "scope.h"
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
    if (format_recognise(storage, NULL, &found, &status, error) == NULL) {
        status = error_set(error, COFFER_NOT_FOUND, 0, "it is not a volume of a known format");
    }
    storage_close(storage);
    if (status == COFFER_OK) {
        *info = found;
    }
    return status;
}

/* ---- stores without a magic ---- */

struct attempts {
    struct storage *storage;
    const struct coffer_credential *credential;
    const struct coffer_open_options *options;
    struct format_opened *opened;
    struct coffer_error skipped; /* the first attempt that could not be made */
    enum coffer_status status;   /* of the last attempt */
    bool fits;                   /* it is large enough for one of the formats */
};

/* After an attempt that failed, or not. False: there is nothing left to try. */
static bool go_on(struct attempts *attempts, const struct coffer_error *reason, struct coffer_error *error)
{
    bool is_found = attempts->opened->info.unlocked;
    if (!is_found && (attempts->status == COFFER_WRONG_SECRET || attempts->status == COFFER_NOT_FOUND)) {
        attempts->fits |= attempts->status == COFFER_WRONG_SECRET; /* not found: too small for this one */
        return true;
    }
    if (!is_found && attempts->status == COFFER_NO_MEMORY) {
        (void)error_set(&attempts->skipped, reason->status, reason->sys, "%s", reason->text);
        return true;
    }
    if (attempts->status != COFFER_OK) {
        (void)error_set(error, reason->status, reason->sys, "%s", reason->text);
    }
    return false;
}

static bool try_level(struct attempts *attempts, int level, struct coffer_error *error)
{
    struct coffer_error reason = COFFER_ERROR_INIT;
    struct coffer_open_options options = *attempts->options;
    options.kdf_level = level;
    attempts->status =
        FORMAT_COFFER.open(attempts->storage, attempts->credential, &options, attempts->opened, &reason);
    return go_on(attempts, &reason, error);
}

static bool try_tcrypt(struct attempts *attempts, struct coffer_error *error)
{
    struct coffer_error reason = COFFER_ERROR_INIT;
    attempts->status = format_tcrypt_open(attempts->storage, attempts->credential, attempts->options, true, true,
                                          attempts->opened, &reason);
    return go_on(attempts, &reason, error);
}

static bool try_freeotfe(struct attempts *attempts, struct coffer_error *error)
{
    struct coffer_error reason = COFFER_ERROR_INIT;
    attempts->status = FORMAT_FREEOTFE.open(attempts->storage, attempts->credential, attempts->options,
                                            attempts->opened, &reason);
    return go_on(attempts, &reason, error);
}

/* Every byte is random: the secret is tried on all formats that look like that, the cheap ones first. */
static enum coffer_status open_unmarked(struct attempts *attempts, struct coffer_error *error)
{
    bool others = !attempts->options->unfinished, protects = attempts->options->protect_hidden != NULL;
    bool freeotfe = others && !protects && format_freeotfe_fits(attempts->credential);
    bool tcrypt = others && credential_fits_tcrypt(attempts->credential);
    bool going = try_level(attempts, 2, error) && try_level(attempts, 1, error) &&
                 (!freeotfe || try_freeotfe(attempts, error)) && (!tcrypt || try_tcrypt(attempts, error)) &&
                 try_level(attempts, 3, error);
    if (!going) {
        return attempts->status;
    }
    if (attempts->skipped.status != COFFER_OK) {
        return error_set(error, attempts->skipped.status, attempts->skipped.sys, "%s", attempts->skipped.text);
    }
    if (!attempts->fits) {
        return error_set(error, COFFER_NOT_FOUND, 0, "it is not a volume: it is too small for any format");
    }
    return error_set(error, COFFER_WRONG_SECRET, 0, "no format opens with this secret");
}

/* ---- all stores ---- */

static bool names_tcrypt(const struct coffer_open_options *options)
{
    return options->pim != 0 || options->hash != NULL || options->system || options->backup_header;
}

/* By its name, or by an option that only one has. NULL: not at all. */
static const char *named_type(const struct coffer_open_options *options)
{
    if (options->type != NULL) {
        return options->type;
    }
    if (format_freeotfe_is_named(options)) {
        return FORMAT_FREEOTFE.name;
    }
    return options->header != NULL ? FORMAT_LUKS.name : NULL;
}

/* The format that was named, or the one whose magic is there, or those that are tried without any. */
static enum coffer_status open_storage(struct storage *storage, const struct coffer_credential *credential,
                                       const struct coffer_open_options *options, struct format_opened *opened,
                                       struct coffer_error *error)
{
    struct coffer_info info = { .size = sizeof(info) };
    enum coffer_status status = COFFER_OK;
    const char *type = named_type(options);
    const struct format *format =
        type != NULL ? format_by_name(type) : format_recognise(storage, NULL, &info, &status, error);
    if (type != NULL && format == NULL) {
        return error_set(error, COFFER_UNSUPPORTED, 0, "the format '%.40s' is not known", type);
    }
    if (options->header != NULL && format != &FORMAT_LUKS && format != &FORMAT_FREEOTFE) {
        return error_set(error, COFFER_INVALID, 0,
                         "only volumes of LUKS and FreeOTFE can have their header in another file");
    }
    if (status != COFFER_OK) {
        return status;
    }
    if (options->unfinished && format != NULL && format != &FORMAT_COFFER && format != &FORMAT_LUKS) {
        return error_set(error, COFFER_INVALID, EEXIST, "it is a %s volume that is complete", format->name);
    }
    if (options->protect_hidden != NULL && format != NULL && !format->protects_hidden) {
        return error_set(error, COFFER_INVALID, 0, "a %s volume has no hidden one that could be protected",
                         format->name);
    }
    if (format != NULL) {
        return format->open(storage, credential, options, opened, error);
    }
    if (names_tcrypt(options)) {
        return format_tcrypt_open(storage, credential, options, true, true, opened, error);
    }
    if (options->kdf_level >= 0) {
        return FORMAT_COFFER.open(storage, credential, options, opened, error);
    }
    struct attempts attempts = {
        .storage = storage,
        .credential = credential,
        .options = options,
        .opened = opened,
        .skipped = COFFER_ERROR_INIT,
    };
    return open_unmarked(&attempts, error);
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
    status = header_lock(storage, error);
    status = status == COFFER_OK ? open_storage(storage, credential, options, opened, error) : status;
    header_unlock(storage);
    if (status != COFFER_OK) {
        storage_close(storage);
        return status;
    }
    status = volume_new(storage, opened, volume, error);
    if (status == COFFER_OK) {
        (*volume)->callbacks = options->callbacks;
    }
    return status;
}
