/* SPDX-License-Identifier: ISC */
/*
 * loop_device.c - attaching loop devices (loop_device.h, loop(4)).
 *
 * A device is set up by one call, with the flag that makes it go with its last user, so that a crash at any moment
 * leaves none. The file is read and written past the page cache: the file system above has one, and a second copy
 * of everything in it would be dirty memory that only the server of this very file can write out.
 */
#include "loop_device.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "scope.h"
#include "ui.h"

#define CONTROL  "/dev/loop-control"
#define ATTEMPTS 100 /* others look for a free device, too */

bool loop_device_is_possible(void)
{
    return access(CONTROL, R_OK | W_OK) == 0;
}

int loop_device_open_file(const char *file, bool read_only)
{
    const int flags = (read_only ? O_RDONLY : O_RDWR) | O_NOFOLLOW | O_CLOEXEC;
    int fd = open(file, flags | O_DIRECT);

    return fd < 0 && errno == EINVAL ? open(file, flags) : fd;
}

/* False with errno; EBUSY where somebody else was faster. */
static bool configure(int fd, int file, uint32_t sector_size, bool read_only)
{
    struct loop_config config = { .fd = (uint32_t)file, .block_size = sector_size };

    config.info.lo_flags = LO_FLAGS_AUTOCLEAR | LO_FLAGS_DIRECT_IO | (read_only ? LO_FLAGS_READ_ONLY : 0);
    return ioctl(fd, LOOP_CONFIGURE, &config) == 0;
}

/* False with errno. */
static bool attach_to_free(int control, int file, uint32_t sector_size, bool read_only, struct loop_device *device)
{
    int number = ioctl(control, LOOP_CTL_GET_FREE);

    if (number < 0) {
        return false;
    }
    snprintf(device->path, sizeof(device->path), "/dev/loop%d", number);
    SCOPE_FD int fd = open(device->path, (read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC);
    if (fd < 0 || !configure(fd, file, sector_size, read_only)) {
        return false;
    }
    device->fd = SCOPE_TAKE(fd, -1);
    return true;
}

static enum exit_status fail_to_attach(int error)
{
    switch (error) {
    case ENOENT:
    case ENODEV:
    case ENXIO:
        return ui_fail(EXIT_NOT_PERMITTED, "load it with 'modprobe loop'; in a container, pass the devices in",
                       "cannot make a loop device: there is none here");
    case EACCES:
    case EPERM:
        return ui_fail(EXIT_NOT_PERMITTED, "only root can mount with the kernel's file systems",
                       "cannot make a loop device: not permitted");
    case ENOTTY:
    case EINVAL:
        return ui_fail(EXIT_NOT_PERMITTED, NULL, "cannot make a loop device: this kernel is older than 5.8");
    default:
        return ui_fail(EXIT_OTHER, NULL, "cannot make a loop device: %s", explain_errno(error));
    }
}

int loop_device_attach_open(int file, uint32_t sector_size, bool read_only, struct loop_device *device)
{
    SCOPE_FD int control = open(CONTROL, O_RDWR | O_CLOEXEC);

    *device = (struct loop_device)LOOP_DEVICE_NONE;
    for (int i = 0; control >= 0 && i < ATTEMPTS; i++) {
        if (attach_to_free(control, file, sector_size, read_only, device)) {
            return 0;
        }
        if (errno != EBUSY) {
            break;
        }
    }
    return errno;
}

enum exit_status loop_device_attach(const char *file, uint32_t sector_size, bool read_only,
                                    struct loop_device *device)
{
    SCOPE_FD int fd = loop_device_open_file(file, read_only);
    int error = fd < 0 ? errno : loop_device_attach_open(fd, sector_size, read_only, device);

    return error == 0 ? EXIT_DONE : fail_to_attach(error);
}

void loop_device_release(struct loop_device *device)
{
    scope_close(&device->fd);
    *device = (struct loop_device)LOOP_DEVICE_NONE;
}
