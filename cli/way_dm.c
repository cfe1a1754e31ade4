/* SPDX-License-Identifier: ISC */
/*
 * way_dm.c - the files of a volume by the kernel's own file system over the kernel's own cipher (mapped.h), or the
 * mapping itself as a block device.
 *
 * This process stays to say what is mounted, and to see its end: it has no part in what is read and written.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "kernel_files.h"
#include "kernel_mount.h"
#include "mapped.h"
#include "mount_options.h"
#include "scope.h"
#include "ui.h"
#include "way.h"

struct dm_way {
    struct way way;
    struct map *map;
    struct kernel_files files;
    int ending; /* of a device: an eventfd, said to when it is to end; else -1 */
};

static const char *mount_point_of(const struct way *way)
{
    return way->task->request->point->path;
}

static enum exit_status begin(struct way *way)
{
    struct dm_way *dm = (struct dm_way *)way;
    enum exit_status status = kernel_files_mount(way, &dm->files);
    map_release(dm->map);
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

/* What the kernel could not write, the flush at the close of the volume tells. */
static void wait_for_end(struct way *way, struct coffer_error *error)
{
    struct dm_way *dm = (struct dm_way *)way;

    (void)error;
    kernel_mount_wait(mount_point_of(way), way->source);
    map_release(dm->map);
    map_wait(dm->map); /* after a lazy unmount until the last file is closed */
}

static void close_all(struct way *way, struct coffer_error *error)
{
    struct dm_way *dm = (struct dm_way *)way;

    (void)error;
    mapped_close(dm->map);
    scope_close(&dm->ending);
    free(dm);
}

/* With a mapping: it stays, and the key is wiped here. Without: the volume is served in another way. */
static enum exit_status settle(struct dm_way *dm, bool is_asked_for)
{
    const struct way_task *task = dm->way.task;

    dm->way.source = map_path(dm->map);
    enum exit_status status = kernel_files_look(task, dm->way.source, is_asked_for, &dm->files);
    if (status != EXIT_DONE) {
        return status;
    }
    if (!dm->files.is_wanted) {
        struct map *map = dm->map;
        dm->map = NULL;
        return mapped_undo(task, map);
    }
    coffer_volume_forget_key(task->volume);
    return kernel_files_prepare(task, dm->way.source, &dm->files, &dm->way.read_only);
}

static enum exit_status open_mapping(struct dm_way *dm, bool is_asked_for)
{
    const char *volume = dm->way.task->request->volume;
    struct coffer_error error = COFFER_ERROR_INIT;

    if (mapped_open(dm->way.task, &dm->map, &error) == COFFER_OK) {
        return settle(dm, is_asked_for);
    }
    if (is_asked_for) {
        return ui_fail_library(OPERATION_MAP, volume, &error);
    }
    ui_notice("the kernel does not map '%s', so this program serves it: %s", volume, error.text);
    return EXIT_DONE;
}

enum exit_status way_open_dm(const struct way_task *task, bool is_asked_for, struct way **way)
{
    static const struct way_kind kind = { "dm", begin, stop, sync_all, wait_for_end, close_all };
    struct coffer_error error = COFFER_ERROR_INIT;

    enum exit_status status = is_asked_for ? mapped_check(task) : EXIT_DONE;
    struct dm_way *dm = status ? NULL : calloc(1, sizeof(*dm));
    if (!dm) {
        return status ? status : ui_fail_no_memory();
    }
    dm->way = (struct way){ .kind = &kind, .task = task, .read_only = task->info->read_only };
    dm->ending = -1;
    status = open_mapping(dm, is_asked_for);
    *way = status || !dm->map ? NULL : &dm->way;
    if (!*way) {
        close_all(&dm->way, &error);
    }
    return status;
}

/* ---- The mapping itself ---- */

static enum exit_status begin_device(struct way *way)
{
    (void)way; /* opening it did all */
    return EXIT_DONE;
}

static enum coffer_status stop_device(struct way *way, bool lazy, struct coffer_error *error)
{
    const uint64_t one = 1;

    if (!lazy && map_users(way->source) > 1) {
        error->status = COFFER_IN_USE;
        return COFFER_IN_USE;
    }
    (void)!write(((struct dm_way *)way)->ending, &one,
                 sizeof(one)); /* cannot fail before it is said to 2^64 times */
    return COFFER_OK;
}

static bool sync_device(struct way *way)
{
    SCOPE_FD int fd = open(way->source, O_RDONLY | O_CLOEXEC);

    return fd >= 0 && fsync(fd) == 0;
}

static void wait_for_device(struct way *way, struct coffer_error *error)
{
    struct dm_way *dm = (struct dm_way *)way;
    uint64_t count;

    (void)error;
    while (read(dm->ending, &count, sizeof(count)) < 0) {
    }
    map_release(dm->map);
    map_wait(dm->map); /* after a lazy end until the last user is gone */
}

static enum exit_status open_device(struct dm_way *dm)
{
    const struct way_task *task = dm->way.task;
    struct coffer_error error = COFFER_ERROR_INIT;

    enum exit_status status = way_check_options(task, MOUNT_OPTIONS_DEVICE);
    if (status != EXIT_DONE) {
        return status;
    }
    dm->ending = eventfd(0, EFD_CLOEXEC);
    if (dm->ending < 0) {
        return ui_fail(EXIT_OTHER, NULL, "cannot map '%s': %s", task->request->volume, explain_errno(errno));
    }
    if (mapped_open(task, &dm->map, &error) != COFFER_OK) {
        return ui_fail_library(OPERATION_MAP, task->request->volume, &error);
    }
    coffer_volume_forget_key(task->volume);
    dm->way.source = map_path(dm->map);
    dm->way.place = dm->way.source;
    return EXIT_DONE;
}

enum exit_status way_open_device(const struct way_task *task, struct way **way)
{
    static const struct way_kind kind = {
        "dm", begin_device, stop_device, sync_device, wait_for_device, close_all
    };
    struct coffer_error error = COFFER_ERROR_INIT;

    enum exit_status status = mapped_check(task);
    struct dm_way *dm = status ? NULL : calloc(1, sizeof(*dm));
    if (!dm) {
        return status ? status : ui_fail_no_memory();
    }
    dm->way = (struct way){ .kind = &kind, .task = task, .read_only = task->info->read_only, .is_device = true };
    dm->ending = -1;
    status = open_device(dm);
    *way = status ? NULL : &dm->way;
    if (!*way) {
        close_all(&dm->way, &error);
    }
    return status;
}
