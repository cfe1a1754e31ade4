/* SPDX-License-Identifier: ISC */
/*
 * storage_file.c - a file or a block device as a backing store.
 *
 * The lock belongs to the open file description (OFD), so it neither vanishes when some other descriptor of
 * the process is closed nor gets inherited twice. Devices are opened O_EXCL in addition, which keeps mounted
 * ones out. Threads: everything but open, publish and close is pread/pwrite-like and shares no state.
 */
#include "storage_file.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "error.h"
#include "notice.h"

#define HEADER_LOCK_AT    ((off_t)1 << 62) /* no store is that large */
#define HEADER_LOCK_TRIES 400              /* of 50 ms */

/* QEMU says what it does with a file by locks on single bytes, all of them shared: this one that it writes. */
#define QEMU_WRITES_AT 101

static struct storage_file *file_of(struct storage *storage)
{
    return (struct storage_file *)storage;
}

static int file_read(struct storage *storage, void *data, size_t size, uint64_t offset)
{
    uint8_t *at = data;
    while (size > 0) {
        ssize_t got = pread(file_of(storage)->fd, at, size, (off_t)offset);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            return got < 0 ? -errno : -EIO; /* the store ends before it should */
        }
        at += got;
        size -= (size_t)got;
        offset += (uint64_t)got;
    }
    return 0;
}

/* Whether somebody has cut off the end of the file. Writing would put it back as a hole, and nobody would hear that
 * the rest is lost. */
static bool is_cut_off(const struct storage *storage)
{
    struct stat status;

    return !storage->is_device && fstat(((const struct storage_file *)storage)->fd, &status) == 0 &&
           (uint64_t)status.st_size < storage->size;
}

static int file_write(struct storage *storage, const void *data, size_t size, uint64_t offset)
{
    const uint8_t *at = data;
    if (storage->read_only) {
        return -EROFS;
    }
    if (is_cut_off(storage)) {
        return -EIO;
    }
    while (size > 0) {
        ssize_t put = pwrite(file_of(storage)->fd, at, size, (off_t)offset);
        if (put < 0 && errno == EINTR) {
            continue;
        }
        if (put <= 0) {
            return put < 0 ? -errno : -EIO;
        }
        at += put;
        size -= (size_t)put;
        offset += (uint64_t)put;
    }
    return 0;
}

static int file_sync(struct storage *storage)
{
    if (storage->read_only) {
        return 0;
    }
    if (fdatasync(file_of(storage)->fd) != 0) {
        return -errno;
    }
    return is_cut_off(storage) ? -EIO : 0;
}

static int write_zeros(struct storage *storage, uint64_t offset, uint64_t size)
{
    static const uint8_t zeros[65536];
    while (size > 0) {
        size_t piece = size < sizeof(zeros) ? (size_t)size : sizeof(zeros);
        int result = file_write(storage, zeros, piece, offset);
        if (result != 0) {
            return result;
        }
        offset += piece;
        size -= piece;
    }
    return 0;
}

static int file_discard(struct storage *storage, uint64_t offset, uint64_t size)
{
    if (storage->read_only) {
        return -EROFS;
    }
    int result;
    do {
        result = fallocate(file_of(storage)->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)offset,
                           (off_t)size);
    } while (result != 0 && errno == EINTR);
    if (result == 0) {
        return 0;
    }
    return errno == EOPNOTSUPP || errno == ENOSYS ? write_zeros(storage, offset, size) : -errno;
}

static int file_seek(struct storage *storage, uint64_t offset, bool hole, uint64_t *found)
{
    off_t at = lseek(file_of(storage)->fd, (off_t)offset, hole ? SEEK_HOLE : SEEK_DATA);
    if (at < 0 && errno == EINVAL) { /* no such thing on this file system or device: all of it is data */
        at = hole ? (off_t)storage->size : (off_t)offset;
    }
    if (at < 0) {
        return -errno;
    }
    *found = (uint64_t)at;
    return 0;
}

static int file_resize(struct storage *storage, uint64_t size)
{
    if (storage->is_device) {
        return size == storage->size ? 0 : -EINVAL;
    }
    if (ftruncate(file_of(storage)->fd, (off_t)size) != 0) {
        return -errno;
    }
    storage->size = size;
    return 0;
}

static int file_reserve(struct storage *storage, uint64_t offset, uint64_t size)
{
    if (storage->is_device) {
        return 0;
    }
    int result;
    do {
        result = fallocate(file_of(storage)->fd, 0, (off_t)offset, (off_t)size);
    } while (result != 0 && errno == EINTR);
    return result == 0 ? 0 : errno == ENOSYS ? -EOPNOTSUPP : -errno;
}

