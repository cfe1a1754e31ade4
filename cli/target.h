/* SPDX-License-Identifier: ISC */
/* target.h - the place where a volume is to be made, and whether what is there may be overwritten. */
#ifndef TARGET_H
#define TARGET_H

#include <stdbool.h>
#include <stdint.h>

#include "status.h"

enum target_kind {
    TARGET_NEW, /* nothing is there yet */
    TARGET_FILE,
    TARGET_DEVICE,
};

struct target {
    const char *path;
    enum target_kind kind;
    uint64_t size;    /* bytes of what is there */
    char content[96]; /* what is recognised there, for example "ext4 'photos'"; may be empty */
    char about[160];  /* a device: what it is */
};

/* Looks; writes nothing. Refuses, reported, what can never be a volume: a directory, a mounted disk, a place in
 * which nothing can be made. */
enum exit_status target_inspect(const char *path, struct target *target);

/* Nothing is there that takes --force to be overwritten, or it is given. EXIT_DONE or reported. */
enum exit_status target_check_force(const struct target *target, bool force);

/* Shows what would be lost and wants its name, in `confirm` (NULL = not given) or typed on the terminal.
 * EXIT_DONE, or reported. */
enum exit_status target_confirm(const struct target *target, const char *confirm);

#endif
