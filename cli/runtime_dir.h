/* SPDX-License-Identifier: ISC */
/*
 * runtime_dir.h - the directory for what lives as long as a mount: state files and private mount points.
 *
 * $XDG_RUNTIME_DIR/coffer; where that is unset or not ours (ssh, cron, sudo) /run/user/UID/coffer; root
 * /run/coffer; else /tmp/coffer-UID. It belongs to the user, mode 0700, and is no link: anything else is
 * refused, never used.
 */
#ifndef RUNTIME_DIR_H
#define RUNTIME_DIR_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "coffer.h"

struct runtime_dir {
    int fd;      /* -1 = none */
    uid_t owner;
    char *path;  /* absolute */
};

#define RUNTIME_DIR_NONE { .fd = -1 }

/* The one in which new mounts of this user are kept; made where it is missing. Errors: NOT_PERMITTED. */
enum coffer_status runtime_dir_open(struct runtime_dir *directory, struct coffer_error *error);

void runtime_dir_close(struct runtime_dir *directory);

/* All that exist and may hold mounts of this user, and as root of every user. What is not as it should be is left
 * out. `directories` belongs to the caller: runtime_dirs_free. Errors: NO_MEMORY. */
struct runtime_dirs {
    struct runtime_dir *items;
    size_t count;
};
enum coffer_status runtime_dirs_find(struct runtime_dirs *directories, struct coffer_error *error);
void runtime_dirs_free(struct runtime_dirs *directories);

/* Makes a private directory, 0700, with a name of its own below `directory`, for a mount that nobody else is to
 * see. *path belongs to the caller. Errors: FAILED, NO_MEMORY. */
enum coffer_status runtime_dir_make_private(const struct runtime_dir *directory, char **path,
                                            struct coffer_error *error);

#endif
