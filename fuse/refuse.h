/* SPDX-License-Identifier: ISC */
/*
 * refuse.h - operations on names for a file system that lets nobody change any.
 */
#ifndef REFUSE_H
#define REFUSE_H

#include "wire.h"

/* Fills in mknod, mkdir, create, unlink, rmdir, symlink, rename and link. */
void refuse_names(struct fuse_lowlevel_ops *operations);

#endif
