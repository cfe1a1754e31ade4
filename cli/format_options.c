/* SPDX-License-Identifier: ISC */
/*
 * What a user says about the format of a volume, on its way to the library.
 */
#include "format_options.h"

#include <string.h>

#include "ui.h"

bool format_options_given(const struct format_options *format)
{
    return format->type || format->hash || format->pim != 0 || format->system || format->backup_header ||
           format->salt_bits >= 0 || format->iterations != 0 || format->offset >= 0;
}

struct secret_options format_options_settle_secret(const struct format_options *format,
                                                   const struct secret_options *given)
{
    struct secret_options settled = *given;

    settled.key_file_is_all = format->type && strncmp(format->type, "loop-aes", 8) == 0;
    return settled;
}

void format_options_warn_unverified(const struct coffer_info *info)
{
    if (info->is_unverified) {
        ui_warn("a %s volume cannot tell a wrong secret, which would show noise: look at what is in it first",
                info->format);
    }
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
    how->salt_bits = (int)format->salt_bits;
    how->iterations = (uint32_t)format->iterations;
    how->offset = format->offset;
}
