/* SPDX-License-Identifier: ISC */
/*
 * udisks.h - what udisks2, the disk service of desktops, does for who is not root: a loop device over an open file,
 * a mount, and a descriptor of a device. It asks polkit, which may ask for a password, and says no to who is not
 * at the machine.
 *
 * Each call has a connection of its own, so all of them may be called by any thread. Devices are named by their path,
 * "/dev/loop3". Nothing that is answered is believed beyond its type: the caller looks at what the kernel says.
 *
 * Errors: NOT_PERMITTED: udisks2 refuses (sys = EACCES) or is not there (sys = ENOSYS); IN_USE, INVALID (a mount
 * option), FAILED; INTERRUPTED: `stop` said so. sys = ETIMEDOUT: there was no answer, and what was asked for may still
 * be done; so it may after INTERRUPTED.
 */
#ifndef UDISKS_H
#define UDISKS_H

#include <stdbool.h>

#include "coffer.h"

/* Asked again and again while an answer is awaited; true ends that. NULL is fine. */
typedef bool udisks_stop_fn(void);

/* Whether it answers at all. */
enum coffer_status udisks_check(struct coffer_error *error);

/* A loop device over an open file, for what is mounted from it and no longer. Which one, the kernel tells. */
enum coffer_status udisks_attach(int file, bool read_only, udisks_stop_fn *stop, struct coffer_error *error);

/* Detaches a loop device; one in use when its last user is gone, whoever that is. */
enum coffer_status udisks_detach(const char *device, struct coffer_error *error);

/* Mounts the file system on a device, which udisks2 may have to discover first. `options` as for mount(8), NULL = none.
 * *place, to be freed, is what udisks2 says where: an absolute path. */
enum coffer_status udisks_mount(const char *device, const char *options, udisks_stop_fn *stop, char **place,
                                struct coffer_error *error);

/* lazy: it is gone from the tree at once. */
enum coffer_status udisks_unmount(const char *device, bool lazy, struct coffer_error *error);

/* Opens it as open(2) does; `flags` may be O_RDONLY or O_RDWR, with O_EXCL. *fd is closed on exec. */
enum coffer_status udisks_open(const char *device, int flags, int *fd, struct coffer_error *error);

/* What it is built on, "libsystemd 252"; NULL = this program was built without. */
const char *udisks_component(void);

#endif
