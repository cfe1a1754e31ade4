/* SPDX-License-Identifier: ISC */
/* convert.h - what `coffer convert` was asked for, and the ways to do it. */
#ifndef CONVERT_H
#define CONVERT_H

#include "format_options.h"
#include "options.h"
#include "status.h"

struct convert_options {
    struct common_options common;
    struct secret_options secret;     /* opens what is there */
    struct secret_options new_secret; /* of what is made */
    struct format_options format;     /* of what is there */
    long kdf_level;
    const char *new_format;
    const char *label;
    const char *name;
    bool thick, fill, unmarked;
    uint64_t kdf_memory;
    long kdf_passes;
    long new_kdf_level;
    const char *sector_size; /* NULL = that of the source */
    bool force;
    const char *confirm;
    bool adopt;
    const char *header_backup;
};

/* Copies the volume `source` into a new one. EXIT_DONE or reported. */
enum exit_status convert_copy(const struct convert_options *options, const char *source, const char *path);

/* Takes a VeraCrypt volume over in place. EXIT_DONE or reported. */
enum exit_status convert_adopt(const struct convert_options *options, const char *path);

#endif
