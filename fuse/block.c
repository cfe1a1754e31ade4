/* SPDX-License-Identifier: ISC */
/*
 * DIR/volume: the cleartext of a volume as one regular file that behaves like a medium, not like a document.
 * Here is the directory that holds it, the attributes, and what makes and ends such a mount; block_io.c has the
 * operations on the opened file.
 */
#include "block.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "failure.h"
#include "loop.h"
#include "refuse.h"
#include "session.h"

#define VOLUME_NAME  "volume"
#define KEEP_SECONDS 86400.0 /* names and attributes change through this kernel only */
#define BLOCK_SIZE   4096    /* of statfs and st_blksize */
#define SECOND       INT64_C(1000000000)

/* ---- Attributes -------------------------------------------------------------------------------------------- */

static int64_t now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_REALTIME, &time);
    return time.tv_sec * SECOND + time.tv_nsec;
}

static int64_t to_time(struct timespec time)
{
    int64_t value;
    if (__builtin_mul_overflow((int64_t)time.tv_sec, SECOND, &value) ||
        __builtin_add_overflow(value, (int64_t)time.tv_nsec, &value)) {
        return time.tv_sec < 0 ? INT64_MIN : INT64_MAX;
    }
    return value;
}

static struct timespec from_time(int64_t value)
{
    const int64_t nanoseconds = (value % SECOND + SECOND) % SECOND;
    return (struct timespec){ .tv_sec = (value - nanoseconds) / SECOND, .tv_nsec = (long)nanoseconds };
}

/* Data has changed, or may have. */
void block_touch(struct block *block)
{
    const int64_t time = now();
    atomic_store_explicit(&block->write_time, time, memory_order_relaxed);
    atomic_store_explicit(&block->change_time, time, memory_order_relaxed);
}

static struct stat describe(struct block *block, fuse_ino_t ino)
{
    struct stat attributes = { .st_ino = ino, .st_uid = block->owner, .st_gid = block->group };
    attributes.st_blksize = BLOCK_SIZE;
    attributes.st_atim = from_time(atomic_load_explicit(&block->read_time, memory_order_relaxed));
    attributes.st_mtim = from_time(atomic_load_explicit(&block->write_time, memory_order_relaxed));
    attributes.st_ctim = from_time(atomic_load_explicit(&block->change_time, memory_order_relaxed));
    if (ino == FUSE_ROOT_ID) {
        attributes.st_mode = S_IFDIR | (block->read_only ? 0500 : 0700);
        attributes.st_nlink = 2;
        return attributes;
    }
    attributes.st_mode = S_IFREG | (block->read_only ? 0400 : 0600);
    attributes.st_nlink = 1;
    attributes.st_size = (off_t)block->size;
    /* Fewer blocks than the size needs say "there may be holes" to those who copy; none at all would say
     * "there is no data". How much a thin volume really holds takes a walk over all of it. */
    attributes.st_blocks = (blkcnt_t)(block->size / 512) - (block->thin ? 1 : 0);
    return attributes;
}

static void block_lookup(fuse_req_t request, fuse_ino_t parent, const char *name)
{
    if (parent != FUSE_ROOT_ID || strcmp(name, VOLUME_NAME) != 0) {
        fuse_reply_err(request, ENOENT);
        return;
    }
    struct fuse_entry_param entry = { .ino = BLOCK_INO };
    entry.attr = describe(session_state(request), BLOCK_INO);
    entry.attr_timeout = entry.entry_timeout = KEEP_SECONDS;
    fuse_reply_entry(request, &entry);
}

static void block_getattr(fuse_req_t request, fuse_ino_t ino, struct fuse_file_info *file)
{
    (void)file;
    const struct stat attributes = describe(session_state(request), ino);
    fuse_reply_attr(request, &attributes, KEEP_SECONDS);
}

/* A size that stays and any times are fine; so O_TRUNC and ftruncate fail before anything is lost. */
static void block_setattr(fuse_req_t request, fuse_ino_t ino, struct stat *wanted, int which,
                          struct fuse_file_info *file)
{
    (void)file;
    struct block *block = session_state(request);
    const bool resizes = (which & FUSE_SET_ATTR_SIZE) != 0 && (uint64_t)wanted->st_size != block->size;
    if (ino != BLOCK_INO || resizes || (which & (FUSE_SET_ATTR_MODE | FUSE_SET_ATTR_UID | FUSE_SET_ATTR_GID))) {
        fuse_reply_err(request, EPERM);
        return;
    }
    const int64_t time = now();
    if (which & FUSE_SET_ATTR_ATIME) {
        atomic_store(&block->read_time, which & FUSE_SET_ATTR_ATIME_NOW ? time : to_time(wanted->st_atim));
    }
    if (which & FUSE_SET_ATTR_MTIME) {
        atomic_store(&block->write_time, which & FUSE_SET_ATTR_MTIME_NOW ? time : to_time(wanted->st_mtim));
    }
    if (which & (FUSE_SET_ATTR_ATIME | FUSE_SET_ATTR_MTIME)) {
        atomic_store(&block->change_time, time);
    }
    const struct stat attributes = describe(block, ino);
    fuse_reply_attr(request, &attributes, KEEP_SECONDS);
}

