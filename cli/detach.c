/* SPDX-License-Identifier: ISC */
/*
 * detach.c - unmounting (detach.h): umount2 where it is permitted, else fusermount3, which is set-uid root and
 * looks for itself whether the mount is the caller's, or udisks2, where it has made it.
 *
 * The invariant: nothing but the mount that was named is unmounted. As root the parent directory is pinned without
 * following links, and the kernel refuses to rename what is a mount point; so a user who owns a directory
 * on the way cannot lead root to another mount.
 *
 * A child calls umount2: the kernel writes out first what is dirty, and if the server below hangs it waits for that
 * server where no signal reaches. Then the child is left behind, and ends when the server goes on or dies.
 */
#include "detach.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <stdnoreturn.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "child.h"
#include "explain.h"
#include "mount_table.h"
#include "program.h"
#include "scope.h"
#include "udisks.h"
#include "udisks_mount.h"

/* Room for "/proc/self/fd/0/NAME". */
#define PINNED_MAX (NAME_MAX + 32)

/* The directory that holds the mount point; no component may be a link, since the path is canonical. */
static int open_parent(const char *mount_point)
{
    SCOPE_FREE char *path = strdup(mount_point);
    struct open_how how = {
        .flags = O_PATH | O_DIRECTORY | O_CLOEXEC,
        .resolve = RESOLVE_NO_SYMLINKS,
    };

    if (!path) {
        errno = ENOMEM;
        return -1;
    }
    char *slash = strrchr(path, '/');
    slash[slash == path ? 1 : 0] = '\0';
    int fd = (int)syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof(how));
    if (fd < 0 && errno == ENOSYS) {
        fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC); /* Linux before 5.6 */
    }
    return fd;
}

/* Whether this mount is what is seen there. A btrfs has a device in the table and others in its
 * directories, so the number of the mount is compared where the kernel tells it. */
static bool is_mount(int parent, const char *name, const struct mount_entry *entry)
{
    struct statx status;

    /* Wants nothing of the file system, or it would ask another user's server; the kernel adds what it knows. */
    if (statx(parent, name, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_STATX_DONT_SYNC, 0, &status) < 0) {
        return false;
    }
    return status.stx_mask & STATX_MNT_ID ? status.stx_mnt_id == (uint64_t)entry->id
                                          : makedev(status.stx_dev_major, status.stx_dev_minor) == entry->device;
}

/* The child. It keeps nothing open that others wait for the end of. */
static noreturn void unmount_in_child(int parent, const char *name, bool lazy)
{
    char path[PINNED_MAX];

    dup2(parent, 0);
    close_range(1, ~0u, 0);
    snprintf(path, sizeof(path), "/proc/self/fd/0/%s", name);
    _exit(umount2(path, UMOUNT_NOFOLLOW | (lazy ? MNT_DETACH : 0)) == 0 ? 0 : errno);
}

