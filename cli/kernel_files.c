/* SPDX-License-Identifier: ISC */
/* kernel_files.c - whether the kernel shows the files, and what has to be done first (kernel_files.h). */
#include "kernel_files.h"

#include <string.h>

#include "content.h"
#include "ext_check.h"
#include "kernel_mount.h"
#include "ui.h"
#include "volume_files.h"

/* Where both can, the kernel's driver is the better choice but for two: its one for NTFS is young, and of an ext file
 * system that was not closed properly it shows nothing without writing to it. */
static bool is_for_own_driver(const struct way_task *task, const char *type)
{
    return strcmp(type, "ntfs") == 0 || (task->info->read_only && strncmp(type, "ext", 3) == 0);
}

static enum exit_status refuse(const struct way_task *task, const char *type)
{
    const char *name = task->request->volume;

    if (type[0] == '\0') {
        return ui_fail(EXIT_NOT_PERMITTED, volume_files_hint_none(task->info),
                       "cannot show the files of '%s': no file system is in it", name);
    }
    return ui_fail(EXIT_NOT_PERMITTED, "add --block to see the volume as one file",
                   "cannot show the files of '%s': this kernel does not know the file system %s", name, type);
}

enum exit_status kernel_files_look(const struct way_task *task, const char *path, bool is_asked_for,
                                   struct kernel_files *files)
{
    const char *name = task->request->volume;
    int error = content_find_type(path, sizeof(files->type), files->type);

    if (error) {
        return ui_fail(EXIT_OTHER, NULL, "cannot read '%s': %s", name, explain_errno(error));
    }
    bool is_known = files->type[0] && kernel_mount_knows(files->type);
    files->is_wanted = is_known && (is_asked_for || !is_for_own_driver(task, files->type));
    return is_asked_for && !is_known ? refuse(task, files->type) : EXIT_DONE;
}

enum exit_status kernel_files_prepare(const struct way_task *task, const char *path,
                                      const struct kernel_files *files, bool *read_only)
{
    const char *name = task->request->volume;

    enum exit_status status = way_check_options(task, files->type);
    if (status != EXIT_DONE || *read_only || strncmp(files->type, "ext", 3) != 0 || ext_check(path, name)) {
        return status;
    }
    ui_warn("the files of '%s' can only be read", name);
    *read_only = true;
    return EXIT_DONE;
}

enum exit_status kernel_files_mount(const struct way *way, const struct kernel_files *files)
{
    const struct server_request *request = way->task->request;
    const struct kernel_mount mount = {
        .device = way->source,
        .type = files->type,
        .volume = request->volume,
        .point = request->point,
        .options = request->options,
        .read_only = way->read_only,
    };

    return kernel_mount_begin(&mount);
}
