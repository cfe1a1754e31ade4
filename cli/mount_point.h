/* SPDX-License-Identifier: ISC */
/* mount_point.h - which directories a volume may be mounted over. */
#ifndef MOUNT_POINT_H
#define MOUNT_POINT_H

#include "status.h"

/* A directory that was looked at and is held: open, and locked against another mount that starts meanwhile. */
struct mount_point {
    int fd;
    char *path; /* absolute, canonical */
};

#define MOUNT_POINT_NONE \
    {                    \
        .fd = -1         \
    }

/* An existing, empty directory that the user may write to, where nothing is mounted and nothing of the system
 * would be hidden. EXIT_DONE or reported. */
enum exit_status mount_point_take(const char *given, struct mount_point *point);

/* Gives up lock and descriptor, and keeps the path. */
void mount_point_unlock(struct mount_point *point);

void mount_point_release(struct mount_point *point);

/* Why mounting over this canonical path could harm the system or its user, "programs are run from it"; NULL = it
 * could not. `search` is PATH, `home` the user's home directory; both may be NULL. Pure. */
const char *mount_point_danger(const char *path, const char *search, const char *home);

#endif
