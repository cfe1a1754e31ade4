/* SPDX-License-Identifier: ISC */
/*
 * The double keeps the promises of coffer.h that the FUSE layer relies on: whole transfers or an error, ranges
 * inside the volume only, holes only where it is thin, a failed flush for ever.
 */
#include "fake_volume.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

struct coffer_volume {
    int fd;
    uint64_t size;
    bool thin;
    atomic_bool flush_failed; /* as with the real one: for ever */
    struct fake_faults faults;
};

#define GATE_SECONDS 10 /* then the others do not come any more, and the test fails */

static enum coffer_status set(struct coffer_error *error, enum coffer_status status, int sys, const char *text)
{
    if (error && error->status == COFFER_OK) {
        error->status = status;
        error->sys = sys;
        snprintf(error->text, sizeof(error->text), "%s", text);
    }
    return status;
}

struct coffer_volume *fake_volume_new(int fd, uint64_t size, bool thin)
{
    struct coffer_volume *volume = calloc(1, sizeof(*volume));
    if (!volume || fd < 0 || ftruncate(fd, (off_t)size) != 0) {
        perror("fake_volume_new");
        abort();
    }
    volume->fd = fd;
    volume->size = size;
    volume->thin = thin;
    return volume;
}

struct coffer_volume *fake_volume_in_memory(uint64_t size, bool thin)
{
    return fake_volume_new(memfd_create("volume", MFD_CLOEXEC), size, thin);
}

void fake_volume_free(struct coffer_volume *volume)
{
    close(volume->fd);
    free(volume);
}

struct fake_faults *fake_volume_faults(struct coffer_volume *volume)
{
    return &volume->faults;
}

/* ---- Faults ------------------------------------------------------------------------------------------------ */

static bool lies_outside(const struct coffer_volume *volume, uint64_t offset, uint64_t size)
{
    return size > volume->size || offset > volume->size - size;
}

static void enter(struct coffer_volume *volume, enum fake_call call)
{
    atomic_fetch_add(&volume->faults.calls[call], 1);
    const unsigned now = atomic_fetch_add(&volume->faults.inside[call], 1) + 1;
    unsigned most = atomic_load(&volume->faults.most_inside[call]);
    while (most < now && !atomic_compare_exchange_weak(&volume->faults.most_inside[call], &most, now)) {
    }
    const time_t deadline = time(NULL) + GATE_SECONDS;
    while (call == FAKE_WRITE && time(NULL) < deadline &&
           atomic_load(&volume->faults.gate) > atomic_load(&volume->faults.most_inside[call])) {
        sched_yield();
    }
}

/* Returns the fault to report, 0 for none. */
static int find_fault(struct coffer_volume *volume, enum fake_call call, uint64_t offset, uint64_t size)
{
    const int fault = atomic_load(&volume->faults.fault[call]);
    if (call != FAKE_FLUSH && lies_outside(volume, offset, size)) {
        return ERANGE; /* which nothing else gives, so that no test takes it for the failure it expects */
    }
    const uint64_t from = atomic_load(&volume->faults.from), to = atomic_load(&volume->faults.to);
    return to != 0 && (offset >= to || offset + size <= from) ? 0 : fault;
}

static enum coffer_status leave(struct coffer_volume *volume, enum fake_call call, int fault,
                                struct coffer_error *error)
{
    atomic_fetch_sub(&volume->faults.inside[call], 1);
    if (fault == 0) {
        return COFFER_OK;
    }
    return set(error, fault == EOPNOTSUPP ? COFFER_UNSUPPORTED : COFFER_FAILED, fault < 0 ? 0 : fault,
               "injected fault");
}

/* ---- coffer.h ---------------------------------------------------------------------------------------------- */

enum coffer_status coffer_volume_info(struct coffer_volume *volume, struct coffer_info *info,
                                      struct coffer_error *error)
{
    (void)error;
    const size_t size = info->size;
    *info = (struct coffer_info){ .size = size, .format = "fake", .data_size = volume->size, .sector_size = 4096 };
    info->unlocked = true;
    info->thin = volume->thin;
    return COFFER_OK;
}

enum coffer_status coffer_volume_pread(struct coffer_volume *volume, void *data, size_t size, uint64_t offset,
                                       struct coffer_error *error)
{
    enter(volume, FAKE_READ);
    int fault = find_fault(volume, FAKE_READ, offset, size);
    for (size_t done = 0; fault == 0 && done < size;) {
        const ssize_t n = pread(volume->fd, (uint8_t *)data + done, size - done, (off_t)(offset + done));
        if (n <= 0) {
            fault = n < 0 ? errno : EIO;
            break;
        }
        done += (size_t)n;
    }
    return leave(volume, FAKE_READ, fault, error);
}

enum coffer_status coffer_volume_pwrite(struct coffer_volume *volume, const void *data, size_t size,
                                        uint64_t offset, struct coffer_error *error)
{
    enter(volume, FAKE_WRITE);
    int fault = find_fault(volume, FAKE_WRITE, offset, size);
    for (size_t done = 0; fault == 0 && done < size;) {
        const ssize_t n = pwrite(volume->fd, (const uint8_t *)data + done, size - done, (off_t)(offset + done));
        if (n <= 0) {
            fault = n < 0 ? errno : EIO;
            break;
        }
        done += (size_t)n;
    }
    return leave(volume, FAKE_WRITE, fault, error);
}

enum coffer_status coffer_volume_flush(struct coffer_volume *volume, struct coffer_error *error)
{
    enter(volume, FAKE_FLUSH);
    int fault = find_fault(volume, FAKE_FLUSH, 0, UINT64_MAX);
    if (fault == 0 && fdatasync(volume->fd) != 0) {
        fault = errno;
    }
    if (fault != 0) {
        atomic_store(&volume->flush_failed, true);
    } else if (atomic_load(&volume->flush_failed)) {
        fault = EIO;
    }
    return leave(volume, FAKE_FLUSH, fault, error);
}

enum coffer_status coffer_volume_discard(struct coffer_volume *volume, uint64_t offset, uint64_t size,
                                         struct coffer_error *error)
{
    enter(volume, FAKE_DISCARD);
    int fault = volume->thin ? find_fault(volume, FAKE_DISCARD, offset, size) : EOPNOTSUPP;
    if (fault == 0 &&
        fallocate(volume->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)offset, (off_t)size) != 0) {
        fault = errno;
    }
    return leave(volume, FAKE_DISCARD, fault, error);
}

enum coffer_status coffer_volume_seek(struct coffer_volume *volume, uint64_t offset, bool hole, uint64_t *found,
                                      struct coffer_error *error)
{
    enter(volume, FAKE_SEEK);
    int fault = find_fault(volume, FAKE_SEEK, offset, 0);
    if (fault == 0 && !volume->thin) {
        *found = hole ? volume->size : offset;
    } else if (fault == 0) {
        const off_t place = lseek(volume->fd, (off_t)offset, hole ? SEEK_HOLE : SEEK_DATA);
        fault = place < 0 ? errno : 0;
        *found = place < 0 ? 0 : (uint64_t)place;
    }
    return leave(volume, FAKE_SEEK, fault, error);
}
