/* SPDX-License-Identifier: ISC */
/*
 * ext_data.c - contents of files: read and write in runs of blocks, with the lock open while data moves.
 *
 * A write first gets its blocks, then fills them, and only then says so in the size of the file; no commit can
 * come between, so that no file ever shows what was in its blocks before. Bytes of a block beyond the end of
 * the file are kept zero. Writes of whole blocks of one file run in parallel; one that needs part of a block
 * runs alone.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ext.h"

#define MOST_RUNS 64 /* of one pass of a transfer */

struct lane *ext_lane(struct ext *ext, uint64_t ino)
{
    return &ext->lanes[ino % EXT_LANES];
}

static int open_regular(struct ext *ext, uint64_t ino, struct ext2_inode_large *inode)
{
    int result = ext_inode_read(ext, ino, inode);
    if (result < 0) {
        return result;
    }
    if (!S_ISREG(inode->i_mode)) {
        return S_ISDIR(inode->i_mode) ? -EISDIR : -EINVAL;
    }
    return (inode->i_flags & EXT4_ENCRYPT_FL) != 0 ? -EACCES : 0;
}

static int open_for_change(struct ext *ext, uint64_t ino, struct ext2_inode_large *inode)
{
    int result = open_regular(ext, ino, inode);
    return result == 0 && (inode->i_flags & EXT2_IMMUTABLE_FL) != 0 ? -EPERM : result;
}

static bool is_inline(const struct ext2_inode_large *inode)
{
    return (inode->i_flags & EXT4_INLINE_DATA_FL) != 0;
}

/* ---- Reading ---- */

/* Contents kept in the inode itself: only read here. */
static ssize_t read_inline(struct ext *ext, ext2_ino_t ino, struct ext2_inode_large *inode, uint8_t *data,
                           size_t size, uint64_t offset)
{
    size_t held = 0;
    __attribute__((cleanup(ext_free_buffer))) uint8_t *all = calloc(1, ext->fs->blocksize);
    if (all == NULL) {
        return -ENOMEM;
    }
    errcode_t code = ext2fs_inline_data_get(ext->fs, ino, (struct ext2_inode *)inode, all, &held);
    if (code != 0) {
        return ext_error(code);
    }
    size_t end = offset + size < held ? (size_t)offset + size : held;
    if (offset < end) {
        memcpy(data, all + offset, end - (size_t)offset);
    }
    size_t got = offset < end ? end - (size_t)offset : 0;
    memset(data + got, 0, size - got);
    return (ssize_t)size;
}

static int read_run(struct ext *ext, const struct ext_run *run, uint8_t *data, size_t size, uint64_t offset)
{
    if (run->state != EXT_WRITTEN) {
        memset(data, 0, size);
        return 0;
    }
    uint64_t block = ext->fs->blocksize;
    struct coffer_error error = COFFER_ERROR_INIT;
    uint64_t where = run->physical * block + (offset - run->logical * block);
    if (coffer_volume_pread(ext->volume, data, size, where, &error) != COFFER_OK) {
        return ext_volume_error(&error);
    }
    return 0;
}

/* Up to MOST_RUNS runs of [offset, offset + size); the number of runs. */
static int find_runs(struct ext *ext, ext2_ino_t ino, struct ext2_inode_large *inode, uint64_t offset, size_t size,
                     struct ext_run *runs)
{
    uint64_t block = offset / ext->fs->blocksize;
    uint64_t end = (offset + size - 1) / ext->fs->blocksize + 1;
    int count = 0;
    while (block < end && count < MOST_RUNS) {
        int result = ext_map_find(ext, ino, inode, block, end - block, &runs[count]);
        if (result < 0) {
            return result;
        }
        block += runs[count++].count;
    }
    return count;
}

/* The part of [offset, end) that lies in the run, in bytes from offset. */
static size_t run_bytes(const struct ext *ext, const struct ext_run *run, uint64_t offset, uint64_t end)
{
    uint64_t stop = (run->logical + run->count) * ext->fs->blocksize;
    return (size_t)((stop < end ? stop : end) - offset);
}

