/* SPDX-License-Identifier: ISC */
/*
 * format.c - the formats this library knows, in the order in which they are tried.
 */
#include "format.h"

#include <string.h>

static const struct format *const FORMATS[] = {
    &FORMAT_COFFER,      &FORMAT_LUKS,        &FORMAT_BITLK,       &FORMAT_FVAULT,
    &FORMAT_QCOW,        &FORMAT_REFUSED,     &FORMAT_VERACRYPT,   &FORMAT_TRUECRYPT,
    &FORMAT_LOOPAES_128, &FORMAT_LOOPAES_192, &FORMAT_LOOPAES_256, &FORMAT_FREEOTFE,
};

const struct format *format_at(unsigned index)
{
    return index < sizeof(FORMATS) / sizeof(FORMATS[0]) ? FORMATS[index] : NULL;
}

const struct format *format_by_name(const char *name)
{
    const struct format *format;
    for (unsigned i = 0; (format = format_at(i)) != NULL; i++) {
        if (strcmp(format->name, name) == 0) {
            return format;
        }
    }
    return NULL;
}

const struct format *format_recognise(struct storage *storage, const struct format *except,
                                      struct coffer_info *info, enum coffer_status *status,
                                      struct coffer_error *error)
{
    const struct format *format;
    for (unsigned i = 0; (format = format_at(i)) != NULL; i++) {
        if (format != except && format->recognise != NULL && format->recognise(storage, info, status, error)) {
            return format;
        }
    }
    return NULL;
}
