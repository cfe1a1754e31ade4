/* SPDX-License-Identifier: ISC */
/*
 * mount(2) where we may, fusermount3 where we may not: the kernel is asked, not the user id, so that root in a
 * user namespace of its own mounts directly as well. Names never take part in option strings that are parsed
 * by anyone, except fusermount3's, and there they are escaped.
 */
#include "mount.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "failure.h"
#include "fusermount.h"

/* ---- Mounting ---------------------------------------------------------------------------------------------- */

static enum coffer_status open_device(int *fd, struct coffer_error *error)
{
    *fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);
    if (*fd >= 0) {
        return COFFER_OK;
    }
    switch (errno) {
    case ENOENT:
        return failure_set(error, COFFER_NOT_PERMITTED, errno, "/dev/fuse is missing");
    case ENODEV:
    case ENXIO:
        return failure_set(error, COFFER_NOT_PERMITTED, errno, "this kernel has no FUSE");
    case EACCES:
    case EPERM:
        return failure_set(error, COFFER_NOT_PERMITTED, errno, "no permission to use /dev/fuse");
    default:
        return failure_set(error, COFFER_FAILED, errno, "cannot open /dev/fuse");
    }
}

/* Room for "/proc/self/fd/N/NAME". */
#define PINNED_MAX (NAME_MAX + 64)

/* Opens a directory whose path has no links in it. If it has got one since the caller looked, somebody who owns a
 * directory on the way wants root to mount or unmount elsewhere. */
static int pin(const char *path)
{
    struct open_how how = { .flags = O_PATH | O_DIRECTORY | O_CLOEXEC, .resolve = RESOLVE_NO_SYMLINKS };
    const int fd = (int)syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof(how));
    return fd < 0 && errno == ENOSYS ? open(path, O_PATH | O_DIRECTORY | O_CLOEXEC) : fd; /* before 5.6 */
}

static int mount_directly(const struct mount_wish *wish, int fd)
{
    const int place = pin(wish->path);
    if (place < 0) {
        return -1;
    }
    char data[160], pinned[PINNED_MAX];
    snprintf(pinned, sizeof(pinned), "/proc/self/fd/%d", place);
    snprintf(data, sizeof(data), "fd=%d,rootmode=%o,user_id=%u,group_id=%u,default_permissions%s", fd, S_IFDIR,
             geteuid(), getegid(), wish->allow_other ? ",allow_other" : "");
    const unsigned long flags = MS_NOSUID | MS_NODEV | MS_NOATIME | (wish->read_only ? MS_RDONLY : 0ul) |
                                (wish->no_exec ? MS_NOEXEC : 0ul);
    const int status = mount(wish->source, pinned, "fuse.coffer", flags, data);
    const int sys = errno;
    close(place);
    errno = sys;
    return status;
}

/* Room for `text` with a backslash before each byte that would end an option; to be freed. */
static char *escape_option(const char *text)
{
    char *escaped = malloc(2 * strlen(text) + 1);
    char *end = escaped;
    for (const char *c = text; escaped && *c != '\0'; c++) {
        if (*c == ',' || *c == '\\') {
            *end++ = '\\';
        }
        *end++ = *c;
    }
    if (escaped) {
        *end = '\0';
    }
    return escaped;
}

static enum coffer_status mount_through_helper(const struct mount_wish *wish, int *fd, struct coffer_error *error)
{
    char *options = NULL;
    char *source = escape_option(wish->source);
    const int size =
        !source ? -1
                : asprintf(&options, "%s,nosuid,nodev,noatime,default_permissions%s%s,subtype=coffer,fsname=%s",
                           wish->read_only ? "ro" : "rw", wish->no_exec ? ",noexec" : "",
                           wish->allow_other ? ",allow_other" : "", source);
    free(source);
    if (size < 0) {
        return failure_set(error, COFFER_NO_MEMORY, ENOMEM, "not enough memory");
    }
    const enum coffer_status status = fusermount_mount(wish->path, options, fd, error);
    free(options);
    return status;
}

/* fusermount3 would also mount over a file, and says why it cannot mount in words only. */
static enum coffer_status check_directory(const char *path, struct coffer_error *error)
{
    struct stat info;
    if (stat(path, &info) != 0) {
        return errno == ENOENT || errno == ENOTDIR
                   ? failure_set(error, COFFER_NOT_FOUND, errno, "no such mount point")
                   : failure_set(error, COFFER_FAILED, errno, "cannot look at the mount point");
    }
    return S_ISDIR(info.st_mode)
               ? COFFER_OK
               : failure_set(error, COFFER_INVALID, ENOTDIR, "the mount point is not a directory");
}

enum coffer_status mount_attach(const struct mount_wish *wish, int *fd, struct coffer_error *error)
{
    enum coffer_status status = check_directory(wish->path, error);
    if (status != COFFER_OK) {
        return status;
    }
    /* fusermount3 needs the device with the user's own rights as well, and says less when it is missing. */
    int device;
    status = open_device(&device, error);
    if (status != COFFER_OK) {
        return status;
    }
    if (mount_directly(wish, device) == 0) {
        *fd = device;
        return COFFER_OK;
    }
    const int sys = errno;
    close(device);
    switch (sys) {
    case EPERM:
        return mount_through_helper(wish, fd, error);
    case ENODEV:
        return failure_set(error, COFFER_NOT_PERMITTED, sys, "this kernel has no FUSE");
    case EACCES:
        return failure_set(error, COFFER_NOT_PERMITTED, sys, "no permission to mount there");
    case ELOOP:
        return failure_set(error, COFFER_INVALID, sys, "a symbolic link leads to the mount point");
    default:
        return failure_set(error, COFFER_FAILED, sys, "cannot mount");
    }
}

