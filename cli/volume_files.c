/* SPDX-License-Identifier: ISC */
/*
 * volume_files.c - opens the file system inside a volume.
 *
 * What other programs have to look at - e2fsck, libblkid - they see through a private mount of the block file,
 * which is gone again before the file system is opened here.
 */
#include "volume_files.h"

#include <errno.h>
#include <unistd.h>

#include "content.h"
#include "ext_check.h"
#include "private_mount.h"
#include "ui.h"

enum exit_status volume_files_refuse(struct coffer_volume *volume, const char *name)
{
    struct private_mount mount;
    char text[128] = "";

    enum exit_status status = private_mount_begin(volume, PRIVATE_FOR_PROGRAMS, &mount);
    if (status != EXIT_DONE) {
        return status;
    }
    content_describe(mount.path, sizeof(text), text);
    private_mount_end(&mount);
    if (text[0] == '\0') {
        return ui_fail(EXIT_NOT_PERMITTED,
                       "add --block to see the volume as one file, and make a file system in it",
                       "cannot show the files of '%s': no file system is in it", name);
    }
    return ui_fail(EXIT_NOT_PERMITTED,
                   geteuid() == 0 ? "add --block to see the volume as one file"
                                  : "root can mount it; add --block to see the volume as one file",
                   "cannot show the files of '%s': without the kernel's help, this version shows those of ext2, "
                   "ext3 and ext4, not %s",
                   name, text);
}

/* True when the file system can be opened for writing now. */
static bool check_ext(struct coffer_volume *volume, const char *name)
{
    struct private_mount mount;

    if (private_mount_begin(volume, PRIVATE_FOR_PROGRAMS, &mount) != EXIT_DONE) {
        return false;
    }
    bool passed = ext_check(mount.path, name);
    return private_mount_end(&mount) == EXIT_DONE && passed;
}

enum exit_status volume_files_open(struct coffer_volume *volume, const char *name, bool read_only,
                                   struct files **files)
{
    struct coffer_error error = COFFER_ERROR_INIT;
    struct files_options options = {
        .read_only = read_only,
        .discard = true,
        .uid = geteuid(),
        .gid = getegid(),
    };

    enum coffer_status status = files_open_ext(volume, &options, files, &error);
    if (status == COFFER_FAILED && error.sys == EUCLEAN) {
        options.checked = check_ext(volume, name);
        options.read_only = !options.checked;
        error = (struct coffer_error)COFFER_ERROR_INIT;
        status = files_open_ext(volume, &options, files, &error);
    }
    if (status == COFFER_NOT_FOUND) {
        *files = NULL;
        return EXIT_DONE;
    }
    if (status != COFFER_OK) {
        return ui_fail_library(OPERATION_FILES, name, &error);
    }
    if ((*files)->read_only && !read_only) {
        ui_warn("the files of '%s' can only be read%s%s", name, (*files)->note[0] != '\0' ? ": " : "",
                (*files)->note);
    }
    return EXIT_DONE;
}
