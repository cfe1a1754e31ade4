/* SPDX-License-Identifier: ISC */
/* device_open.c - block devices by way of udisks2 (device_open.h). */
#include "device_open.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <sys/stat.h>

#include "udisks.h"
#include "ui.h"

static bool is_device(const char *path)
{
    struct stat status;

    return stat(path, &status) == 0 && S_ISBLK(status.st_mode);
}

int device_open_by_udisks(const char *path, int flags)
{
    static bool was_refused;
    struct coffer_error error = COFFER_ERROR_INIT;
    int fd;

    if (was_refused) {
        return -EACCES;
    }
    if (udisks_open(path, flags, &fd, &error) == COFFER_OK) {
        return fd;
    }
    if (error.status == COFFER_IN_USE) {
        return -EBUSY;
    }
    was_refused = true;
    if (error.sys != ENOSYS) {
        ui_notice("'%s' may not be opened, and udisks2 was asked for it in vain: %s", path, error.text);
    }
    return -EACCES;
}

int device_open(const char *path, int flags)
{
    int fd = open(path, flags);

    if (fd < 0 && errno == EACCES && is_device(path)) {
        fd = device_open_by_udisks(path, flags);
        errno = fd < 0 ? -fd : errno;
    }
    return fd < 0 ? -1 : fd;
}

const char *device_open_hint(const char *path)
{
    return is_device(path)
               ? "root may open it, and members of the group 'disk'; in a desktop session udisks2 does it "
                 "with an administrator's password"
               : NULL;
}