/* ---- Finding it again -------------------------------------------------------------------------------------- */

enum coffer_status mount_identify(const char *path, struct mount_identity *identity, struct coffer_error *error)
{
    struct statx info;
    if (statx(AT_FDCWD, path, AT_NO_AUTOMOUNT | AT_STATX_DONT_SYNC, STATX_MNT_ID, &info) != 0) {
        return failure_set(error, COFFER_FAILED, errno, "cannot find what was just mounted");
    }
    identity->device_major = info.stx_dev_major;
    identity->device_minor = info.stx_dev_minor;
    identity->id = (info.stx_mask & STATX_MNT_ID) != 0 ? info.stx_mnt_id : 0;
    return COFFER_OK;
}

/* Undoes the \ooo with which the kernel writes blanks, newlines and backslashes. */
static void unescape(char *text)
{
    char *out = text;
    for (const char *in = text; *in != '\0'; in++) {
        if (in[0] == '\\' && in[1] >= '0' && in[1] <= '3' && in[2] >= '0' && in[2] <= '7' && in[3] >= '0' &&
            in[3] <= '7') {
            *out++ = (char)((in[1] - '0') * 64 + (in[2] - '0') * 8 + (in[3] - '0'));
            in += 3;
        } else {
            *out++ = *in;
        }
    }
    *out = '\0';
}

/* The mount point in a line of mountinfo if it is the mount sought: "36 35 98:0 /root /mount/point options". */
static char *match_line(char *line, const struct mount_identity *identity)
{
    unsigned long long id;
    unsigned device_major, device_minor;
    int root = 0;
    if (sscanf(line, "%llu %*u %u:%u %n", &id, &device_major, &device_minor, &root) != 3 || root == 0 ||
        device_major != identity->device_major || device_minor != identity->device_minor ||
        (identity->id != 0 && identity->id != id)) {
        return NULL;
    }
    char *rest = line + root;
    char *const first = strsep(&rest, " ");
    char *const point = rest ? strsep(&rest, " ") : NULL;
    if (!first || !point || !rest || !strstr(rest, " - fuse.coffer ")) {
        return NULL;
    }
    unescape(point);
    return point;
}

enum coffer_status mount_find(const struct mount_identity *identity, char **path, struct coffer_error *error)
{
    FILE *file = fopen("/proc/self/mountinfo", "re");
    if (!file) {
        return failure_set(error, COFFER_FAILED, errno, "cannot read /proc/self/mountinfo");
    }
    char *line = NULL, *found = NULL;
    const char *point = NULL;
    size_t size = 0;
    while (!point && getline(&line, &size, file) > 0) {
        point = match_line(line, identity);
    }
    found = point ? strdup(point) : NULL;
    const bool is_complete = !ferror(file) && (!point || found);
    free(line);
    fclose(file);
    if (!is_complete) {
        return failure_set(error, COFFER_FAILED, 0, "cannot read /proc/self/mountinfo");
    }
    *path = found;
    return COFFER_OK;
}

bool mount_is_dead(const char *path)
{
    struct statx info;
    return statx(AT_FDCWD, path, AT_NO_AUTOMOUNT | AT_STATX_FORCE_SYNC, STATX_BASIC_STATS, &info) != 0 &&
           (errno == ENOTCONN || errno == ECONNABORTED);
}

/* ---- Unmounting -------------------------------------------------------------------------------------------- */

/* Through the directory above it: holding the mount itself would keep it busy. A mount point cannot be renamed. */
static int unmount_directly(const char *path, bool lazy)
{
    char *const parent = strdup(path);
    char *const slash = parent ? strrchr(parent, '/') : NULL;
    if (!slash) {
        free(parent);
        errno = parent ? EINVAL : ENOMEM;
        return -1;
    }
    *slash = '\0';
    const int place = pin(slash == parent ? "/" : parent);
    int status = -1;
    if (place >= 0) {
        char pinned[PINNED_MAX];
        snprintf(pinned, sizeof(pinned), "/proc/self/fd/%d/%s", place, slash + 1);
        status = umount2(pinned, UMOUNT_NOFOLLOW | (lazy ? MNT_DETACH : 0));
    }
    const int sys = errno;
    if (place >= 0) {
        close(place);
    }
    free(parent);
    errno = sys;
    return status;
}

enum coffer_status mount_detach(const char *path, bool lazy, struct coffer_error *error)
{
    if (unmount_directly(path, lazy) == 0) {
        return COFFER_OK;
    }
    switch (errno) {
    case EPERM:
        return fusermount_unmount(path, lazy, error);
    case EBUSY:
        return failure_set(error, COFFER_IN_USE, EBUSY, "files in it are in use");
    default:
        return failure_set(error, COFFER_FAILED, errno, "cannot unmount");
    }
}
