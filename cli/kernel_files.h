/* SPDX-License-Identifier: ISC */
/* kernel_files.h - the file system in a volume that is a file or a device for the kernel: what it is, and mounting
 * it. */
#ifndef KERNEL_FILES_H
#define KERNEL_FILES_H

#include <stdbool.h>

#include "status.h"
#include "way.h"

struct kernel_files {
    char type[64];  /* as libblkid calls it; "" = none is there */
    bool is_wanted; /* the kernel is to show it */
};

/* Looks at `path`, where the cleartext is. Not asked for: wanted where the kernel knows it and no driver of ours is
 * better. EXIT_DONE or reported. */
enum exit_status kernel_files_look(const struct way_task *task, const char *path, bool is_asked_for,
                                   struct kernel_files *files);

/* Whether the options suit it; checks it where that has to be done before it is written to, and sets *read_only where
 * that does not help. EXIT_DONE or reported. */
enum exit_status kernel_files_prepare(const struct way_task *task, const char *path,
                                      const struct kernel_files *files, bool *read_only);

/* Mounts the way's source. EXIT_DONE or reported. */
enum exit_status kernel_files_mount(const struct way *way, const struct kernel_files *files);

#endif
