/* SPDX-License-Identifier: ISC */
/*
 * private_mount.c - a mount for ourselves (private_mount.h). Its state file is made before the mount and goes after
 * it, so that at every moment in between the next command knows what to clean.
 */
#include "private_mount.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "mount_table.h"
#include "program.h"
#include "runtime_dir.h"
#include "scope.h"
#include "ui.h"

#define SOURCE "/volume" /* what the mount table shows: the volume may have no name yet */

enum exit_status private_mount_check(void)
{
    char path[PROGRAM_PATH_MAX];
    SCOPE_FD int fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);

    if (fd < 0 && errno == ENOENT) {
        return ui_fail(EXIT_NOT_PERMITTED, "load it with 'modprobe fuse'; in a container, pass the device in",
                       "/dev/fuse is missing");
    }
    if (fd < 0) {
        return ui_fail(EXIT_NOT_PERMITTED, NULL, "cannot use /dev/fuse: %s", explain_errno(errno));
    }
    if (geteuid() != 0 && !program_find("fusermount3", path)) {
        return ui_fail(EXIT_NOT_PERMITTED, "install the package fuse3", "fusermount3 is missing");
    }
    return EXIT_DONE;
}

static enum exit_status record(const struct runtime_dir *directory, struct private_mount *mount)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    const struct mount_record record = {
        .volume = (char *)(uintptr_t)SOURCE,
        .mount_point = mount->directory,
        .way = (char *)(uintptr_t) "block",
        .format = (char *)(uintptr_t) "coffer",
        .server_pid = getpid(),
        .is_private = true,
        .started = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec,
    };
    return mount_state_create(directory, &record, &mount->state);
}

static enum exit_status make_directory(struct private_mount *mount)
{
    __attribute__((cleanup(runtime_dir_close))) struct runtime_dir directory = RUNTIME_DIR_NONE;

    enum exit_status status = runtime_dir_open(&directory);
    if (status != EXIT_DONE) {
        return status;
    }
    mount->directory = runtime_dir_make_private(&directory);
    if (!mount->directory || asprintf(&mount->path, "%s/volume", mount->directory) < 0) {
        mount->path = NULL;
        return ui_fail(EXIT_OTHER, NULL, "cannot make a directory in '%s': %s", directory.path,
                       explain_errno(errno));
    }
    return record(&directory, mount);
}

static enum exit_status serve_it(struct coffer_volume *volume, enum private_use use, struct private_mount *mount)
{
    struct coffer_error error = COFFER_ERROR_INIT;
    struct serve_options options = {
        .mount_point = mount->directory,
        .source = SOURCE,
        .writeback = use == PRIVATE_FOR_PROGRAMS,
        .device = use == PRIVATE_FOR_DEVICE || use == PRIVATE_FOR_UDISKS,
        .allow_other = use == PRIVATE_FOR_UDISKS,
    };
    struct stat status;

    enum coffer_status served = serve_block(volume, &options, &mount->session, &error);
    if (served == COFFER_NOT_PERMITTED && options.allow_other) {
        options.allow_other = false; /* which most kernels can do without */
        error = (struct coffer_error)COFFER_ERROR_INIT;
        served = serve_block(volume, &options, &mount->session, &error);
    }
    if (served != COFFER_OK) {
        return ui_fail_library(OPERATION_MOUNT, mount->directory, &error);
    }
    if (stat(mount->path, &status) < 0 ||
        !mount_state_append(&mount->state, mount_record_say_serving(status.st_dev))) {
        return ui_fail(EXIT_OTHER, NULL, "cannot use '%s': %s", mount->path, explain_errno(errno));
    }
    return EXIT_DONE;
}

enum exit_status private_mount_begin(struct coffer_volume *volume, enum private_use use,
                                     struct private_mount *mount)
{
    *mount = (struct private_mount)PRIVATE_MOUNT_NONE;
    enum exit_status status = make_directory(mount);
    status = status ? status : serve_it(volume, use, mount);
    if (status != EXIT_DONE) {
        private_mount_end(mount);
    }
    return status;
}

enum coffer_status private_mount_close(struct private_mount *mount, struct coffer_error *error)
{
    if (mount->session) {
        /* Lazily: everything that used it has ended, or is being ended and shall not keep it. Where even that
         * fails there is nothing to wait for, and the state file tells the next command what to do. */
        if (serve_stop(mount->session, true, error) != COFFER_OK) {
            return error->status;
        }
        serve_wait(mount->session, error);
        serve_free(mount->session);
    }
    if (mount->directory) {
        rmdir(mount->directory);
    }
    mount_state_remove(&mount->state);
    mount_state_close(&mount->state);
    free(mount->directory);
    free(mount->path);
    *mount = (struct private_mount)PRIVATE_MOUNT_NONE;
    return error->status;
}

enum exit_status private_mount_end(struct private_mount *mount)
{
    struct coffer_error error = COFFER_ERROR_INIT;

    if (private_mount_close(mount, &error) == COFFER_OK) {
        return EXIT_DONE;
    }
    return mount->session ? ui_fail_library(OPERATION_UNMOUNT, mount->directory, &error)
                          : ui_fail_library(OPERATION_CLOSE, NULL, &error);
}
