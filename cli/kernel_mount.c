/* SPDX-License-Identifier: ISC */
/*
 * kernel_mount.c - mount(8), umount(8) and the kernel's table of mounts (kernel_mount.h).
 *
 * Why not mount(2): a thread that waits in the kernel for the block device keeps the descriptors of its process
 * open, that of FUSE among them. If that process is the server of the device and is killed, the kernel goes on
 * waiting for it, for ever. A process of its own gets an error instead, and ends.
 *
 * The mount point is the directory that was looked at, not its name: mount(8) is started in it and mounts at ".".
 */
#include "kernel_mount.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "fill_error.h"
#include "mount_table.h"
#include "program.h"
#include "scope.h"
#include "ui.h"

#define MOUNT_FAILED 32 /* mount(8): mount failure */

/* ---- Mounting ---- */

/* What the kernel calls a type of libblkid's. */
static const char *kernel_name(const char *type)
{
    return strcmp(type, "ntfs") == 0 ? "ntfs3" : type;
}

/* A line of /proc/filesystems is "TYPE", or "nodev TYPE" for one that takes no block device, with a tab between. */
static bool is_registered(const char *name)
{
    SCOPE_FILE FILE *file = fopen("/proc/filesystems", "re");
    SCOPE_FREE char *line = NULL;
    size_t capacity = 0;

    while (file && getline(&line, &capacity, file) > 0) {
        line[strcspn(line, "\n")] = '\0';
        if (line[0] == '\t' && strcmp(line + 1, name) == 0) {
            return true;
        }
    }
    return false;
}

bool kernel_mount_knows(const char *type)
{
    const char *name = kernel_name(type);
    char program[PROGRAM_PATH_MAX];
    struct program_result result;

    if (!is_registered(name) && program_find("modprobe", program)) {
        program_run((const char *const[]){ program, "-q", "--", name, NULL }, NULL, &result);
    }
    return is_registered(name);
}

static enum exit_status explain_mount(const struct kernel_mount *mount, struct program_result *result)
{
    if (result->error) {
        return ui_fail(EXIT_OTHER, NULL, "cannot run mount: %s", explain_errno(result->error));
    }
    if (result->status != MOUNT_FAILED) {
        return ui_fail(EXIT_OTHER, NULL, "cannot mount '%s': mount failed with status %d: %s", mount->volume,
                       result->status, program_last_line(result));
    }
    result->output[strcspn(result->output, "\n")] = '\0';
    const char *reason = strstr(result->output, ".: "); /* "mount: .: wrong fs type, ..." */
    return ui_fail(EXIT_OTHER, "the kernel's log (dmesg) says more", "cannot mount the %s in '%s': %s",
                   mount->type, mount->volume, reason ? reason + 3 : result->output);
}

enum exit_status kernel_mount_begin(const struct kernel_mount *mount)
{
    char program[PROGRAM_PATH_MAX];
    struct program_result result;
    SCOPE_FREE char *options = NULL;

    if (!program_find("mount", program)) {
        return ui_fail(EXIT_NOT_PERMITTED, "install the package mount", "the program mount is missing");
    }
    /* The last word counts: what was asked for comes after what is usual. */
    if (asprintf(&options, "%s,nosuid,nodev%s%s", mount->read_only ? "ro" : "rw", mount->options ? "," : "",
                 mount->options ? mount->options : "") < 0) {
        options = NULL;
        return ui_fail_no_memory();
    }
    const char *const arguments[] = {
        program, "--internal-only", "--no-canonicalize", "-t", kernel_name(mount->type),
        "-o",    options,           mount->device,       ".",  NULL
    };
    return program_run_in(mount->point->fd, arguments, &result) ? EXIT_DONE : explain_mount(mount, &result);
}

bool kernel_mount_sync(const char *mount_point)
{
    char program[PROGRAM_PATH_MAX];
    struct program_result result;

    return program_find("sync", program) &&
           program_run((const char *const[]){ program, "-f", mount_point, NULL }, NULL, &result);
}

/* ---- Unmounting ---- */

static bool is_mounted(const struct mount_table *table, const char *mount_point, const char *device)
{
    for (size_t i = 0; i < table->count; i++) {
        if (strcmp(table->entries[i].mount_point, mount_point) == 0 &&
            strcmp(table->entries[i].source, device) == 0) {
            return true;
        }
    }
    return false;
}

bool kernel_mount_is_there(const char *mount_point, const char *device)
{
    struct mount_table table;

    bool is_there = !mount_table_read(&table) || is_mounted(&table, mount_point, device);
    mount_table_free(&table);
    return is_there;
}

enum coffer_status kernel_mount_stop(const char *mount_point, const char *device, bool lazy,
                                     struct coffer_error *error)
{
    char program[PROGRAM_PATH_MAX];
    struct program_result result;

    if (!kernel_mount_is_there(mount_point, device)) {
        return COFFER_OK;
    }
    if (!program_find("umount", program)) {
        return fill_error(error, COFFER_NOT_PERMITTED, 0, "the program umount is missing");
    }
    const char *const arguments[] = {
        program, "--internal-only", "--no-canonicalize", lazy ? "--lazy" : "--", mount_point, NULL
    };
    if (program_run(arguments, NULL, &result) || !kernel_mount_is_there(mount_point, device)) {
        return COFFER_OK;
    }
    if (strstr(result.output, "busy")) {
        return fill_error(error, COFFER_IN_USE, 0, "files in it are in use");
    }
    return fill_error(error, COFFER_FAILED, 0, "%s",
                      result.error ? explain_errno(result.error) : program_last_line(&result));
}

void kernel_mount_wait(const char *mount_point, const char *device)
{
    SCOPE_FD int table = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
    struct pollfd event = { .fd = table, .events = POLLPRI };

    while (kernel_mount_is_there(mount_point, device)) {
        poll(&event, 1, -1); /* also returns at once for what has changed since it was opened */
    }
}
