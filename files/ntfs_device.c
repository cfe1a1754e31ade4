/* SPDX-License-Identifier: ISC */
/*
 * ntfs_device.c - the volume as libntfs-3g sees it: reads as if everything were written, and writes that tell
 * contents of files from structure by the clusters they go to. Nothing here reaches the medium by itself: commits
 * do that.
 */
#include "ntfs.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct nt *nt_of(const struct ntfs_device *device)
{
    return device->d_private;
}

static s64 as_result(int result, s64 size)
{
    if (result < 0) {
        errno = result == -EUCLEAN ? EIO : -result;
        return -1;
    }
    return size;
}

static int device_open(struct ntfs_device *device, int flags)
{
    (void)flags;
    NDevSetOpen(device);
    return 0;
}

static int device_close(struct ntfs_device *device)
{
    device->d_state &= ~(1UL << ND_Open);
    return 0;
}

/* The library asks so whether the volume is large enough. */
static s64 device_seek(struct ntfs_device *device, s64 offset, int whence)
{
    if (whence != SEEK_SET || offset < 0 || (uint64_t)offset > nt_of(device)->volume_size) {
        errno = EINVAL;
        return -1;
    }
    return offset;
}

static s64 device_pread(struct ntfs_device *device, void *data, s64 size, s64 offset)
{
    if (size < 0 || offset < 0) {
        errno = EINVAL;
        return -1;
    }
    return as_result(nt_store_read(nt_of(device), data, (size_t)size, (uint64_t)offset), size);
}

/* Whether the cluster belongs to the attribute whose contents are being written. */
static bool is_contents(const struct nt *nt, uint64_t offset)
{
    if (nt->contents == NULL || nt->contents->rl == NULL) {
        return false;
    }
    const s64 cluster = (s64)(offset >> nt->library->cluster_size_bits);
    for (const runlist_element *run = nt->contents->rl; run->length > 0; run++) {
        if (run->lcn >= 0 && cluster >= run->lcn && cluster - run->lcn < run->length) {
            return true;
        }
    }
    return false;
}

static s64 device_pwrite(struct ntfs_device *device, const void *data, s64 size, s64 offset)
{
    struct nt *nt = nt_of(device);
    if (size < 0 || offset < 0) {
        errno = EINVAL;
        return -1;
    }
    if (is_contents(nt, (uint64_t)offset)) {
        return as_result(nt_store_contents(nt, data, (size_t)size, (uint64_t)offset), size);
    }
    int result = nt_frozen_watch(nt, data, (size_t)size, (uint64_t)offset);
    if (result == 0) {
        result = nt_store_write(nt, data, (size_t)size, (uint64_t)offset);
    }
    return as_result(result, size);
}

static s64 device_read(struct ntfs_device *device, void *data, s64 size)
{
    (void)device, (void)data, (void)size;
    errno = EOPNOTSUPP;
    return -1;
}

static s64 device_write(struct ntfs_device *device, const void *data, s64 size)
{
    (void)device, (void)data, (void)size;
    errno = EOPNOTSUPP;
    return -1;
}

static int device_sync(struct ntfs_device *device)
{
    (void)device;
    return 0;
}

static int device_stat(struct ntfs_device *device, struct stat *about)
{
    *about = (struct stat){ .st_mode = S_IFREG, .st_size = (off_t)nt_of(device)->volume_size };
    return 0;
}

static int device_ioctl(struct ntfs_device *device, unsigned long request, void *argument)
{
    (void)device, (void)request, (void)argument;
    errno = EOPNOTSUPP;
    return -1;
}

struct ntfs_device *nt_device_make(struct nt *nt)
{
    static struct ntfs_device_operations operations = {
        .open = device_open,
        .close = device_close,
        .seek = device_seek,
        .read = device_read,
        .write = device_write,
        .pread = device_pread,
        .pwrite = device_pwrite,
        .sync = device_sync,
        .stat = device_stat,
        .ioctl = device_ioctl,
    };
    return ntfs_device_alloc("volume", 0, &operations, nt);
}
