/* SPDX-License-Identifier: ISC */
/*
 * What would change the names in a directory that has a fixed content: refused with EPERM. Without an answer of
 * ours users would read "function not implemented".
 */
#include "refuse.h"

#include <errno.h>

static void refuse_mknod(fuse_req_t request, fuse_ino_t parent, const char *name, mode_t mode, dev_t device)
{
    (void)parent, (void)name, (void)mode, (void)device;
    fuse_reply_err(request, EPERM);
}

static void refuse_mkdir(fuse_req_t request, fuse_ino_t parent, const char *name, mode_t mode)
{
    (void)parent, (void)name, (void)mode;
    fuse_reply_err(request, EPERM);
}

static void refuse_create(fuse_req_t request, fuse_ino_t parent, const char *name, mode_t mode,
                          struct fuse_file_info *file)
{
    (void)parent, (void)name, (void)mode, (void)file;
    fuse_reply_err(request, EPERM);
}

static void refuse_removal(fuse_req_t request, fuse_ino_t parent, const char *name)
{
    (void)parent, (void)name;
    fuse_reply_err(request, EPERM);
}

static void refuse_symlink(fuse_req_t request, const char *target, fuse_ino_t parent, const char *name)
{
    (void)target, (void)parent, (void)name;
    fuse_reply_err(request, EPERM);
}

static void refuse_rename(fuse_req_t request, fuse_ino_t parent, const char *name, fuse_ino_t new_parent,
                          const char *new_name, unsigned flags)
{
    (void)parent, (void)name, (void)new_parent, (void)new_name, (void)flags;
    fuse_reply_err(request, EPERM);
}

static void refuse_link(fuse_req_t request, fuse_ino_t ino, fuse_ino_t new_parent, const char *new_name)
{
    (void)ino, (void)new_parent, (void)new_name;
    fuse_reply_err(request, EPERM);
}

void refuse_names(struct fuse_lowlevel_ops *operations)
{
    operations->mknod = refuse_mknod;
    operations->mkdir = refuse_mkdir;
    operations->create = refuse_create;
    operations->unlink = refuse_removal;
    operations->rmdir = refuse_removal;
    operations->symlink = refuse_symlink;
    operations->rename = refuse_rename;
    operations->link = refuse_link;
}
