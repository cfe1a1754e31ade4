/* SPDX-License-Identifier: ISC */
/*
 * ntfs_data.c - contents of files. The library moves whole runs of clusters in one transfer each. Compressed files
 * are read and never written, encrypted ones neither: their key is in Windows.
 */
#include "ntfs.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void close_attr(ntfs_attr **attribute)
{
    ntfs_attr_close(*attribute);
}

/* The contents of a regular file, which may be read. */
static int open_data(ntfs_inode *inode, ntfs_attr **data)
{
    if ((inode->mrec->flags & MFT_RECORD_IS_DIRECTORY) != 0) {
        return -EISDIR;
    }
    if (!nt_reparse_is_here(inode)) {
        return -EOPNOTSUPP;
    }
    errno = 0;
    *data = ntfs_attr_open(inode, AT_DATA, AT_UNNAMED, 0);
    if (*data == NULL) {
        return nt_error();
    }
    return ((*data)->data_flags & ATTR_IS_ENCRYPTED) != 0 ? -EACCES : 0;
}

/* The same, which may also be written. */
static int open_for_writing(ntfs_inode *inode, ntfs_attr **data)
{
    int result = open_data(inode, data);
    if (result == 0 && ((*data)->data_flags & ATTR_COMPRESSION_MASK) != 0) {
        result = -EOPNOTSUPP;
    }
    return result;
}

/* ---- Reading ---- */

static ssize_t read_data(ntfs_inode *inode, uint8_t *out, size_t size, uint64_t offset)
{
    __attribute__((cleanup(close_attr))) ntfs_attr *data = NULL;
    int result = open_data(inode, &data);
    if (result < 0) {
        return result;
    }
    if (data->data_size < 0 || offset >= (uint64_t)data->data_size) {
        return 0;
    }
    const uint64_t left = (uint64_t)data->data_size - offset;
    const size_t wanted = size < left ? size : (size_t)left;
    size_t done = 0;
    while (done < wanted) {
        errno = 0;
        const s64 got = ntfs_attr_pread(data, (s64)(offset + done), (s64)(wanted - done), out + done);
        if (got <= 0 || (size_t)got > wanted - done) {
            return nt_error();
        }
        done += (size_t)got;
    }
    return (ssize_t)done;
}

ssize_t nt_read(struct files *files, uint64_t ino, void *data, size_t size, uint64_t offset)
{
    struct nt *nt = (struct nt *)files;
    ntfs_inode *inode;
    pthread_mutex_lock(&nt->lock);
    ssize_t result = nt_open(nt, ino, &inode);
    if (result == 0) {
        const ssize_t got = read_data(inode, data, size, offset);
        const int closed = nt_close(inode, got < 0 ? (int)got : 0);
        result = closed < 0 ? closed : got;
    }
    pthread_mutex_unlock(&nt->lock);
    return result;
}

/* ---- Writing ---- */

static int write_piece(struct nt *nt, ntfs_attr *data, const uint8_t *in, size_t size, uint64_t offset)
{
    size_t done = 0;
    nt->contents = data;
    while (done < size) {
        errno = 0;
        const s64 put = ntfs_attr_pwrite(data, (s64)(offset + done), (s64)(size - done), in + done);
        if (put <= 0 || (size_t)put > size - done) {
            nt->contents = NULL;
            return nt_error();
        }
        done += (size_t)put;
    }
    nt->contents = NULL;
    return 0;
}

static int write_data(struct nt *nt, ntfs_inode *inode, const uint8_t *in, size_t size, uint64_t offset)
{
    __attribute__((cleanup(close_attr))) ntfs_attr *data = NULL;
    int result = open_for_writing(inode, &data);
    if (result < 0) {
        return result;
    }
    if (offset > INT64_MAX - size) {
        return -EFBIG;
    }
    const s64 old_size = data->data_size;
    result = write_piece(nt, data, in, size, offset);
    if (result < 0 && data->data_size > old_size && ntfs_attr_truncate(data, old_size) != 0) {
        return nt_error();
    }
    return result;
}

ssize_t nt_write(struct files *files, uint64_t ino, const void *data, size_t size, uint64_t offset)
{
    struct nt *nt = (struct nt *)files;
    ntfs_inode *inode;
    int result = nt_begin(nt);
    if (result < 0) {
        return result;
    }
    result = nt_open(nt, ino, &inode);
    if (result == 0) {
        result = size > 0 ? write_data(nt, inode, data, size, offset) : 0;
        if (result == 0 && size > 0) {
            inode->flags |= FILE_ATTR_ARCHIVE;
            ntfs_inode_update_times(inode, NTFS_UPDATE_MCTIME);
        }
        result = nt_close(inode, result);
    }
    nt_end(nt);
    return result < 0 ? result : (ssize_t)size;
}

/* ---- Size ---- */

int nt_resize(struct nt *nt, ntfs_inode *inode, uint64_t size)
{
    __attribute__((cleanup(close_attr))) ntfs_attr *data = NULL;
    int result = open_for_writing(inode, &data);
    if (result < 0) {
        return result;
    }
    if (size > INT64_MAX) {
        return -EFBIG;
    }
    if ((uint64_t)data->data_size == size) {
        return 0;
    }
    errno = 0;
    nt->contents = data;
    result = ntfs_attr_truncate(data, (s64)size) == 0 ? 0 : nt_error();
    nt->contents = NULL;
    if (result == 0) {
        inode->flags |= FILE_ATTR_ARCHIVE;
        ntfs_inode_update_times(inode, NTFS_UPDATE_MCTIME);
    }
    return result;
}

/* ---- Holes ---- */

static int seek_in(const ntfs_inode *inode, ntfs_attr *data, uint64_t offset, int whence, uint64_t *found)
{
    const uint64_t size = (uint64_t)data->data_size;
    if (offset >= size) {
        return -ENXIO;
    }
    *found = whence == SEEK_DATA ? offset : size;
    if (!NAttrNonResident(data) || (data->data_flags & ATTR_COMPRESSION_MASK) != 0) {
        return 0; /* one piece of data */
    }
    if (ntfs_attr_map_whole_runlist(data) != 0) {
        return nt_error();
    }
    const unsigned bits = inode->vol->cluster_size_bits;
    for (const runlist_element *run = data->rl; run->length > 0; run++) {
        const uint64_t start = (uint64_t)run->vcn << bits, end = start + ((uint64_t)run->length << bits);
        const bool is_hole = run->lcn < 0;
        if (end > offset && is_hole == (whence == SEEK_HOLE)) {
            *found = start > offset ? start : offset;
            *found = *found < size ? *found : size;
            return whence == SEEK_DATA && *found == size ? -ENXIO : 0;
        }
    }
    return whence == SEEK_DATA ? -ENXIO : 0;
}

int nt_seek(struct files *files, uint64_t ino, uint64_t offset, int whence, uint64_t *found)
{
    struct nt *nt = (struct nt *)files;
    ntfs_inode *inode;
    if (whence != SEEK_DATA && whence != SEEK_HOLE) {
        return -EINVAL;
    }
    pthread_mutex_lock(&nt->lock);
    int result = nt_open(nt, ino, &inode);
    if (result == 0) {
        ntfs_attr *data = NULL;
        result = open_data(inode, &data);
        if (result == 0) {
            result = seek_in(inode, data, offset, whence, found);
        }
        ntfs_attr_close(data);
        result = nt_close(inode, result);
    }
    pthread_mutex_unlock(&nt->lock);
    return result;
}
