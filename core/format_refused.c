/* SPDX-License-Identifier: ISC */
/*
 * format_refused.c - what has a magic, may well be encrypted, and is not opened: better to say what it is than that no
 * format knows it, or that the secret is wrong.
 */
#include <string.h>

#include "error.h"
#include "format.h"

#define MAGIC_MAX 8

struct known {
    const char *magic;
    size_t size;
    bool at_end;
    const char *reason;
};

static const struct known KNOWN[] = {
    { "encrcdsa", 8, false, "it is an encrypted disk image of Apple, which is not supported" },
    { "cdsaencr", 8, true, "it is an encrypted disk image of Apple, version 1, which is not supported" },
};

static const struct known *find(struct storage *storage)
{
    for (size_t i = 0; i < sizeof(KNOWN) / sizeof(KNOWN[0]); i++) {
        uint8_t data[MAGIC_MAX];
        if (storage->size < sizeof(data) ||
            storage_read(storage, data, sizeof(data), KNOWN[i].at_end ? storage->size - sizeof(data) : 0) != 0) {
            continue;
        }
        if (memcmp(data, KNOWN[i].magic, KNOWN[i].size) == 0) {
            return &KNOWN[i];
        }
    }
    return NULL;
}

static bool refused_recognise(struct storage *storage, struct coffer_info *info, enum coffer_status *status,
                              struct coffer_error *error)
{
    (void)info;
    const struct known *known = find(storage);
    if (known != NULL) {
        *status = error_set(error, COFFER_UNSUPPORTED, 0, "%s", known->reason);
    }
    return known != NULL;
}

static enum coffer_status refused_open(struct storage *storage, const struct coffer_credential *credential,
                                       const struct coffer_open_options *options, struct format_opened *opened,
                                       struct coffer_error *error)
{
    (void)credential;
    (void)options;
    (void)opened;
    const struct known *known = find(storage);
    return error_set(error, COFFER_UNSUPPORTED, 0, "%s", known != NULL ? known->reason : "it is not supported");
}

const struct format FORMAT_REFUSED = {
    .name = "refused",
    .recognise = refused_recognise,
    .open = refused_open,
};
