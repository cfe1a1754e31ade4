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

#include "status.h"

struct runtime_dir {
    int fd; /* -1 = none */
    uid_t owner;
    char *path; /* absolute */
};

#define RUNTIME_DIR_NONE \
    {                    \
        .fd = -1         \
    }

/* The one in which this user's new mounts are kept; made where it is missing. EXIT_DONE or reported. */
enum exit_status runtime_dir_open(struct runtime_dir *directory);

void runtime_dir_close(struct runtime_dir *directory);

struct runtime_dirs {
    struct runtime_dir *items;
    size_t count;
};

/* All that exist and may hold mounts of this user, as root those of every user. Those that are not as they
 * should be are left out. False without memory. */
bool runtime_dirs_find(struct runtime_dirs *directories);
void runtime_dirs_free(struct runtime_dirs *directories);

/* Makes a directory, 0700, with a name of its own below `directory`, for a mount that nobody else is to see.
 * NULL with errno where that fails; else rmdir and free it. */
char *runtime_dir_make_private(const struct runtime_dir *directory);

#endif
