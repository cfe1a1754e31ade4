/* SPDX-License-Identifier: ISC */
/*
 * way_udisks.c - the files of a volume by the kernel's own file system, for an ordinary user in a desktop session:
 * udisks2 lays a loop device over the block file, mounts it, and says where.
 *
 * It gets the block file as a descriptor, for it may not enter the private directory. All that udisks2 makes is found
 * by the name of that file, which the private mount's state file holds, so everything may be made before this way's own
 * state file is written: what is left by a server that was killed, the next command finds (udisks_mount.h). Once
 * it is mounted the loop device goes with the file system, whoever unmounts it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "content.h"
#include "fill_error.h"
#include "kernel_files.h"
#include "kernel_mount.h"
#include "loop_device.h"
#include "private_mount.h"
#include "scope.h"
#include "stop_signals.h"
#include "udisks.h"
#include "udisks_mount.h"
#include "ui.h"
#include "way.h"

struct udisks_way {
    struct way way;
    struct private_mount block;
    char device[32];
    char *place;
    struct kernel_files files;
};

enum exit_status way_fail_udisks(const char *volume, const struct coffer_error *error)
{
    enum exit_status status =
        error->status == COFFER_INVALID ? EXIT_USAGE : status_exit(OPERATION_MOUNT, error->status);
    const char *hint = NULL;

    if (error->sys == EACCES) {
        hint = "it does at this machine's own screen, to the user who is logged in there; or ask root";
    } else if (error->sys == EPERM) {
        hint = "from Linux 6.17 on it takes the line 'user_allow_other' in /etc/fuse.conf; root adds it with: "
               "echo user_allow_other >>/etc/fuse.conf";
    } else if (error->sys == ENOSYS) {
        hint = "name an empty directory to mount it without udisks2: coffer mount VOLUME DIR";
    }
    return ui_fail(status, hint, "cannot mount '%s': %s", volume, error->text);
}

/* ---- Once it is mounted ---- */

static enum exit_status begin(struct way *way)
{
    (void)way; /* opening it did all */
    return EXIT_DONE;
}

static enum coffer_status stop(struct way *way, bool lazy, struct coffer_error *error)
{
    struct coffer_error failure = COFFER_ERROR_INIT;

    if (!kernel_mount_is_there(way->place, way->source) ||
        udisks_unmount(way->source, lazy, &failure) == COFFER_OK ||
        !kernel_mount_is_there(way->place, way->source)) {
        return COFFER_OK;
    }
    *error = failure;
    return failure.status;
}

static bool sync_all(struct way *way)
{
    return kernel_mount_sync(way->place);
}

static void wait_for_end(struct way *way, struct coffer_error *error)
{
    struct udisks_way *udisks = (struct udisks_way *)way;

    kernel_mount_wait(way->place, way->source);
    private_mount_close(&udisks->block, error); /* waits for the loop device */
}

static void close_all(struct way *way, struct coffer_error *error)
{
    struct udisks_way *udisks = (struct udisks_way *)way;

    private_mount_close(&udisks->block, error); /* nothing is left to do after wait */
    free(udisks->place);
    free(udisks);
}

/* ---- Mounting ---- */

static enum coffer_status attach(struct udisks_way *udisks, struct coffer_error *error)
{
    SCOPE_FD int file = loop_device_open_file(udisks->block.path, udisks->way.read_only);

    if (file < 0) {
        return fill_error(error, COFFER_FAILED, 0, "cannot open its block file: %s", explain_errno(errno));
    }
    enum coffer_status status = udisks_attach(file, udisks->way.read_only, stop_signals_has_arrived, error);
    if (status != COFFER_OK) {
        return status;
    }
    if (!udisks_mount_find(udisks->block.path, sizeof(udisks->device), udisks->device)) {
        return fill_error(error, COFFER_FAILED, 0, "udisks2 says that it made a loop device, and there is none");
    }
    if (udisks_mount_is_empty(udisks->device)) {
        return fill_error(error, COFFER_NOT_PERMITTED, EPERM,
                          "this kernel shows root nothing of what a user serves");
    }
    return COFFER_OK;
}

static enum coffer_status mount_it(struct udisks_way *udisks, struct coffer_error *error)
{
    SCOPE_FREE char *options = NULL;
    const char *wanted = udisks->way.task->request->options;

