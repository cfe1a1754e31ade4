/* SPDX-License-Identifier: ISC */
/*
 * mount_helper.h - what mount(8) calls for the type coffer, so that volumes can stand in fstab(5): the program under
 * the name mount.coffer, with the arguments that mount(8) gives to every helper.
 */
#ifndef MOUNT_HELPER_H
#define MOUNT_HELPER_H

#include <stdbool.h>

#include "options.h"
#include "status.h"

#define MOUNT_HELPER_NAME "mount.coffer"

/* A command line of `coffer mount`. */
struct mount_helper_line {
    char **arguments; /* each to be freed */
    int count;
    bool is_rehearsal; /* -f: nothing is to be done */
};

/* From "VOLUME DIR [-rwnsvf] [-o OPTIONS] ..." to the same in the words of `coffer mount`. An option of fstab is one of
 * `coffer mount` without its dashes, `key-file=FILE`; one of mount(8) is passed on or, where it is for mount(8) and
 * for systemd alone, left out; any other is refused. Without a secret among them and without a terminal the
 * agents of the system are asked. False: `error` says why, EXIT_USAGE. Pure. */
bool mount_helper_translate(int count, char *const *arguments, bool has_terminal, struct mount_helper_line *line,
                            struct usage_error *error);
void mount_helper_free(struct mount_helper_line *line);

/* As mount(8) wants it. */
int mount_helper_status(enum exit_status status);

#endif
