/* SPDX-License-Identifier: ISC */
/*
 * detach.c - unmounting (detach.h): umount2 where it is permitted, else fusermount3, which is set-uid root and
 * looks for itself whether the mount is the caller's.
 *
 * The invariant: nothing but the mount that was named is unmounted, and only if it is one of ours. As root the parent directory is pinned
 * without following links, and the kernel refuses to rename what is a mount point; so a user who owns a directory
 * on the way cannot lead root to another mount.
 */
#include "detach.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "explain.h"
#include "mount_table.h"
#include "program.h"
#include "scope.h"

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

/* Which device is seen there; asks no file system. */
static bool is_device(int parent, const char *name, dev_t device)
{
    struct statx status;

    return statx(parent, name, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_STATX_DONT_SYNC, 0, &status) == 0 &&
           makedev(status.stx_dev_major, status.stx_dev_minor) == device;
}

/* 0 or an errno. */
static int unmount_directly(const char *mount_point, dev_t device, bool lazy)
{
    const char *name = strrchr(mount_point, '/') + 1;
    SCOPE_FREE char *path = NULL;
    SCOPE_FD int parent = open_parent(mount_point);

    if (parent < 0) {
        return errno;
    }
    if (!is_device(parent, name, device)) {
        return EINVAL;
    }
    if (asprintf(&path, "/proc/self/fd/%d/%s", parent, name) < 0) {
        path = NULL;
        return ENOMEM;
    }
    return umount2(path, UMOUNT_NOFOLLOW | (lazy ? MNT_DETACH : 0)) == 0 ? 0 : errno;
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

static bool is_wanted(const struct mount_entry *entry, dev_t device, uid_t owner)
{
    return entry && entry->device == device && entry->owner == owner && mount_entry_is_ours(entry);
}

/* What of the mount can be seen in the table: there and on top, covered by another mount, or gone. */
static enum detach_result find(const char *mount_point, dev_t device, uid_t owner)
{
    struct mount_table table;
    enum detach_result found = DETACH_GONE;

    if (mount_table_read(&table)) {
        if (is_wanted(mount_table_top(&table, mount_point), device, owner)) {
            found = DETACH_DONE;
        } else if (is_wanted(mount_table_find(&table, mount_point, device), device, owner)) {
            found = DETACH_COVERED;
        }
    }
    mount_table_free(&table);
    return found;
}

enum detach_result detach_mount(const char *mount_point, dev_t device, uid_t owner, bool lazy, size_t size,
                                char *reason)
{
    enum detach_result found = find(mount_point, device, owner);

    *reason = '\0';
    if (found != DETACH_DONE) {
        return found;
    }
    int error = unmount_directly(mount_point, device, lazy);
    if (error == 0) {
        return DETACH_DONE;
    }
    if (error == EBUSY) {
        return DETACH_BUSY;
    }
    enum detach_result result = DETACH_REFUSED;
    if (error == EPERM || error == EACCES) {
        result = unmount_as_user(mount_point, lazy, size, reason);
    } else {
        snprintf(reason, size, "%s", explain_errno(error));
    }
    /* Somebody else may have been faster, which is as good. */
    return result == DETACH_REFUSED && find(mount_point, device, owner) == DETACH_GONE ? DETACH_GONE : result;
}