static ssize_t read_pass(struct ext *ext, ext2_ino_t ino, uint8_t *data, size_t size, uint64_t offset)
{
    struct ext2_inode_large inode;
    struct ext_run runs[MOST_RUNS];
    pthread_mutex_lock(&ext->lock);
    int count = open_regular(ext, ino, &inode);
    uint64_t length = EXT2_I_SIZE(&inode);
    if (count == 0 && offset < length) {
        size = length - offset < size ? (size_t)(length - offset) : size;
        if (is_inline(&inode)) {
            ssize_t got = read_inline(ext, ino, &inode, data, size, offset);
            pthread_mutex_unlock(&ext->lock);
            return got;
        }
        count = find_runs(ext, ino, &inode, offset, size, runs);
    }
    pthread_mutex_unlock(&ext->lock);
    uint64_t at = offset;
    for (int i = 0; i < count; i++) {
        size_t part = run_bytes(ext, &runs[i], at, offset + size);
        int result = read_run(ext, &runs[i], data + (at - offset), part, at);
        if (result < 0) {
            return result;
        }
        at += part;
    }
    return count < 0 ? count : (ssize_t)(at - offset);
}

ssize_t ext_read(struct files *files, uint64_t ino, void *data, size_t size, uint64_t offset)
{
    struct ext *ext = (struct ext *)files;
    struct lane *lane = ext_lane(ext, ino);
    size_t done = 0;
    lane_enter(lane, LANE_READ);
    while (done < size) {
        ssize_t got = read_pass(ext, (ext2_ino_t)ino, (uint8_t *)data + done, size - done, offset + done);
        if (got <= 0) {
            lane_leave(lane);
            return got < 0 ? got : (ssize_t)done;
        }
        done += (size_t)got;
    }
    lane_leave(lane);
    return (ssize_t)done;
}

/* ---- Writing ---- */

/* A refusal (a protected hidden volume lies there) is the writer's to hear of, at once; nothing of it is kept, so
 * there is nothing that closing would have lost. */
static int put(struct ext *ext, const void *data, size_t size, uint64_t where)
{
    struct coffer_error error = COFFER_ERROR_INIT;
    if (size == 0 || coffer_volume_pwrite(ext->volume, data, size, where, &error) == COFFER_OK) {
        return 0;
    }
    if (error.status != COFFER_NOT_PERMITTED) {
        ext_note_failure(ext, &error);
    }
    return ext_volume_error(&error);
}

/* Writes one block of which `data` is [from, to) and the rest is zero. */
static int put_padded(struct ext *ext, const uint8_t *data, size_t from, size_t to, uint64_t where)
{
    __attribute__((cleanup(ext_free_buffer))) uint8_t *block = calloc(1, ext->fs->blocksize);
    if (block == NULL) {
        return -ENOMEM;
    }
    memcpy(block + from, data, to - from);
    return put(ext, block, ext->fs->blocksize, where);
}

/*
 * Fills [offset, offset + size), which lies in the run. Parts of blocks that hold nothing yet are made zero; so
 * is the rest of the last block when the file ends in it (`last`), which also spares reading it.
 */
static int write_run(struct ext *ext, const struct ext_run *run, const uint8_t *data, size_t size, uint64_t offset,
                     bool last)
{
    size_t block = ext->fs->blocksize;
    uint64_t where = run->physical * block + (offset - run->logical * block);
    size_t head = (size_t)(offset % block);
    if (head != 0) {
        size_t part = block - head < size ? block - head : size;
        int result =
            run->fresh ? put_padded(ext, data, head, head + part, where - head) : put(ext, data, part, where);
        if (result < 0 || part == size) {
            return result;
        }
        data += part;
        size -= part;
        where += part;
    }
    size_t tail = size % block;
    int result = put(ext, data, size - tail, where);
    if (result < 0 || tail == 0) {
        return result;
    }
    data += size - tail;
    where += size - tail;
    return run->fresh || last ? put_padded(ext, data, 0, tail, where) : put(ext, data, tail, where);
}

