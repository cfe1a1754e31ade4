/* SPDX-License-Identifier: ISC */
/*
 * kernel_mount.h - a file system of the kernel's on a block device, wherever that device comes from: mounted,
 * watched, unmounted. For the process that serves the device, too: what could wait for that device is done by other
 * processes, mount(8) and umount(8), so that a server that dies never waits for itself.
 */
#ifndef KERNEL_MOUNT_H
#define KERNEL_MOUNT_H

#include <stdbool.h>

#include "coffer.h"
#include "mount_point.h"
#include "status.h"

struct kernel_mount {
    const char *device;              /* "/dev/loop3" */
    const char *type;                /* as libblkid calls it, "ext4" */
    const char *volume;              /* for messages */
    const struct mount_point *point; /* still open */
    const char *options;             /* such as kernel_options_check lets pass; NULL = none */
    bool read_only;
};

/* Whether the kernel has a file system of this type, if need be as a module. */
bool kernel_mount_knows(const char *type);

/* Mounts, with nosuid and nodev unless the options say otherwise. EXIT_DONE or reported. */
enum exit_status kernel_mount_begin(const struct kernel_mount *mount);

/* Writes what the kernel has not yet written. False where that fails. */
bool kernel_mount_sync(const char *mount_point);

/* Whether `device` is mounted there; also where that cannot be told. */
bool kernel_mount_is_there(const char *mount_point, const char *device);

/* Unmounts, from any thread; OK when it is unmounted already. Errors as of serve_stop. */
enum coffer_status kernel_mount_stop(const char *mount_point, const char *device, bool lazy,
                                     struct coffer_error *error);

/* Waits until `device` is not mounted at `mount_point` any more, whoever unmounts it. */
void kernel_mount_wait(const char *mount_point, const char *device);

#endif
