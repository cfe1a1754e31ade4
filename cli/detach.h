/* SPDX-License-Identifier: ISC */
/* detach.h - taking a mount out of the tree of files, as root or as the ordinary user who made it. */
#ifndef DETACH_H
#define DETACH_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum detach_result {
    DETACH_DONE,
    DETACH_BUSY,
    DETACH_GONE,    /* no such mount is there (any more) */
    DETACH_COVERED, /* something else is mounted over it */
    DETACH_REFUSED, /* not permitted, or a facility is missing: `reason` says it */
};

/* Unmounts what is mounted at `mount_point`, if and only if it is one of our mounts, of this device, made by this
 * user: the caller may have it from a file that anybody could have written. lazy: it is gone from the tree at once,
 * and lives on until the last open file is closed. `reason` is one line without a newline. */
enum detach_result detach_mount(const char *mount_point, dev_t device, uid_t owner, bool lazy, size_t size,
                                char *reason);

#endif
