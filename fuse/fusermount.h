/* SPDX-License-Identifier: ISC */
/*
 * fusermount.h - mounting and unmounting through fusermount3, the set-user-id program for ordinary users.
 */
#ifndef FUSERMOUNT_H
#define FUSERMOUNT_H

#include <stdbool.h>

#include "coffer.h"

/* Mounts at `path` with `options` ("rw,fsname=..."); the connection's descriptor, close-on-exec, in *fd.
 * Errors: NOT_PERMITTED (missing, or it refused: its reason), NO_MEMORY, FAILED. */
enum coffer_status fusermount_mount(const char *path, const char *options, int *fd, struct coffer_error *error);

/* Errors: NOT_PERMITTED as above, IN_USE, NO_MEMORY, FAILED. */
enum coffer_status fusermount_unmount(const char *path, bool lazy, struct coffer_error *error);

#endif
