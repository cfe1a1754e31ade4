/* SPDX-License-Identifier: ISC */
/*
 * DIR/volume opened: descriptors, data, holes. Writing past the end is ENOSPC and the size never changes, as on
 * a medium. Operations run on any number of threads at once and share nothing but a few atomic numbers; the
 * data of a request is never copied here.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <unistd.h>

#include "block.h"
#include "failure.h"
#include "loop.h"
#include "session.h"

#define HANDLE_DIRECT (UINT64_C(1) << 32) /* beside the mark of losses */

/* ---- Descriptors ------------------------------------------------------------------------------------------- */

static bool is_for_writing(const struct fuse_file_info *file)
{
    return (file->flags & O_ACCMODE) != O_RDONLY;
}

/* Without the write-back cache only a shared mapping leaves dirty pages, and it takes O_RDWR. */
static bool can_dirty(const struct block *block, const struct fuse_file_info *file)
{
    return block->writeback ? is_for_writing(file) : (file->flags & O_ACCMODE) == O_RDWR;
}

/* O_DIRECT goes past the page cache, many writes at once, where that is as good as the way through it: the
 * kernel must write back first what others have dirtied there, and must not be the one that keeps the times,
 * for it forgets them on this way. */
static bool can_bypass_cache(const struct block *block, const struct fuse_file_info *file)
{
    return (file->flags & O_DIRECT) != 0 && loop_has_coherent_direct_io() &&
           !(block->writeback && is_for_writing(file));
}

void block_open(fuse_req_t request, fuse_ino_t ino, struct fuse_file_info *file)
{
    struct block *block = session_state(request);
    if (ino != BLOCK_INO) {
        fuse_reply_err(request, EISDIR);
        return;
    }
    if (block->read_only && is_for_writing(file)) {
        fuse_reply_err(request, EROFS);
        return;
    }
    const bool direct = block->uncached || can_bypass_cache(block, file);
    const uint64_t handle = losses_mark(&block->losses) | (direct ? HANDLE_DIRECT : 0);
    const uint32_t flags = direct ? FOPEN_DIRECT_IO | FOPEN_PARALLEL_DIRECT_WRITES : FOPEN_KEEP_CACHE;
    const int dirtier = can_dirty(block, file);
    atomic_fetch_add(&block->dirtiers, dirtier);
    if (wire_reply_open(request, handle, flags) != 0) {
        atomic_fetch_sub(&block->dirtiers, dirtier); /* who opened it has given up: there will be no release */
    }
}

void block_release(fuse_req_t request, fuse_ino_t ino, struct fuse_file_info *file)
{
    (void)ino;
    struct block *block = session_state(request);
    atomic_fetch_sub(&block->dirtiers, can_dirty(block, file));
    fuse_reply_err(request, 0);
}

static int report_losses(struct block *block, const struct fuse_file_info *file)
{
    return losses_report(&block->losses, (uint32_t)file->fh);
}

/* close(2): the kernel has written its dirty pages by now. It is not fsync, and need not reach the medium. */
void block_flush(fuse_req_t request, fuse_ino_t ino, struct fuse_file_info *file)
{
    (void)ino;
    fuse_reply_err(request, report_losses(session_state(request), file));
}

void block_fsync(fuse_req_t request, fuse_ino_t ino, int data_only, struct fuse_file_info *file)
{
    (void)ino;
    (void)data_only;
    struct block *block = session_state(request);
    struct coffer_error error = COFFER_ERROR_INIT;
    const int lost = report_losses(block, file);
    if (coffer_volume_flush(block->volume, &error) != COFFER_OK) {
        if (block->device) {
            losses_note(&block->losses, failure_errno(&error), &error);
        }
        fuse_reply_err(request, failure_errno(&error));
        return;
    }
    fuse_reply_err(request, lost);
}

/* ---- Data -------------------------------------------------------------------------------------------------- */

/* How much of [offset, offset + size) lies inside the volume. */
static size_t clip(const struct block *block, off_t offset, size_t size)
{
    const uint64_t left = offset < 0 || (uint64_t)offset >= block->size ? 0 : block->size - (uint64_t)offset;
    return size < left ? size : (size_t)left;
}

void block_read(fuse_req_t request, fuse_ino_t ino, size_t size, off_t offset, struct fuse_file_info *file)
{
    (void)ino;
    (void)file;
    struct block *block = session_state(request);
    if (size > LOOP_DATA_MAX) {
        fuse_reply_err(request, EINVAL); /* a short answer would mean the end of the file */
        return;
    }
    uint8_t *buffer = loop_buffer();
    const size_t inside = clip(block, offset, size);
    struct coffer_error error = COFFER_ERROR_INIT;
    if (inside > 0 && coffer_volume_pread(block->volume, buffer, inside, (uint64_t)offset, &error) != COFFER_OK) {
        fuse_reply_err(request, failure_errno(&error));
        return;
    }
    fuse_reply_buf(request, (const char *)buffer, inside);
}

