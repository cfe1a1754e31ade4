/* SPDX-License-Identifier: ISC */
/*
 * tree_xattr.c - extended attributes, handed through.
 */
#include <errno.h>

#include "loop.h"
#include "tree.h"

static void reply_value(fuse_req_t request, ssize_t length, size_t size)
{
    if (length < 0) {
        tree_error(request, (int)length);
    } else if (size == 0) {
        fuse_reply_xattr(request, (size_t)length);
    } else {
        fuse_reply_buf(request, (const char *)loop_buffer(), (size_t)length);
    }
}

static void tree_getxattr(fuse_req_t request, fuse_ino_t node, const char *name, size_t size)
{
    struct tree *tree = session_state(request);
    size = size < LOOP_DATA_MAX ? size : LOOP_DATA_MAX;
    reply_value(request, tree->files->ops->getxattr(tree->files, tree_ino(tree, node), name, loop_buffer(), size),
                size);
}

static void tree_listxattr(fuse_req_t request, fuse_ino_t node, size_t size)
{
    struct tree *tree = session_state(request);
    size = size < LOOP_DATA_MAX ? size : LOOP_DATA_MAX;
    reply_value(request,
                tree->files->ops->listxattr(tree->files, tree_ino(tree, node), (char *)loop_buffer(), size), size);
}

static void tree_setxattr(fuse_req_t request, fuse_ino_t node, const char *name, const char *value, size_t size,
                          int flags)
{
    struct tree *tree = session_state(request);
    tree_error(request, tree->files->ops->setxattr(tree->files, tree_ino(tree, node), name, value, size, flags));
}

static void tree_removexattr(fuse_req_t request, fuse_ino_t node, const char *name)
{
    struct tree *tree = session_state(request);
    tree_error(request, tree->files->ops->removexattr(tree->files, tree_ino(tree, node), name));
}

void tree_xattr_operations(struct fuse_lowlevel_ops *operations)
{
    operations->getxattr = tree_getxattr;
    operations->listxattr = tree_listxattr;
    operations->setxattr = tree_setxattr;
    operations->removexattr = tree_removexattr;
}
