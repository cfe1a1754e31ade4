/* SPDX-License-Identifier: ISC */
/*
 * tree.h - the parts of the mount that shows the files of a volume, among themselves.
 */
#ifndef TREE_H
#define TREE_H

#include <pthread.h>

#include "files.h"
#include "losses.h"
#include "session.h"

#define TREE_KEEP_SECONDS 86400.0 /* names and attributes change through this kernel only */
#define TREE_BLOCK_SIZE   4096    /* st_blksize; the kernel's page cache wants it no smaller */

/* ---- tree_nodes.c: how often the kernel has been told of an inode ---- */

struct tree_node {
    uint64_t ino;
    uint64_t lookups; /* 0: a free slot */
};

struct tree_nodes {
    pthread_mutex_t lock;
    struct tree_node *slots; /* open addressing */
    size_t room, used;       /* room is 0 or a power of two, at most three quarters used */
};

void tree_nodes_init(struct tree_nodes *nodes);
void tree_nodes_destroy(struct tree_nodes *nodes);
/* False when there is no memory: then the kernel must not be told. */
bool tree_nodes_add(struct tree_nodes *nodes, uint64_t ino);
/* True when the kernel has forgotten the inode altogether. */
bool tree_nodes_forget(struct tree_nodes *nodes, uint64_t ino, uint64_t lookups);

/* ---- tree.c: names and attributes ---- */

struct tree {
    struct files *files;
    struct serve_owner owner;
    struct tree_nodes nodes;
    struct losses losses; /* only the first one is asked for: the kernel tells the rest itself */
};

/* The kernel knows the root as 1; whatever the file system calls 1 is known by the root's number. */
uint64_t tree_ino(const struct tree *tree, fuse_ino_t node);
struct stat tree_stat(const struct tree *tree, const struct files_attr *attr);
struct fuse_entry_param tree_entry(const struct tree *tree, const struct files_attr *attr);
void tree_error(fuse_req_t request, int result); /* of struct files_ops */
/* The file loses its capabilities and, with `set_uid`, set-uid and set-gid. */
void tree_drop_privileges(struct tree *tree, uint64_t ino, bool set_uid);
void tree_forgotten(struct tree *tree, uint64_t ino, uint64_t lookups);

/* ---- tree_io.c, tree_dir.c, tree_xattr.c: the rest of the operations ---- */

void tree_io_operations(struct fuse_lowlevel_ops *operations);
void tree_dir_operations(struct fuse_lowlevel_ops *operations);
void tree_xattr_operations(struct fuse_lowlevel_ops *operations);

#endif