static void block_statfs(fuse_req_t request, fuse_ino_t ino)
{
    (void)ino;
    const struct block *block = session_state(request);
    const struct statvfs info = {
        .f_bsize = BLOCK_SIZE,
        .f_frsize = BLOCK_SIZE,
        .f_blocks = block->size / BLOCK_SIZE,
        .f_files = 2,
        .f_namemax = 255,
    };
    fuse_reply_statfs(request, &info);
}

static void block_readdir(fuse_req_t request, fuse_ino_t ino, size_t size, off_t offset,
                          struct fuse_file_info *file)
{
    static const struct {
        const char *name;
        fuse_ino_t ino;
        mode_t mode;
    } entries[] = { { ".", FUSE_ROOT_ID, S_IFDIR },
                    { "..", FUSE_ROOT_ID, S_IFDIR },
                    { VOLUME_NAME, BLOCK_INO, S_IFREG } };
    (void)ino;
    (void)file;
    char *buffer = (char *)loop_buffer();
    const size_t room = size < LOOP_DATA_MAX ? size : LOOP_DATA_MAX;
    size_t used = 0;
    for (size_t i = offset < 0 ? 3 : (size_t)offset; i < 3; i++) {
        const struct stat attributes = { .st_ino = entries[i].ino, .st_mode = entries[i].mode };
        const size_t length =
            fuse_add_direntry(request, buffer + used, room - used, entries[i].name, &attributes, (off_t)i + 1);
        if (length > room - used) {
            break;
        }
        used += length;
    }
    fuse_reply_buf(request, buffer, used);
}

/* ---- The session ------------------------------------------------------------------------------------------- */

static enum coffer_status block_failure(void *state, struct coffer_error *error)
{
    struct block *block = state;
    return losses_first(&block->losses, error);
}

static void block_free(void *state)
{
    struct block *block = state;
    losses_destroy(&block->losses);
    free(block);
}

/* The file is as old as the container, so that mounting alone does not make it look changed. */
static int64_t first_time(const char *source)
{
    struct stat info;
    return source && stat(source, &info) == 0 && S_ISREG(info.st_mode) ? to_time(info.st_mtim) : now();
}

enum coffer_status serve_block(struct coffer_volume *volume, const struct serve_options *options,
                               struct serve_session **session, struct coffer_error *error)
{
    struct session_kind kind = {
        .failure = block_failure,
        .free = block_free,
        .ops.lookup = block_lookup,
        .ops.getattr = block_getattr,
        .ops.setattr = block_setattr,
        .ops.statfs = block_statfs,
        .ops.readdir = block_readdir,
        .ops.open = block_open,
        .ops.release = block_release,
        .ops.flush = block_flush,
        .ops.fsync = block_fsync,
        .ops.read = block_read,
        .ops.write = block_write,
        .ops.fallocate = block_fallocate,
        .ops.lseek = block_lseek,
    };
    refuse_names(&kind.ops);

    struct coffer_info info = { .size = sizeof(info) };
    const enum coffer_status status = coffer_volume_info(volume, &info, error);
    if (status != COFFER_OK) {
        return status;
    }
    struct block *block = calloc(1, sizeof(*block));
    if (!block) {
        return failure_set(error, COFFER_NO_MEMORY, errno, "not enough memory");
    }
    block->volume = volume;
    block->size = info.data_size;
    block->thin = info.thin;
    block->read_only = options->read_only || info.read_only;
    block->uncached = options->uncached;
    block->device = options->device;
    block->writeback = options->writeback && !block->read_only;
    block->owner = geteuid();
    block->group = getegid();
    const int64_t time = first_time(options->source);
    block->read_time = block->write_time = block->change_time = time;
    losses_init(&block->losses);

    struct serve_options mounted = *options;
    mounted.read_only = block->read_only;
    mounted.writeback = block->writeback;
    return session_start(&kind, block, &mounted, session, error);
}
