/* SPDX-License-Identifier: ISC */
/*
 * block_device.c - facts about block devices. That a device is in use is decided by the kernel, which refuses
 * to open it exclusively; the table of mounts only adds a name to that, and catches what the kernel allows.
 */
#include "block_device.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "device_open.h"
#include "mount_table.h"
#include "scope.h"

uint64_t block_device_size(const char *path)
{
    SCOPE_FD int fd = device_open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    uint64_t bytes;

    return fd >= 0 && ioctl(fd, BLKGETSIZE64, &bytes) == 0 ? bytes : 0;
}

/* The directory of the device in sysfs; a partition's lies in that of its disk. NULL when there is none. */
static char *sysfs_path(dev_t device)
{
    char link[64];

    snprintf(link, sizeof(link), "/sys/dev/block/%u:%u", major(device), minor(device));
    return realpath(link, NULL);
}

/* The first line of a file in sysfs, without blanks at its end; empty when it is missing. */
static void read_attribute(const char *directory, const char *name, size_t size, char *text)
{
    char path[PATH_MAX];

    text[0] = '\0';
    snprintf(path, sizeof(path), "%s/%s", directory, name);
    SCOPE_FILE FILE *file = fopen(path, "re");
    if (!file || !fgets(text, (int)size, file)) {
        text[0] = '\0';
    }
    for (size_t end = strlen(text); end > 0 && isspace((unsigned char)text[end - 1]); end--) {
        text[end - 1] = '\0';
    }
}

void block_device_describe(dev_t device, size_t size, char *text)
{
    SCOPE_FREE char *path = sysfs_path(device);
    char partition[16] = "";
    char model[64] = "";

    if (path) {
        read_attribute(path, "partition", sizeof(partition), partition);
        read_attribute(path, partition[0] ? "../device/model" : "device/model", sizeof(model), model);
    }
    snprintf(text, size, "%s%s%s%s%s%s", partition[0] ? "partition " : "", partition, partition[0] ? " of " : "",
             model[0] ? "disk '" : "a disk", model, model[0] ? "'" : "");
}

/* Whether a mount shows this device or a part of it. btrfs and others have device numbers of their own, so the
 * source counts as well. */
static bool is_mount_of(const struct mount_entry *entry, dev_t device, const char *directory)
{
    struct stat status;
    dev_t mounted = entry->device;

    if (entry->source[0] == '/' && stat(entry->source, &status) == 0 && S_ISBLK(status.st_mode)) {
        mounted = status.st_rdev;
    }
    if (mounted == device) {
        return true;
    }
    SCOPE_FREE char *other = major(mounted) == 0 ? NULL : sysfs_path(mounted);
    return directory && other && mount_path_is_inside(other, directory);
}

static bool find_mount(dev_t device, size_t size, char *text)
{
    SCOPE_FREE char *directory = sysfs_path(device);
    struct mount_table table;
    bool found = false;

    if (!mount_table_read(&table)) {
        return false;
    }
    for (size_t i = 0; i < table.count && !found; i++) {
        found = is_mount_of(&table.entries[i], device, directory);
        if (found) {
            snprintf(text, size, "mounted on '%s'", table.entries[i].mount_point);
        }
    }
    mount_table_free(&table);
    return found;
}

bool block_device_is_used(const char *path, dev_t device, size_t size, char *text)
{
    if (find_mount(device, size, text)) {
        return true;
    }
    SCOPE_FD int fd = open(path, O_RDONLY | O_EXCL | O_CLOEXEC | O_NONBLOCK);
    if (fd >= 0 || errno != EBUSY) {
        return false;
    }
    snprintf(text, size, "held by another program or driver (swap, RAID, LVM, an open volume)");
    return true;
}
