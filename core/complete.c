/* SPDX-License-Identifier: ISC */
/*
 * complete.c - a volume that was made to be filled is complete: the flag that keeps everybody out of it goes.
 *
 * The flag is sealed in our header, so nobody without the secret can set or clear it, and readers that do not know it
 * refuse the volume. In a LUKS2 header it is a requirement, which does the second of these. The secret is asked for
 * again, at the price of one key derivation: keys need not be kept for as long as the copying takes, and nobody has
 * to trust that the new secret opens what the old volume held.
 */
#include <string.h>

#include "error.h"
#include "format_coffer.h"
#include "header_lock.h"
#include "luks2_create.h"
#include "scope.h"
#include "volume.h"

static void clear_flag(struct copies *next, void *user)
{
    struct header_fields fields;
    (void)user;
    header_get_fields(&next->body, &fields);
    fields.incompat &= ~HEADER_INCOMPAT_UNFINISHED;
    header_put_fields(&next->body, &fields);
}

static enum coffer_status complete_own(struct storage *storage, const struct coffer_credential *credential,
                                       const struct coffer_open_options *options, struct coffer_error *error)
{
    struct unlock_image *image __attribute__((cleanup(free_image))) = unlock_read(storage);
    struct copies *copies __attribute__((cleanup(free_copies))) = copies_new();
    if (image == NULL || copies == NULL) {
        return error_set_no_memory(error);
    }
    copies->also_known = HEADER_INCOMPAT_UNFINISHED;
    enum coffer_status status = format_coffer_find(image, credential, options, copies, error);
    return status == COFFER_OK ? copies_update(copies, clear_flag, NULL, error) : status;
}

static enum coffer_status complete_luks(struct storage *storage, const struct coffer_credential *credential,
                                        const struct coffer_open_options *options, struct coffer_error *error)
{
    struct coffer_open_options how = *options;
    struct format_opened *opened __attribute__((cleanup(free_opened))) = format_opened_new();
    if (opened == NULL) {
        return error_set_no_memory(error);
    }
    how.unfinished = true;
    enum coffer_status status = FORMAT_LUKS.open(storage, credential, &how, opened, error);
    return status == COFFER_OK ? luks2_complete(storage, error) : status;
}

enum coffer_status coffer_volume_complete(struct coffer_volume *volume, const struct coffer_credential *credential,
                                          const struct coffer_open_options *options, struct coffer_error *error)
{
    struct storage *storage = volume->storage;
    enum coffer_status status = coffer_volume_flush(volume, error);
    status = status == COFFER_OK ? header_lock(storage, error) : status;
    if (status != COFFER_OK) {
        return status;
    }
    bool is_luks = strcmp(volume->info.format, FORMAT_LUKS.name) == 0;
    status = is_luks ? complete_luks(storage, credential, options, error)
                     : complete_own(storage, credential, options, error);
    header_unlock(storage);
    return status;
}
