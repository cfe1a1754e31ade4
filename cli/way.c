/* SPDX-License-Identifier: ISC */
/* way.c - which way a volume is shown (way.h). */
#include "way.h"

#include <string.h>
#include <unistd.h>

#include "loop_device.h"
#include "mapped.h"
#include "mount_options.h"
#include "ui.h"
#include "volume_files.h"

/* A block device of the kernel's would keep in its cache what is refused for the hidden volume's sake, and the kernel
 * shows owners as they are. */
static bool may_be_kernels(const struct way_task *task)
{
    const struct server_request *request = task->request;

    return geteuid() == 0 && !request->hidden_secret && !request->owner.mapped;
}

static enum exit_status open_in_process(const struct way_task *task, struct way **way)
{
    const char *name = task->request->volume;
    struct files *files;

    enum exit_status status = volume_files_open(task->volume, name, task->info->read_only, &files);
    if (status != EXIT_DONE) {
        return status;
    }
    return files ? way_open_fuse(task, files, way) : volume_files_refuse(task->volume, name);
}

const char *way_place(const struct way *way)
{
    return way->place ? way->place : way->task->request->point->path;
}

enum exit_status way_check_options(const struct way_task *task, const char *type)
{
    char word[64];

    if (mount_options_check(task->request->options, type, sizeof(word), word)) {
        return EXIT_DONE;
    }
    if (strcmp(type, MOUNT_OPTIONS_FUSE) == 0) {
        return ui_fail(EXIT_USAGE, "exec and noexec are; those of the kernel's file systems go with --via loop",
                       "cannot mount '%s': '%s' is no option of files that this program serves",
                       task->request->volume, word);
    }
    return ui_fail(EXIT_USAGE, NULL, "cannot mount '%s': '%s' is no option of %s", task->request->volume, word,
                   type);
}

/* The kernel's ways in turn, where nothing is asked for; *way stays NULL when neither is better than our own. */
static enum exit_status open_by_kernel(const struct way_task *task, struct way **way)
{
    enum exit_status status = mapped_is_possible(task) ? way_open_dm(task, false, way) : EXIT_DONE;

    return status || *way || !loop_device_is_possible() ? status : way_open_loop(task, false, way);
}

enum exit_status way_open(const struct way_task *task, struct way **way)
{
    const struct server_request *request = task->request;
    enum exit_status status = EXIT_DONE;

    *way = NULL;
    if (request->block && strcmp(request->via, "dm") == 0) {
        return way_open_device(task, way);
    }
    if (request->block) {
        return way_open_block(task, way);
    }
    if (strcmp(request->via, "dm") == 0) {
        status = way_open_dm(task, true, way);
    } else if (strcmp(request->via, "udisks") == 0) {
        status = way_open_udisks(task, way);
    } else if (strcmp(request->via, "loop") == 0) {
        status = way_open_loop(task, true, way);
    } else if (strcmp(request->via, "auto") == 0 && may_be_kernels(task)) {
        status = open_by_kernel(task, way);
    }
    return status || *way ? status : open_in_process(task, way);
}
