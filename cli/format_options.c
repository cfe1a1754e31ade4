/* SPDX-License-Identifier: ISC */
/*
 * What a user says about the format of a volume, on its way to the library.
 */
#include "format_options.h"

#include <string.h>

bool format_options_given(const struct format_options *format)
{
    return format->type || format->hash || format->pim != 0 || format->system || format->backup_header;
}

void format_options_apply(const struct format_options *format, struct coffer_open_options *how)
{
    how->type = format->type && strcmp(format->type, "auto") != 0 ? format->type : NULL;
    how->hash = format->hash;
    how->pim = (uint32_t)format->pim;
    how->system = format->system;
    how->backup_header = format->backup_header;
    how->header = format->header;
    how->slot = (int)format->slot;
}