    if (asprintf(&options, "%s%s%s", udisks->way.read_only ? "ro" : "", udisks->way.read_only && wanted ? "," : "",
                 wanted ? wanted : "") < 0) {
        options = NULL;
        return fill_error(error, COFFER_NO_MEMORY, 0, "out of memory");
    }
    enum coffer_status status =
        udisks_mount(udisks->device, options, stop_signals_has_arrived, &udisks->place, error);
    if (status != COFFER_OK) {
        return status;
    }
    if (!kernel_mount_is_there(udisks->place, udisks->device)) {
        return fill_error(error, COFFER_FAILED, 0, "udisks2 says that it mounted it, and nothing is there");
    }
    return udisks_detach(udisks->device, error);
}

/* Without an answer nobody knows what udisks2 may still do with the block file, for which it would be waited for ever:
 * then the private mount ends with this process, and the next command cleans up. */
static enum exit_status give_up(struct udisks_way *udisks, const struct coffer_error *error)
{
    struct coffer_error failure = COFFER_ERROR_INIT;
    bool is_uncertain = error->sys == ETIMEDOUT || error->status == COFFER_INTERRUPTED;

    if (udisks_mount_release(udisks->block.path, &failure) != COFFER_OK || is_uncertain) {
        udisks->block = (struct private_mount)PRIVATE_MOUNT_NONE;
    }
    return error->status == COFFER_INTERRUPTED ? ui_fail(EXIT_INTERRUPTED, NULL, "interrupted: nothing is mounted")
                                               : way_fail_udisks(udisks->way.task->request->volume, error);
}

/* mkfs of btrfs and xfs gives the root directory to root; udisks2 leaves it so. */
static void warn_about_owner(const struct udisks_way *udisks)
{
    struct statx status;

    if (udisks->way.read_only ||
        statx(AT_FDCWD, udisks->place, AT_STATX_DONT_SYNC, STATX_UID | STATX_MODE, &status) < 0) {
        return;
    }
    if (status.stx_uid != geteuid() && !(status.stx_mode & (S_IWGRP | S_IWOTH))) {
        ui_warn("'%s' belongs to another user, so you cannot write to it until root gives it to you, with chown",
                udisks->place);
    }
}

static enum exit_status show(struct udisks_way *udisks)
{
    struct coffer_error error = COFFER_ERROR_INIT;

    if (attach(udisks, &error) != COFFER_OK || mount_it(udisks, &error) != COFFER_OK) {
        return give_up(udisks, &error);
    }
    udisks->way.source = udisks->device;
    udisks->way.place = udisks->place;
    warn_about_owner(udisks);
    return EXIT_DONE;
}

/* Whether the kernel has such a file system udisks2 finds out. */
static enum exit_status look(struct udisks_way *udisks)
{
    const struct way_task *task = udisks->way.task;
    const char *name = task->request->volume;
    int number = content_find_type(udisks->block.path, sizeof(udisks->files.type), udisks->files.type);

    if (number) {
        return ui_fail(EXIT_OTHER, NULL, "cannot read '%s': %s", name, explain_errno(number));
    }
    if (udisks->files.type[0] == '\0') {
        return ui_fail(EXIT_NOT_PERMITTED, "mount it with --block in a directory, and make a file system in it",
                       "cannot show the files of '%s': no file system is in it", name);
    }
    return kernel_files_prepare(task, udisks->block.path, &udisks->files, &udisks->way.read_only);
}

enum exit_status way_open_udisks(const struct way_task *task, struct way **way)
{
    static const struct way_kind kind = { "udisks", begin, stop, sync_all, wait_for_end, close_all };
    struct udisks_way *udisks = calloc(1, sizeof(*udisks));
    struct coffer_error error = COFFER_ERROR_INIT;

    if (!udisks) {
        return ui_fail_no_memory();
    }
    udisks->way = (struct way){ .kind = &kind, .task = task, .read_only = task->info->read_only };
    udisks->block = (struct private_mount)PRIVATE_MOUNT_NONE;
    enum exit_status status = private_mount_begin(task->volume, PRIVATE_FOR_UDISKS, &udisks->block);
    status = status ? status : look(udisks);
    status = status ? status : show(udisks);
    if (status != EXIT_DONE) {
        close_all(&udisks->way, &error);
        return status;
    }
    *way = &udisks->way;
    return EXIT_DONE;
}
