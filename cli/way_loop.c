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

#include "content.h"
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
    char type[64];
};

static const char *mount_point_of(const struct way *way)
{
    return way->task->request->point->path;
}

static enum exit_status begin(struct way *way)
{
    struct loop_way *loop = (struct loop_way *)way;
    const struct kernel_mount mount = {
        .device = loop->source,
        .type = loop->type,
        .volume = way->task->request->volume,
        .point = way->task->request->point,
        .options = way->task->request->options,
        .read_only = way->read_only,
    };

    enum exit_status status = kernel_mount_begin(&mount);
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

static enum exit_status find_type(struct loop_way *loop)
{
    int error = content_find_type(loop->block.path, sizeof(loop->type), loop->type);

    if (error) {
        return ui_fail(EXIT_OTHER, NULL, "cannot read '%s': %s", loop->way.task->request->volume,
                       explain_errno(error));
    }
    return loop->type[0] ? EXIT_DONE
                         : ui_fail(EXIT_NOT_PERMITTED,
                                   "add --block to see the volume as one file, and make a file system in it",
                                   "cannot show the files of '%s': no file system is in it",
                                   loop->way.task->request->volume);
}

static enum exit_status attach(struct loop_way *loop)
{
    const struct way_task *task = loop->way.task;

    enum exit_status status = private_mount_begin(task->volume, PRIVATE_FOR_DEVICE, &loop->block);
    status = status ? status : find_type(loop);
    status = status ? status : way_check_options(task, loop->type);
    status = status ? status
                    : loop_device_attach(loop->block.path, task->info->sector_size, task->info->read_only,
                                         &loop->device);
    snprintf(loop->source, sizeof(loop->source), "%s", loop->device.path);
    return status;
}

enum exit_status way_open_loop(const struct way_task *task, struct way **way)
{
    static const struct way_kind kind = { "loop", begin, stop, sync_all, wait_for_end, close_all };
    struct loop_way *loop = calloc(1, sizeof(*loop));

    if (!loop) {
        return ui_fail(EXIT_OTHER, NULL, "out of memory");
    }
    loop->way = (struct way){ &kind, task, task->info->read_only, loop->source };
    loop->block = (struct private_mount)PRIVATE_MOUNT_NONE;
    loop->device = (struct loop_device)LOOP_DEVICE_NONE;
    enum exit_status status = attach(loop);
    if (status != EXIT_DONE) {
        struct coffer_error error = COFFER_ERROR_INIT;
        close_all(&loop->way, &error);
        return status;
    }
    *way = &loop->way;
    return EXIT_DONE;
}
