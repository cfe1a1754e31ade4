/* SPDX-License-Identifier: ISC */
/*
 * tree_io.c - contents of files. There is nothing to open: a driver takes inode numbers, so the kernel is told
 * once that OPEN, RELEASE and FLUSH need not be sent. Data comes and goes in the thread's own buffer.
 */
#include <errno.h>
#include <string.h>

#include "failure.h"
#include "loop.h"
#include "tree.h"

/* ENOSYS once, and no file is opened or closed here any more. */
static void tree_open(fuse_req_t request, fuse_ino_t node, struct fuse_file_info *file)
{
    (void)node;
    (void)file;
    fuse_reply_err(request, ENOSYS);
}

static void tree_read(fuse_req_t request, fuse_ino_t node, size_t size, off_t offset, struct fuse_file_info *file)
{
    (void)file;
    struct tree *tree = session_state(request);
    if (size > LOOP_DATA_MAX || offset < 0) {
        fuse_reply_err(request, EINVAL);
        return;
    }
    uint8_t *buffer = loop_buffer();
    const ssize_t got = tree->files->ops->read(tree->files, tree_ino(tree, node), buffer, size, (uint64_t)offset);
    if (got < 0) {
        tree_error(request, (int)got);
        return;
    }
    fuse_reply_buf(request, (const char *)buffer, (size_t)got);
}

/* Nobody waits for the answer to a write from the kernel's cache: the end of the mount reports it too. */
static void note_loss(struct tree *tree, int result)
{
    struct coffer_error error = COFFER_ERROR_INIT;
    failure_set(&error, COFFER_FAILED, -result, "contents of a file could not be written: %s",
                result == -ENOSPC ? "no space left in it" : strerrordesc_np(-result));
    losses_add(&tree->losses, -result, &error);
}

static void tree_write(fuse_req_t request, fuse_ino_t node, const char *data, size_t size, off_t offset,
                       struct fuse_file_info *file)
{
    struct tree *tree = session_state(request);
    if (offset < 0) {
        fuse_reply_err(request, EINVAL);
        return;
    }
    tree_drop_privileges(tree, tree_ino(tree, node), wire_kills_set_uid(loop_request()));
    const ssize_t put = tree->files->ops->write(tree->files, tree_ino(tree, node), data, size, (uint64_t)offset);
    if (put < 0) {
        if (file->writepage) {
            note_loss(tree, (int)put);
        }
        tree_error(request, (int)put);
        return;
    }
    fuse_reply_write(request, (size_t)put);
}

static void tree_fallocate(fuse_req_t request, fuse_ino_t node, int mode, off_t offset, off_t length,
                           struct fuse_file_info *file)
{
    (void)file;
    struct tree *tree = session_state(request);
    if (offset < 0 || length <= 0) {
        fuse_reply_err(request, EINVAL);
        return;
    }
    tree_error(request, tree->files->ops->allocate(tree->files, tree_ino(tree, node), mode, (uint64_t)offset,
                                                   (uint64_t)length));
}

static void tree_lseek(fuse_req_t request, fuse_ino_t node, off_t offset, int whence, struct fuse_file_info *file)
{
    (void)file;
    struct tree *tree = session_state(request);
    uint64_t found = 0;
    const int result =
        offset < 0 ? -ENXIO
                   : tree->files->ops->seek(tree->files, tree_ino(tree, node), (uint64_t)offset, whence, &found);
    if (result < 0) {
        tree_error(request, result);
        return;
    }
    fuse_reply_lseek(request, (off_t)found);
}

static void tree_fsync(fuse_req_t request, fuse_ino_t node, int data_only, struct fuse_file_info *file)
{
    (void)file;
    struct tree *tree = session_state(request);
    tree_error(request, tree->files->ops->fsync(tree->files, tree_ino(tree, node), data_only != 0));
}

void tree_io_operations(struct fuse_lowlevel_ops *operations)
{
    operations->open = tree_open;
    operations->read = tree_read;
    operations->write = tree_write;
    operations->fallocate = tree_fallocate;
    operations->lseek = tree_lseek;
    operations->fsync = tree_fsync;
    operations->fsyncdir = tree_fsync;
}
