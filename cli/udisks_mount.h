/* SPDX-License-Identifier: ISC */
/*
 * udisks_mount.h - the loop devices that udisks2 has laid over our block files, and what is mounted from them. Which
 * ones these are is the kernel's word (sysfs and the table of mounts), neither udisks2's nor a state file's.
 */
#ifndef UDISKS_MOUNT_H
#define UDISKS_MOUNT_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "coffer.h"

/* "/dev/loop3", the loop device over this file. False when there is none. */
bool udisks_mount_find(const char *file, size_t size, char *device);

/* Whether it has no content: Linux 6.17 and later ask for the size of the file as whoever attaches it, root, who
 * must not see it. */
bool udisks_mount_is_empty(const char *device);

/* Whether a loop device lies over the block file of a FUSE mount of ours that `owner` has made. */
bool udisks_mount_is_of(const char *device, uid_t owner);

/* Takes what is mounted from the loop devices over this file out of the tree, and detaches them. FAILED and the other
 * errors of udisks.h: something of it stays. */
enum coffer_status udisks_mount_release(const char *file, struct coffer_error *error);

#endif
