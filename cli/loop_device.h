/* SPDX-License-Identifier: ISC */
/* loop_device.h - a file as a block device of the kernel's, for as long as somebody has that device open. */
#ifndef LOOP_DEVICE_H
#define LOOP_DEVICE_H

#include <stdbool.h>
#include <stdint.h>

#include "status.h"

struct loop_device {
    int fd; /* -1 = none */
    char path[32];
};

#define LOOP_DEVICE_NONE \
    {                    \
        .fd = -1         \
    }

/* Whether loop devices can be made here at all; no message. */
bool loop_device_is_possible(void);

/* Opens a file for a loop device: past the page cache where its file system can. A descriptor, or -1 with errno. */
int loop_device_open_file(const char *file, bool read_only);

/* `sector_size` in bytes: the device has sectors of this size. EXIT_DONE or reported. */
enum exit_status loop_device_attach(const char *file, uint32_t sector_size, bool read_only,
                                    struct loop_device *device);

/* The same with a file that is open, and whose lock then lasts as long as the device. 0 or an errno; no message. */
int loop_device_attach_open(int file, uint32_t sector_size, bool read_only, struct loop_device *device);

/* The kernel takes the device away when its last user is gone: this process, or what was mounted meanwhile. */
void loop_device_release(struct loop_device *device);

#endif