/* Gets blocks for up to MOST_RUNS runs of [offset, offset + size); the number of runs. */
static int make_runs(struct ext *ext, ext2_ino_t ino, uint64_t offset, size_t size, struct ext_run *runs,
                     uint64_t *length)
{
    struct ext2_inode_large inode;
    int result = open_for_change(ext, ino, &inode);
    if (result < 0) {
        return result;
    }
    uint64_t block = offset / ext->fs->blocksize;
    uint64_t end = (offset + size - 1) / ext->fs->blocksize + 1;
    if (is_inline(&inode)) {
        return -EROFS; /* such file systems are not opened for writing */
    }
    if (end > ext_map_limit(ext, &inode)) {
        return -EFBIG;
    }
    *length = EXT2_I_SIZE(&inode);
    int count = 0;
    while (block < end && count < MOST_RUNS) {
        result = ext_map_make(ext, ino, &inode, block, end - block, EXT_WRITTEN, &runs[count]);
        if (result < 0) {
            return count > 0 ? count : result;
        }
        block += runs[count++].count;
    }
    return count;
}

/* What could not be filled must not stay: it would show what was on the volume before. */
static void undo_runs(struct ext *ext, ext2_ino_t ino, const struct ext_run *runs, int count)
{
    struct ext2_inode_large inode;
    if (ext_inode_read(ext, ino, &inode) < 0) {
        return;
    }
    for (int i = 0; i < count; i++) {
        if (runs[i].fresh) {
            ext_map_remove(ext, ino, &inode, runs[i].logical, runs[i].logical + runs[i].count, UINT32_MAX, NULL);
        }
    }
}

static int finish_write(struct ext *ext, ext2_ino_t ino, uint64_t end)
{
    struct ext2_inode_large inode;
    int result = ext_inode_read(ext, ino, &inode);
    if (result < 0) {
        return result;
    }
    if (end > EXT2_I_SIZE(&inode)) {
        result = ext_error(ext2fs_inode_size_set(ext->fs, (struct ext2_inode *)&inode, (ext2_off64_t)end));
        if (result < 0) {
            return result;
        }
    }
    ext_inode_touch(ext, &inode, true);
    return ext_inode_write(ext, ino, &inode);
}

static ssize_t write_pass(struct ext *ext, ext2_ino_t ino, const uint8_t *data, size_t size, uint64_t offset)
{
    int result = ext_begin(ext); /* commits now if it has to: not while contents are on their way */
    if (result < 0) {
        return result;
    }
    ext_end(ext);
    struct ext_run runs[MOST_RUNS];
    uint64_t length = 0;
    lane_enter(&ext->transfers, LANE_WRITE);
    pthread_mutex_lock(&ext->lock);
    int count = ext->failed ? -EIO : make_runs(ext, ino, offset, size, runs, &length);
    pthread_mutex_unlock(&ext->lock);
    uint64_t at = offset;
    result = count < 0 ? count : 0;
    for (int i = 0; i < count && result == 0; i++) {
        size_t part = run_bytes(ext, &runs[i], at, offset + size);
        result = write_run(ext, &runs[i], data + (at - offset), part, at, at + part >= length);
        at += part;
    }
    pthread_mutex_lock(&ext->lock);
    if (result < 0 && count > 0) {
        undo_runs(ext, ino, runs, count);
    } else if (result == 0) {
        result = finish_write(ext, ino, at);
    }
    pthread_mutex_unlock(&ext->lock);
    lane_leave(&ext->transfers);
    return result < 0 ? result : (ssize_t)(at - offset);
}

static bool whole_blocks(const struct ext *ext, size_t size, uint64_t offset)
{
    return offset % ext->fs->blocksize == 0 && size % ext->fs->blocksize == 0;
}

ssize_t ext_write(struct files *files, uint64_t ino, const void *data, size_t size, uint64_t offset)
{
    struct ext *ext = (struct ext *)files;
    if (offset + size < offset || offset + size > INT64_MAX) {
        return -EFBIG;
    }
    struct lane *lane = ext_lane(ext, ino);
    size_t done = 0;
    lane_enter(lane, whole_blocks(ext, size, offset) ? LANE_WRITE : LANE_ALONE);
    while (done < size) {
        ssize_t put_now =
            write_pass(ext, (ext2_ino_t)ino, (const uint8_t *)data + done, size - done, offset + done);
        if (put_now < 0) {
            lane_leave(lane);
            return put_now; /* never part of it: the kernel would take the rest for written */
        }
        done += (size_t)put_now;
    }
    lane_leave(lane);
    return (ssize_t)done;
}

/* ---- Size ---- */