int storage_file_lock(int fd, enum storage_file_range range, enum storage_file_hold hold)
{
    static const short TYPES[] = { F_UNLCK, F_RDLCK, F_WRLCK };
    struct flock lock = { .l_type = TYPES[hold], .l_whence = SEEK_SET };
    lock.l_start = range == STORAGE_RANGE_DATA ? 0 : HEADER_LOCK_AT;
    lock.l_len = range == STORAGE_RANGE_DATA ? HEADER_LOCK_AT : 1;
    if (fcntl(fd, F_OFD_SETLK, &lock) == 0) {
        return 0;
    }
    return errno == EAGAIN || errno == EACCES ? -EAGAIN : -ENOLCK;
}

static int look_at_size(int fd, uint64_t *size, bool *is_device)
{
    struct stat status;
    if (fstat(fd, &status) != 0) {
        return -errno;
    }
    *is_device = S_ISBLK(status.st_mode);
    *size = (uint64_t)status.st_size;
    if (*is_device) {
        return ioctl(fd, BLKGETSIZE64, size) == 0 ? 0 : -errno;
    }
    return S_ISREG(status.st_mode) ? 0 : S_ISDIR(status.st_mode) ? -EISDIR : -EINVAL;
}

/* The header is held for as long as someone else's key derivation takes; that is worth waiting for. What they do may be
 * to make the volume larger: its tail is at the end that there is afterwards. */
static int file_hold_header(struct storage *storage, bool hold)
{
    int fd = file_of(storage)->fd;
    enum storage_file_hold kind = STORAGE_HOLD_NONE;
    if (hold) {
        kind = storage->read_only ? STORAGE_HOLD_SHARED : STORAGE_HOLD_EXCLUSIVE;
    }
    int result = storage_file_lock(fd, STORAGE_RANGE_HEADER, kind);
    for (unsigned tries = 0; result == -EAGAIN && tries < HEADER_LOCK_TRIES; tries++) {
        (void)nanosleep(&(struct timespec){ .tv_nsec = 50 * 1000 * 1000 }, NULL);
        result = storage_file_lock(fd, STORAGE_RANGE_HEADER, kind);
    }
    result = result == -ENOLCK ? 0 : result;
    return result == 0 && hold ? look_at_size(fd, &storage->size, &storage->is_device) : result;
}

static void file_forget(struct storage *storage, uint64_t offset, uint64_t size)
{
    (void)posix_fadvise(file_of(storage)->fd, (off_t)offset, (off_t)size, POSIX_FADV_DONTNEED);
}

/* The descriptor becomes another one of the same device; only O_EXCL keeps the kernel out. */
static int reopen(struct storage_file *file, bool alone)
{
    char self[64];
    (void)snprintf(self, sizeof(self), "/proc/self/fd/%d", file->fd);
    int fd = open(self, O_RDWR | O_CLOEXEC | O_NOCTTY | (alone ? O_EXCL : 0));
    if (fd < 0) {
        return -errno;
    }
    int result = dup3(fd, file->fd, O_CLOEXEC) >= 0 ? 0 : -errno; /* ends the lock of the old one */
    close(fd);
    return result != 0 ? result : storage_file_lock(file->fd, STORAGE_RANGE_DATA, STORAGE_HOLD_EXCLUSIVE);
}

static int file_claim(struct storage *storage, bool alone)
{
    struct storage_file *file = file_of(storage);
    int result = storage->is_device && !storage->read_only ? reopen(file, alone) : 0;
    if (result != 0 && result != -ENOLCK) {
        return result;
    }
    int fd = fcntl(file->fd, F_DUPFD_CLOEXEC, 0);
    return fd >= 0 ? fd : -errno;
}

static int file_publish(struct storage *storage)
{
    return storage_file_give_name(file_of(storage));
}

static void file_close(struct storage *storage)
{
    storage_file_drop_name(file_of(storage));
    if (file_of(storage)->fd >= 0) {
        close(file_of(storage)->fd);
    }
    free(file_of(storage));
}

static const struct storage_ops FILE_OPS = {
    .read = file_read,
    .write = file_write,
    .sync = file_sync,
    .discard = file_discard,
    .seek = file_seek,
    .resize = file_resize,
    .reserve = file_reserve,
    .hold_header = file_hold_header,
    .forget = file_forget,
    .claim = file_claim,
    .publish = file_publish,
    .close = file_close,
};

