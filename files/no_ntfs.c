/* SPDX-License-Identifier: ISC */
/*
 * no_ntfs.c - stands for ntfs.c in a program built without libntfs-3g.
 */
#include <errno.h>
#include <stdio.h>

#include "files.h"

enum coffer_status files_open_ntfs(struct coffer_volume *volume, const struct files_options *options,
                                  struct files **files, struct coffer_error *error)
{
    (void)volume;
    (void)options;
    (void)files;
    if (error != NULL && error->status == COFFER_OK) {
        error->status = COFFER_NOT_PERMITTED;
        error->sys = ENOSYS;
        snprintf(error->text, sizeof(error->text), "this program was built without libntfs-3g");
    }
    return COFFER_NOT_PERMITTED;
}