/* Bytes of [from, to) become zero; both lie in one block. A hole is zero already. */
static int zero_part(struct ext *ext, ext2_ino_t ino, struct ext2_inode_large *inode, uint64_t from, uint64_t to)
{
    size_t block = ext->fs->blocksize;
    struct ext_run run;
    if (from >= to) {
        return 0;
    }
    int result = ext_map_find(ext, ino, inode, from / block, 1, &run);
    if (result < 0 || run.state != EXT_WRITTEN) {
        return result;
    }
    __attribute__((cleanup(ext_free_buffer))) uint8_t *zeros = calloc(1, block);
    return zeros == NULL ? -ENOMEM : put(ext, zeros, (size_t)(to - from), run.physical * block + from % block);
}

/* One step of it that fits a transaction. */
static int truncate_some(struct ext *ext, ext2_ino_t ino, uint64_t size, bool *done)
{
    struct ext2_inode_large inode;
    int result = open_for_change(ext, ino, &inode);
    if (result < 0) {
        return result;
    }
    size_t block = ext->fs->blocksize;
    uint64_t blocks = size / block + (size % block != 0);
    if (is_inline(&inode)) {
        return -EROFS;
    }
    if (blocks > ext_map_limit(ext, &inode)) {
        return -EFBIG;
    }
    if (size < EXT2_I_SIZE(&inode)) {
        result = zero_part(ext, ino, &inode, size, blocks * block);
    }
    if (result == 0) {
        result = ext_error(ext2fs_inode_size_set(ext->fs, (struct ext2_inode *)&inode, (ext2_off64_t)size));
    }
    if (result == 0) {
        ext_inode_touch(ext, &inode, true);
        result = ext_inode_write(ext, ino, &inode);
    }
    if (result == 0) {
        result = ext_map_remove(ext, ino, &inode, blocks, UINT64_MAX, ext_budget(ext), done);
    }
    if (result == 0) { /* recovery has to finish what a crash interrupts */
        result = *done ? ext_orphan_keep(ext, ino, &inode) : ext_orphan_add(ext, ino, &inode);
    }
    return result;
}

int ext_truncate(struct ext *ext, ext2_ino_t ino, uint64_t size)
{
    if (size > INT64_MAX) {
        return -EFBIG;
    }
    struct lane *lane = ext_lane(ext, ino);
    lane_enter(lane, LANE_ALONE);
    int result = 0;
    for (bool done = false; result == 0 && !done;) {
        result = ext_begin(ext);
        if (result == 0) {
            result = truncate_some(ext, ino, size, &done);
            ext_end(ext);
        }
    }
    lane_leave(lane);
    return result;
}

/* ---- Allocating, punching ---- */

static int punch(struct ext *ext, ext2_ino_t ino, struct ext2_inode_large *inode, uint64_t from, uint64_t to,
                 bool *done)
{
    size_t block = ext->fs->blocksize;
    uint64_t first = (from + block - 1) / block;
    uint64_t last = to / block;
    if (first > last) { /* within one block */
        *done = true;
        return zero_part(ext, ino, inode, from, to);
    }
    int result = zero_part(ext, ino, inode, from, first * block);
    if (result == 0) {
        result = zero_part(ext, ino, inode, last * block, to);
    }
    return result < 0 ? result : ext_map_remove(ext, ino, inode, first, last, ext_budget(ext), done);
}

static int reserve(struct ext *ext, ext2_ino_t ino, struct ext2_inode_large *inode, uint64_t from, uint64_t to,
                   bool *done)
{
    uint64_t block = from / ext->fs->blocksize;
    uint64_t end = (to - 1) / ext->fs->blocksize + 1;
    for (unsigned i = ext_budget(ext); block < end; i--) {
        if (i == 0) {
            return 0;
        }
        struct ext_run run;
        int result = ext_map_make(ext, ino, inode, block, end - block, EXT_UNWRITTEN, &run);
        if (result < 0) {
            return result;
        }
        block += run.count;
    }
    *done = true;
    return 0;
}

static int grow(struct ext *ext, ext2_ino_t ino, struct ext2_inode_large *inode, uint64_t size)
{
    if (size > EXT2_I_SIZE(inode)) {
        int result = ext_error(ext2fs_inode_size_set(ext->fs, (struct ext2_inode *)inode, (ext2_off64_t)size));
        if (result < 0) {
            return result;
        }
    }
    ext_inode_touch(ext, inode, true);
    return ext_inode_write(ext, ino, inode);
}