/* Returns the errno of a write of `size` bytes of which `inside` fit. Running into the end is a short write for
 * whoever is there to see it; the kernel's write-back is not, so there it is an error. */
static int write_data(struct block *block, const char *data, size_t size, size_t inside, off_t offset, bool cached,
                      struct coffer_error *error)
{
    if (inside > 0) {
        const enum coffer_status status =
            coffer_volume_pwrite(block->volume, data, inside, (uint64_t)offset, error);
        block_touch(block);
        if (status != COFFER_OK) {
            return failure_errno(error);
        }
    }
    if (inside == 0 || (inside < size && cached)) {
        failure_set(error, COFFER_FAILED, ENOSPC, "it lies beyond the end of the volume");
        return ENOSPC;
    }
    return 0;
}

void block_write(fuse_req_t request, fuse_ino_t ino, const char *data, size_t size, off_t offset,
                 struct fuse_file_info *file)
{
    (void)ino;
    struct block *block = session_state(request);
    struct coffer_error error = COFFER_ERROR_INIT;
    const size_t inside = clip(block, offset, size);
    const bool cached = file->writepage;
    const int sys = write_data(block, data, size, inside, offset, cached, &error);
    if (sys != 0) {
        if (cached) {
            losses_add(&block->losses, sys, &error);
        } else if (block->device) {
            losses_note(&block->losses, sys, &error);
        }
        fuse_reply_err(request, sys);
        return;
    }
    /* The kernel follows a write with O_DSYNC by an fsync, unless the write bypasses its cache. */
    if ((file->fh & HANDLE_DIRECT) != 0 && (file->flags & O_DSYNC) != 0 &&
        coffer_volume_flush(block->volume, &error) != COFFER_OK) {
        fuse_reply_err(request, failure_errno(&error));
        return;
    }
    fuse_reply_write(request, inside);
}

/* ---- Space ------------------------------------------------------------------------------------------------- */

/* Zeros, by holes. Only a thin volume has them. */
static void make_holes(fuse_req_t request, struct block *block, off_t offset, size_t size)
{
    struct coffer_error error = COFFER_ERROR_INIT;
    if (!block->thin) {
        fuse_reply_err(request, EOPNOTSUPP);
        return;
    }
    enum coffer_status status = COFFER_OK;
    if (size > 0) {
        status = coffer_volume_discard(block->volume, (uint64_t)offset, size, &error);
        block_touch(block);
    }
    fuse_reply_err(request, status == COFFER_OK ? 0 : failure_errno(&error));
}

void block_fallocate(fuse_req_t request, fuse_ino_t ino, int mode, off_t offset, off_t length,
                     struct fuse_file_info *file)
{
    (void)ino;
    (void)file;
    struct block *block = session_state(request);
    const bool keeps_size = (mode & FALLOC_FL_KEEP_SIZE) != 0;
    uint64_t end;
    if (offset < 0 || length <= 0 || __builtin_add_overflow((uint64_t)offset, (uint64_t)length, &end)) {
        fuse_reply_err(request, EINVAL);
        return;
    }
    const int kind = mode & ~FALLOC_FL_KEEP_SIZE;
    if (kind != 0 && kind != FALLOC_FL_PUNCH_HOLE && kind != FALLOC_FL_ZERO_RANGE) {
        fuse_reply_err(request, EOPNOTSUPP);
        return;
    }
    if (end > block->size && (kind == 0 || !keeps_size)) {
        fuse_reply_err(request, ENOSPC);
        return;
    }
    if (kind != 0) {
        make_holes(request, block, offset, clip(block, offset, (size_t)length));
        return;
    }
    /* A thick volume has all its space. A thin one cannot promise any; told so, posix_fallocate writes into
     * every block, which does make them the volume's own. */
    fuse_reply_err(request, block->thin ? EOPNOTSUPP : 0);
}

void block_lseek(fuse_req_t request, fuse_ino_t ino, off_t offset, int whence, struct fuse_file_info *file)
{
    (void)ino;
    (void)file;
    struct block *block = session_state(request);
    const bool hole = whence == SEEK_HOLE;
    if (!hole && whence != SEEK_DATA) {
        fuse_reply_err(request, EINVAL);
        return;
    }
    if (offset < 0 || (uint64_t)offset >= block->size) {
        fuse_reply_err(request, ENXIO);
        return;
    }
    /* Where the kernel may hold dirty pages, a hole of ours may be data already. */
    if (!block->thin || atomic_load(&block->dirtiers) > 0) {
        fuse_reply_lseek(request, hole ? (off_t)block->size : offset);
        return;
    }
    struct coffer_error error = COFFER_ERROR_INIT;
    uint64_t found;
    if (coffer_volume_seek(block->volume, (uint64_t)offset, hole, &found, &error) != COFFER_OK) {
        fuse_reply_err(request, failure_errno(&error));
        return;
    }
    fuse_reply_lseek(request, (off_t)found);
}
