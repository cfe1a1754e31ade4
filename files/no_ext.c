/* SPDX-License-Identifier: ISC */
/*
 * no_ext.c - stands for ext.c in a program built without libext2fs: it only tells ext2/3/4 from other file systems.
 */
#include <errno.h>

#include "fail.h"
#include "files.h"

enum coffer_status files_open_ext(struct coffer_volume *volume, const struct files_options *options,
                                  struct files **files, struct coffer_error *error)
{
    (void)options;
    (void)files;
    unsigned char magic[2];
    const bool is_ext = coffer_volume_pread(volume, magic, sizeof(magic), 1024 + 56, NULL) == COFFER_OK &&
                        magic[0] == 0x53 && magic[1] == 0xef;
    return is_ext ? files_fail(error, COFFER_NOT_PERMITTED, ENOSYS, "this program was built without libext2fs")
                  : files_fail(error, COFFER_NOT_FOUND, 0, "no ext file system");
}