static int allocate_some(struct ext *ext, ext2_ino_t ino, int mode, uint64_t from, uint64_t to, bool *punched,
                         bool *done)
{
    struct ext2_inode_large inode;
    int result = open_for_change(ext, ino, &inode);
    if (result < 0) {
        return result;
    }
    if (is_inline(&inode) || (inode.i_flags & EXT4_EXTENTS_FL) == 0) {
        return -EOPNOTSUPP; /* block pointers know no unwritten blocks */
    }
    if ((to - 1) / ext->fs->blocksize >= ext_map_limit(ext, &inode)) {
        return -EFBIG;
    }
    bool punches = (mode & (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE)) != 0;
    if (punches && !*punched) {
        result = punch(ext, ino, &inode, from, to, punched);
        *done = *punched && (mode & FALLOC_FL_PUNCH_HOLE) != 0;
    } else {
        result = reserve(ext, ino, &inode, from, to, done);
    }
    if (result == 0) {
        uint64_t size = (mode & FALLOC_FL_KEEP_SIZE) == 0 && *done ? to : 0;
        result = grow(ext, ino, &inode, size);
    }
    return result;
}

int ext_allocate(struct files *files, uint64_t ino, int mode, uint64_t offset, uint64_t size)
{
    struct ext *ext = (struct ext *)files;
    int known = FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE;
    bool punches = (mode & FALLOC_FL_PUNCH_HOLE) != 0;
    if ((mode & ~known) != 0 || (punches && mode != (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE))) {
        return -EOPNOTSUPP;
    }
    if (size == 0) {
        return -EINVAL;
    }
    if (offset + size < offset || offset + size > INT64_MAX) {
        return -EFBIG;
    }
    struct lane *lane = ext_lane(ext, ino);
    lane_enter(lane, LANE_ALONE);
    int result = 0;
    bool punched = false;
    for (bool done = false; result == 0 && !done;) {
        result = ext_begin(ext);
        if (result == 0) {
            result = allocate_some(ext, (ext2_ino_t)ino, mode, offset, offset + size, &punched, &done);
            ext_end(ext);
        }
    }
    lane_leave(lane);
    return result;
}

/* ---- Data and holes, and the medium ---- */

static int seek_locked(struct ext *ext, uint64_t ino, uint64_t offset, int whence, uint64_t *found)
{
    struct ext2_inode_large inode;
    int result = open_regular(ext, ino, &inode);
    if (result < 0) {
        return result;
    }
    uint64_t length = EXT2_I_SIZE(&inode);
    if (offset >= length) {
        return -ENXIO;
    }
    if (is_inline(&inode) || (inode.i_flags & EXT4_EXTENTS_FL) == 0) { /* all data, which is always true enough */
        *found = whence == SEEK_HOLE ? length : offset;
        return 0;
    }
    uint64_t size = ext->fs->blocksize;
    uint64_t end = (length - 1) / size + 1;
    for (uint64_t block = offset / size; block < end;) {
        struct ext_run run;
        result = ext_map_find(ext, (ext2_ino_t)ino, &inode, block, end - block, &run);
        if (result < 0) {
            return result;
        }
        if ((run.state == EXT_WRITTEN) == (whence == SEEK_DATA)) {
            *found = block * size > offset ? block * size : offset;
            return 0;
        }
        block += run.count;
    }
    *found = length;
    return whence == SEEK_HOLE ? 0 : -ENXIO;
}

int ext_seek(struct files *files, uint64_t ino, uint64_t offset, int whence, uint64_t *found)
{
    struct ext *ext = (struct ext *)files;
    if (whence != SEEK_DATA && whence != SEEK_HOLE) {
        return -EINVAL;
    }
    pthread_mutex_lock(&ext->lock);
    int result = seek_locked(ext, ino, offset, whence, found);
    pthread_mutex_unlock(&ext->lock);
    return result;
}

int ext_fsync(struct files *files, uint64_t ino, bool data_only)
{
    (void)ino;
    (void)data_only;
    return ext_flush_all((struct ext *)files);
}

int ext_sync(struct files *files)
{
    return ext_flush_all((struct ext *)files);
}
