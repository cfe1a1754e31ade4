/* SPDX-License-Identifier: ISC */
/*
 * way_loop.c - the files of a volume by the kernel's own file system: over a loop device, over the block file in a
 * directory that only root can enter, served by this process.
 *
 * Once it is mounted nothing here holds the loop device: it goes with the file system, and its end is the end of the
 * private mount. Writes that fail below a file system of the kernel's end in the kernel's log; the private mount
 * remembers the first for whoever unmounts.
 */
#include <stdio.h>
#include <stdlib.h>

#include "kernel_files.h"
#include "kernel_mount.h"
#include "loop_device.h"
#include "private_mount.h"
#include "scope.h"
#include "ui.h"
#include "way.h"

struct loop_way {
    struct way way;
    struct private_mount block;
    struct loop_device device;
    char source[sizeof(((struct loop_device *)NULL)->path)];
    struct kernel_files files;
};

static const char *mount_point_of(const struct way *way)
{
    return way->task->request->point->path;
}

static enum exit_status begin(struct way *way)
{
    struct loop_way *loop = (struct loop_way *)way;
    enum exit_status status = kernel_files_mount(way, &loop->files);
    loop_device_release(&loop->device);
    return status;
}

static enum coffer_status stop(struct way *way, bool lazy, struct coffer_error *error)
{
    return kernel_mount_stop(mount_point_of(way), way->source, lazy, error);
}

static bool sync_all(struct way *way)
{
    return kernel_mount_sync(mount_point_of(way));
}

static void wait_for_end(struct way *way, struct coffer_error *error)
{
    struct loop_way *loop = (struct loop_way *)way;

    kernel_mount_wait(mount_point_of(way), way->source);
    loop_device_release(&loop->device);
    private_mount_close(&loop->block, error);
}

static void close_all(struct way *way, struct coffer_error *error)
{
    struct loop_way *loop = (struct loop_way *)way;

    loop_device_release(&loop->device);
    private_mount_close(&loop->block, error); /* nothing is left to do after wait */
    free(loop);
}

static enum exit_status attach(struct loop_way *loop)
{
    const struct way_task *task = loop->way.task;

    enum exit_status status = kernel_files_prepare(task, loop->block.path, &loop->files, &loop->way.read_only);
    status =
        status ? status
               : loop_device_attach(loop->block.path, task->info->sector_size, loop->way.read_only, &loop->device);
    snprintf(loop->source, sizeof(loop->source), "%s", loop->device.path);
    return status;
}

enum exit_status way_open_loop(const struct way_task *task, bool is_asked_for, struct way **way)
{
    static const struct way_kind kind = { "loop", begin, stop, sync_all, wait_for_end, close_all };
    struct loop_way *loop = calloc(1, sizeof(*loop));
    struct coffer_error error = COFFER_ERROR_INIT;

    if (!loop) {
        return ui_fail_no_memory();
    }
    loop->way =
        (struct way){ .kind = &kind, .task = task, .read_only = task->info->read_only, .source = loop->source };
    loop->block = (struct private_mount)PRIVATE_MOUNT_NONE;
    loop->device = (struct loop_device)LOOP_DEVICE_NONE;
    enum exit_status status = private_mount_begin(task->volume, PRIVATE_FOR_DEVICE, &loop->block);
    status = status ? status : kernel_files_look(task, loop->block.path, is_asked_for, &loop->files);
    status = status || !loop->files.is_wanted ? status : attach(loop);
    *way = status || !loop->files.is_wanted ? NULL : &loop->way;
    if (!*way) {
        close_all(&loop->way, &error);
    }
    return status;
}
