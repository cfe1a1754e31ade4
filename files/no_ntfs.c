/* SPDX-License-Identifier: ISC */
/*
 * no_ntfs.c - stands for ntfs.c in a program built without libntfs-3g: it only tells NTFS from other file systems.
 */
#include <errno.h>
#include <string.h>

#include "fail.h"
#include "files.h"

enum coffer_status files_open_ntfs(struct coffer_volume *volume, const struct files_options *options,
                                   struct files **files, struct coffer_error *error)
{
    (void)options;
    (void)files;
    char boot[512] = "";
    const bool is_ntfs = coffer_volume_pread(volume, boot, sizeof(boot), 0, NULL) == COFFER_OK &&
                         memcmp(boot + 3, "NTFS    ", 8) == 0;
    return is_ntfs ? files_fail(error, COFFER_NOT_PERMITTED, ENOSYS, "this program was built without libntfs-3g")
                   : files_fail(error, COFFER_NOT_FOUND, 0, "no NTFS file system");
}
