/* SPDX-License-Identifier: ISC */
/* detach.h - taking a mount out of the tree of files, as root or as the ordinary user who made it. */
#ifndef DETACH_H
#define DETACH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum detach_result {
    DETACH_DONE,
    DETACH_BUSY,
    DETACH_GONE,    /* no such mount is there (any more) */
    DETACH_LATE,    /* it is not through at the deadline; what is dirty is being written */
    DETACH_COVERED, /* something else is mounted over it */
    DETACH_REFUSED, /* not permitted, or a facility is missing: `reason` says it */
};

/* One mount, as a state file or the kernel's table describes it. */
struct detach_target {
    const char *mount_point;
    dev_t device;       /* as the kernel's table has it */
    uid_t owner;        /* who made it */
    const char *source; /* of a mount of the kernel's: the block device below it; NULL = a FUSE mount of ours */
};

struct mount_entry;

/* Whether `entry` is that mount. Of the kernel's mounts only root's word is taken, or the kernel's, that it is one from
 * a block file of the owner's. */
bool detach_is_target(const struct detach_target *target, const struct mount_entry *entry);

/* Unmounts what is mounted there, if and only if it is that mount: the caller may have it from a file that anybody
 * could have written. lazy: it is gone from the tree at once, and lives on until the last open file is closed.
 * Writing out what is dirty may take long: it is waited for until `deadline` (deadline.h). `reason` is one line without
 * a newline. */
enum detach_result detach_mount(const struct detach_target *target, bool lazy, int64_t deadline, size_t size,
                                char *reason);

#endif
