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
#include <string.h>

#include "content.h"
#include "ext_check.h"
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

    return error ? ui_fail(EXIT_OTHER, NULL, "cannot read '%s': %s", loop->way.task->request->volume,
                           explain_errno(error))
                 : EXIT_DONE;
}

/* Where both can, the kernel's driver is the better choice but for two: its one for NTFS is young, and of an ext file
 * system that was not closed properly it shows nothing without writing to it. */
static bool is_for_own_driver(const struct loop_way *loop)
{
    return strcmp(loop->type, "ntfs") == 0 || (loop->way.read_only && strncmp(loop->type, "ext", 3) == 0);
}

static enum exit_status refuse(const struct loop_way *loop)
{
    const char *name = loop->way.task->request->volume;

    if (loop->type[0] == '\0') {
        return ui_fail(EXIT_NOT_PERMITTED,
                       "add --block to see the volume as one file, and make a file system in it",
                       "cannot show the files of '%s': no file system is in it", name);
    }
    return ui_fail(EXIT_NOT_PERMITTED, "add --block to see the volume as one file",
                   "cannot show the files of '%s': this kernel does not know the file system %s", name,
                   loop->type);
}

static void check_file_system(struct loop_way *loop)
{
    const char *name = loop->way.task->request->volume;

    if (loop->way.read_only || strncmp(loop->type, "ext", 3) != 0 || ext_check(loop->block.path, name)) {
        return;
    }
    ui_warn("the files of '%s' can only be read", name);
    loop->way.read_only = true;
}

static enum exit_status attach(struct loop_way *loop)
{
    const struct way_task *task = loop->way.task;

    enum exit_status status = way_check_options(task, loop->type);
    if (status != EXIT_DONE) {
        return status;
    }
    check_file_system(loop);
    status = loop_device_attach(loop->block.path, task->info->sector_size, loop->way.read_only, &loop->device);
    snprintf(loop->source, sizeof(loop->source), "%s", loop->device.path);
    return status;
}

/* In `is_wanted`: whether the kernel is to show the files. */
static enum exit_status look(struct loop_way *loop, bool is_asked_for, bool *is_wanted)
{
    enum exit_status status = private_mount_begin(loop->way.task->volume, PRIVATE_FOR_DEVICE, &loop->block);

    status = status ? status : find_type(loop);
    if (status != EXIT_DONE) {
        return status;
    }
    bool is_known = loop->type[0] && kernel_mount_knows(loop->type);
    *is_wanted = is_known && (is_asked_for || !is_for_own_driver(loop));
    return is_asked_for && !is_known ? refuse(loop) : EXIT_DONE;
}

enum exit_status way_open_loop(const struct way_task *task, bool is_asked_for, struct way **way)
{
    static const struct way_kind kind = { "loop", begin, stop, sync_all, wait_for_end, close_all };
    struct loop_way *loop = calloc(1, sizeof(*loop));
    struct coffer_error error = COFFER_ERROR_INIT;
    bool is_wanted = false;

    if (!loop) {
        return ui_fail(EXIT_OTHER, NULL, "out of memory");
    }
    loop->way = (struct way){ &kind, task, task->info->read_only, loop->source };
    loop->block = (struct private_mount)PRIVATE_MOUNT_NONE;
    loop->device = (struct loop_device)LOOP_DEVICE_NONE;
    enum exit_status status = look(loop, is_asked_for, &is_wanted);
    status = status || !is_wanted ? status : attach(loop);
    *way = status || !is_wanted ? NULL : &loop->way;
    if (!*way) {
        close_all(&loop->way, &error);
    }
    return status;
}
