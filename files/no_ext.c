/* SPDX-License-Identifier: ISC */
/*
 * no_ext.c - stands for ext.c in a program built without libext2fs.
 */
#include <errno.h>
#include <stdio.h>

#include "files.h"

enum coffer_status files_open_ext(struct coffer_volume *volume, const struct files_options *options,
                                  struct files **files, struct coffer_error *error)
{
    (void)volume;
    (void)options;
    (void)files;
    if (error != NULL && error->status == COFFER_OK) {
        error->status = COFFER_NOT_PERMITTED;
        error->sys = ENOSYS;
        snprintf(error->text, sizeof(error->text), "this program was built without libext2fs");
    }
    return COFFER_NOT_PERMITTED;
}