/* 0 or an errno; ETIMEDOUT: it is not through yet. */
static int wait_for(pid_t child, int64_t deadline)
{
    int status;
    int error = child_wait(child, deadline, &status);

    if (error) {
        return error;
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : EINTR;
}

/* 0 or an errno. */
static int unmount_directly(const struct mount_entry *entry, bool lazy, int64_t deadline)
{
    const char *name = strrchr(entry->mount_point, '/') + 1;
    SCOPE_FD int parent = open_parent(entry->mount_point);

    if (parent < 0) {
        return errno;
    }
    if (!is_mount(parent, name, entry)) {
        return EINVAL;
    }
    pid_t child = fork();
    if (child < 0) {
        return errno;
    }
    if (child == 0) {
        unmount_in_child(parent, name, lazy);
    }
    int error = wait_for(child, deadline);
    /* Lazily, it is out of the tree whatever the child still waits for. */
    return lazy && error == ETIMEDOUT ? 0 : error;
}

static enum detach_result unmount_as_user(const char *mount_point, bool lazy, size_t size, char *reason)
{
    char program[PROGRAM_PATH_MAX];
    struct program_result result;

    if (!program_find("fusermount3", program)) {
        snprintf(reason, size, "fusermount3 is missing (Debian package fuse3)");
        return DETACH_REFUSED;
    }
    const char *const arguments[] = { program, lazy ? "-uz" : "-u", mount_point, NULL };
    if (program_run(arguments, NULL, &result)) {
        return DETACH_DONE;
    }
    if (strstr(result.output, strerror(EBUSY))) {
        return DETACH_BUSY;
    }
    snprintf(reason, size, "%s", result.error ? explain_errno(result.error) : program_last_line(&result));
    return DETACH_REFUSED;
}

bool detach_is_target(const struct detach_target *target, const struct mount_entry *entry)
{
    if (strcmp(entry->mount_point, target->mount_point) != 0 || entry->device != target->device) {
        return false;
    }
    if (!target->source) {
        return entry->owner == target->owner && mount_entry_is_ours(entry);
    }
    return strcmp(entry->source, target->source) == 0 &&
           (target->owner == 0 || udisks_mount_is_of(target->source, target->owner));
}

/* Where the mount is in the table: there and on top, covered by another one, or gone. */
static enum detach_result find(const struct mount_table *table, const struct detach_target *target,
                               const struct mount_entry **entry)
{
    *entry = mount_table_top(table, target->mount_point);
    if (*entry && detach_is_target(target, *entry)) {
        return DETACH_DONE;
    }
    for (size_t i = 0; i < table->count; i++) {
        if (detach_is_target(target, &table->entries[i])) {
            return DETACH_COVERED;
        }
    }
    return DETACH_GONE;
}

static bool is_gone(const struct detach_target *target)
{
    const struct mount_entry *entry;
    struct mount_table table;

    bool is_known = mount_table_read(&table);
    is_known = is_known && find(&table, target, &entry) == DETACH_GONE;
    mount_table_free(&table);
    return is_known;
}

static enum detach_result unmount_by_udisks(const char *device, bool lazy, size_t size, char *reason)
{
    struct coffer_error error = COFFER_ERROR_INIT;

    if (udisks_unmount(device, lazy, &error) == COFFER_OK) {
        return DETACH_DONE;
    }
    snprintf(reason, size, "%s", error.text);
    return error.status == COFFER_IN_USE ? DETACH_BUSY : DETACH_REFUSED;
}

static enum detach_result unmount(const struct mount_entry *entry, bool is_kernels, bool lazy, int64_t deadline,
                                  size_t size, char *reason)
{
    int error = unmount_directly(entry, lazy, deadline);

    if (error == 0) {
        return DETACH_DONE;
    }
    if (error == EBUSY) {
        return DETACH_BUSY;
    }
    if (error == ETIMEDOUT) {
        return DETACH_LATE;
    }
    if (error == EPERM || error == EACCES) {
        return is_kernels ? unmount_by_udisks(entry->source, lazy, size, reason)
                          : unmount_as_user(entry->mount_point, lazy, size, reason);
    }
    snprintf(reason, size, "%s", explain_errno(error));
    return DETACH_REFUSED;
}

enum detach_result detach_mount(const struct detach_target *target, bool lazy, int64_t deadline, size_t size,
                                char *reason)
{
    const struct mount_entry *entry;
    struct mount_table table;

    *reason = '\0';
    if (!mount_table_read(&table)) {
        mount_table_free(&table);
        return DETACH_GONE;
    }
    enum detach_result result = find(&table, target, &entry);
    if (result == DETACH_DONE) {
        result = unmount(entry, target->source != NULL, lazy, deadline, size, reason);
    }
    mount_table_free(&table);
    /* Somebody else may have been faster, which is as good. */
    return result == DETACH_REFUSED && is_gone(target) ? DETACH_GONE : result;
}
