/* SPDX-License-Identifier: ISC */
/* create.h - what `coffer create` was asked for, and the ways to do it. */
#ifndef CREATE_H
#define CREATE_H

#include "create_cost.h"
#include "options.h"
#include "status.h"

struct create_options {
    struct common_options common;
    struct secret_options secret;
    struct secret_options new_secret; /* of a hidden volume */
    bool hidden;
    uint64_t size;
    const char *format;
    const char *fs;
    const char *label;
    const char *name;
    bool recovery_key;
    const char *header_backup;
    bool thin, thick, fill, unmarked;
    uint64_t kdf_memory;
    long kdf_passes;
    long kdf_level;
    const char *sector_size;
    bool force;
    const char *confirm;
};

/* A volume in a file or on a device. EXIT_DONE or reported. */
enum exit_status create_volume(const struct create_options *options, const char *path);

/* A hidden volume inside the one that is there. EXIT_DONE or reported. */
enum exit_status create_hidden(const struct create_options *options, const char *path);

#endif