struct storage_file *storage_file_new(int fd, uint64_t size, bool read_only, bool is_device)
{
    struct storage_file *file = calloc(1, sizeof(*file));
    if (file == NULL) {
        return NULL;
    }
    file->base.ops = &FILE_OPS;
    file->base.size = size;
    file->base.read_only = read_only;
    file->base.is_device = is_device;
    file->fd = fd;
    file->directory = -1;
    file->replaced = -1;
    return file;
}

/* ---- opening ---- */

bool storage_is_device(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 && S_ISBLK(status.st_mode);
}

static coffer_open_device_fn *open_forbidden;

void coffer_set_open_device(coffer_open_device_fn *open_device)
{
    open_forbidden = open_device;
}

/* O_NONBLOCK: a FIFO must not make us wait. */
static int open_path(const char *path, bool read_only, bool exclusive)
{
    int flags = O_CLOEXEC | O_NOCTTY | O_NONBLOCK | (read_only ? O_RDONLY : O_RDWR);
    if (exclusive && storage_is_device(path)) {
        flags |= O_EXCL;
    }
    int fd = open(path, flags);
    if (fd < 0 && errno == EACCES && open_forbidden != NULL && storage_is_device(path)) {
        fd = open_forbidden(path, flags & (O_ACCMODE | O_EXCL));
        errno = fd < 0 ? -fd : 0;
    }
    return fd < 0 ? -1 : fd;
}

static enum coffer_status size_of(int fd, uint64_t *size, bool *is_device, struct coffer_error *error)
{
    int result = look_at_size(fd, size, is_device);
    if (result == -EISDIR || result == -EINVAL) {
        return error_set(error, COFFER_NOT_FOUND, -result,
                         result == -EISDIR ? "it is a directory" : "it is neither a file nor a block device");
    }
    return result == 0 ? COFFER_OK : error_set_system(error, -result, "cannot get its size");
}

/* Readers of ours hold all bytes from the start on. With their lock there QEMU does not begin to write. */
static bool is_written_by_qemu(int fd)
{
    struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = QEMU_WRITES_AT, .l_len = 1 };
    return fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type == F_RDLCK && lock.l_start != 0;
}

static enum coffer_status take_lock(int fd, enum storage_lock lock, const struct coffer_callbacks *callbacks,
                                    struct coffer_error *error)
{
    if (lock == STORAGE_UNLOCKED) {
        return COFFER_OK;
    }
    int result = storage_file_lock(fd, STORAGE_RANGE_DATA,
                                   lock == STORAGE_EXCLUSIVE ? STORAGE_HOLD_EXCLUSIVE : STORAGE_HOLD_SHARED);
    if (result == -EAGAIN) {
        return error_set(error, COFFER_IN_USE, EAGAIN, "it is open elsewhere");
    }
    if (lock == STORAGE_SHARED && is_written_by_qemu(fd)) {
        return error_set(error, COFFER_IN_USE, EAGAIN, "QEMU has it open for writing");
    }
    if (result != 0) {
        notice(callbacks, "the file system cannot lock: make sure that nothing else opens this volume");
    }
    return COFFER_OK;
}

static enum coffer_status open_failed(int sys, bool read_only, struct coffer_error *error)
{
    if (!read_only && (sys == EACCES || sys == EROFS || sys == EPERM)) {
        return error_set(error, COFFER_NOT_PERMITTED, sys, "it may not be written");
    }
    return error_set_system(error, sys, sys == EISDIR ? "it is not a volume" : NULL);
}

enum coffer_status storage_open(const char *path, int fd, bool read_only, enum storage_lock lock,
                                const struct coffer_callbacks *callbacks, struct storage **storage,
                                struct coffer_error *error)
{
    uint64_t size = 0;
    bool is_device = false;
    if (fd < 0) {
        fd = open_path(path, read_only, lock != STORAGE_UNLOCKED && !read_only);
    }
    if (fd < 0) {
        return open_failed(errno, read_only, error);
    }
    enum coffer_status status = size_of(fd, &size, &is_device, error);
    if (status == COFFER_OK) {
        status = take_lock(fd, lock, callbacks, error);
    }
    struct storage_file *file = NULL;
    if (status == COFFER_OK) {
        file = storage_file_new(fd, size, read_only, is_device);
        status = file == NULL ? error_set_no_memory(error) : COFFER_OK;
    }
    if (status != COFFER_OK) {
        close(fd);
        return status;
    }
    *storage = &file->base;
    return COFFER_OK;
}
