/* SPDX-License-Identifier: ISC */
/*
 * tree.c - the files of a volume: names and attributes. Each request is one call of the file system's driver;
 * inode numbers are the driver's own. The kernel checks permissions and keeps names, attributes and data as long
 * as it likes, because nobody else changes them.
 *
 * With an owner, every file seems to be its owner's and is made for it, and giving files away is refused: that
 * is how somebody uses a file system whose files belong to strangers. Threads share the table of nodes alone.
 *
 * Where upper and lower case are the same, the kernel asks for a name each time: it tells names apart by their
 * bytes, and would go on seeing a file under one spelling after another one of it was removed.
 *
 * CREATE is left out: the kernel then sends MKNOD, and no RELEASE when the file is closed.
 */
#include "tree.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "failure.h"
#include "loop.h"

#define CAPABILITIES "security.capability"

/* ---- What the kernel is told ------------------------------------------------------------------------------- */

uint64_t tree_ino(const struct tree *tree, fuse_ino_t node)
{
    return node == FUSE_ROOT_ID ? tree->files->root : node == tree->files->root ? FUSE_ROOT_ID : node;
}

struct stat tree_stat(const struct tree *tree, const struct files_attr *attr)
{
    return (struct stat){
        .st_ino = tree_ino(tree, attr->ino),
        .st_mode = attr->mode,
        .st_nlink = attr->links,
        .st_uid = tree->owner.mapped ? tree->owner.uid : attr->uid,
        .st_gid = tree->owner.mapped ? tree->owner.gid : attr->gid,
        .st_rdev = attr->device,
        .st_size = (off_t)attr->size,
        .st_blocks = (blkcnt_t)attr->blocks,
        .st_blksize = TREE_BLOCK_SIZE,
        .st_atim = attr->atime,
        .st_mtim = attr->mtime,
        .st_ctim = attr->ctime,
    };
}

struct fuse_entry_param tree_entry(const struct tree *tree, const struct files_attr *attr)
{
    return (struct fuse_entry_param){
        .ino = tree_ino(tree, attr->ino),
        .generation = attr->generation,
        .attr = tree_stat(tree, attr),
        .attr_timeout = TREE_KEEP_SECONDS,
        .entry_timeout = tree->files->folds_case ? 0 : TREE_KEEP_SECONDS,
    };
}

void tree_error(fuse_req_t request, int result)
{
    const int sys = result < 0 ? -result : 0;
    fuse_reply_err(request, sys == EUCLEAN ? EIO : sys); /* damage has no number that programs know */
}

void tree_forgotten(struct tree *tree, uint64_t ino, uint64_t lookups)
{
    if (tree_nodes_forget(&tree->nodes, ino, lookups)) {
        tree->files->ops->evict(tree->files, ino);
    }
}

/* Answers with an entry, which the kernel now knows once more. */
static void reply_entry(fuse_req_t request, struct tree *tree, const struct files_attr *attr)
{
    if (!tree_nodes_add(&tree->nodes, attr->ino)) {
        fuse_reply_err(request, ENOMEM);
        return;
    }
    const struct fuse_entry_param entry = tree_entry(tree, attr);
    if (fuse_reply_entry(request, &entry) != 0) {
        tree_forgotten(tree, attr->ino, 1); /* who asked has given up */
    }
}

static void tree_lookup(fuse_req_t request, fuse_ino_t parent, const char *name)
{
    struct tree *tree = session_state(request);
    struct files_attr attr;
    const int result = tree->files->ops->lookup(tree->files, tree_ino(tree, parent), name, &attr);
    if (result == -ENOENT) {
        const struct fuse_entry_param nothing = { .entry_timeout =
                                                      tree->files->folds_case ? 0 : TREE_KEEP_SECONDS };
        fuse_reply_entry(request, &nothing);
    } else if (result < 0) {
        tree_error(request, result);
    } else {
        reply_entry(request, tree, &attr);
    }
}

static void tree_forget(fuse_req_t request, fuse_ino_t node, uint64_t lookups)
{
    struct tree *tree = session_state(request);
    tree_forgotten(tree, tree_ino(tree, node), lookups);
    fuse_reply_none(request);
}

static void tree_forget_multi(fuse_req_t request, size_t count, struct fuse_forget_data *forgets)
{
    struct tree *tree = session_state(request);
    for (size_t i = 0; i < count; i++) {
        tree_forgotten(tree, tree_ino(tree, forgets[i].ino), forgets[i].nlookup);
    }
    fuse_reply_none(request);
}

/* ---- Attributes -------------------------------------------------------------------------------------------- */

static void reply_attr(fuse_req_t request, const struct tree *tree, int result, const struct files_attr *attr)
{
    if (result < 0) {
        tree_error(request, result);
        return;
    }
    const struct stat attributes = tree_stat(tree, attr);
    fuse_reply_attr(request, &attributes, TREE_KEEP_SECONDS);
}

static void tree_getattr(fuse_req_t request, fuse_ino_t node, struct fuse_file_info *file)
{
    (void)file;
    struct tree *tree = session_state(request);
    struct files_attr attr;
    const int result = tree->files->ops->getattr(tree->files, tree_ino(tree, node), &attr);
    reply_attr(request, tree, result, &attr);
}

/* What the kernel wants to set, in the driver's words. */
static unsigned translate(const struct stat *wanted, int which, struct files_attr *change)
{
    static const struct {
        int theirs;
        unsigned ours;
    } flags[] = {
        { FUSE_SET_ATTR_MODE, FILES_MODE },   { FUSE_SET_ATTR_UID, FILES_UID },
        { FUSE_SET_ATTR_GID, FILES_GID },     { FUSE_SET_ATTR_SIZE, FILES_SIZE },
        { FUSE_SET_ATTR_ATIME, FILES_ATIME }, { FUSE_SET_ATTR_ATIME_NOW, FILES_ATIME },
        { FUSE_SET_ATTR_MTIME, FILES_MTIME }, { FUSE_SET_ATTR_MTIME_NOW, FILES_MTIME },
        { FUSE_SET_ATTR_CTIME, FILES_CTIME },
    };
    unsigned what = 0;
    for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
        what |= (which & flags[i].theirs) != 0 ? flags[i].ours : 0;
    }
    *change = (struct files_attr){
        .mode = wanted->st_mode,
        .uid = wanted->st_uid,
        .gid = wanted->st_gid,
        .size = (uint64_t)wanted->st_size,
        .atime = wanted->st_atim,
        .mtime = wanted->st_mtim,
        .ctime = wanted->st_ctim,
    };
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if ((which & FUSE_SET_ATTR_ATIME_NOW) != 0) {
        change->atime = now;
    }
    if ((which & FUSE_SET_ATTR_MTIME_NOW) != 0) {
        change->mtime = now;
    }
    return what;
}

/* Giving files away means nothing where all of them seem to have one owner. */
static bool keeps_owner(const struct tree *tree, unsigned *what, const struct files_attr *change)
{
    if (!tree->owner.mapped) {
        return true;
    }
    const bool same = ((*what & FILES_UID) == 0 || change->uid == tree->owner.uid) &&
                      ((*what & FILES_GID) == 0 || change->gid == tree->owner.gid);
    *what &= ~(unsigned)(FILES_UID | FILES_GID);
    return same;
}

void tree_drop_privileges(struct tree *tree, uint64_t ino, bool set_uid)
{
    struct files *files = tree->files;
    struct files_attr attr;
    if (files->ops->getxattr(files, ino, CAPABILITIES, NULL, 0) > 0) {
        files->ops->removexattr(files, ino, CAPABILITIES);
    }
    if (!set_uid || files->ops->getattr(files, ino, &attr) < 0 || !S_ISREG(attr.mode)) {
        return;
    }
    /* Without permission to execute, set-gid is no privilege. */
    const mode_t lost = S_ISUID | ((attr.mode & S_IXGRP) != 0 ? S_ISGID : 0);
    if ((attr.mode & lost) != 0) {
        attr.mode &= ~lost;
        files->ops->setattr(files, ino, FILES_MODE, &attr, NULL);
    }
}

static void tree_setattr(fuse_req_t request, fuse_ino_t node, struct stat *wanted, int which,
                         struct fuse_file_info *file)
{
    (void)file;
    struct tree *tree = session_state(request);
    struct files_attr change, attr;
    unsigned what = translate(wanted, which, &change);
    const bool gives_away = (what & (FILES_UID | FILES_GID)) != 0;
    if (!tree->files->read_only && (gives_away || (what & FILES_SIZE) != 0)) {
        tree_drop_privileges(tree, tree_ino(tree, node), gives_away || wire_kills_set_uid(loop_request()));
    }
    if (!keeps_owner(tree, &what, &change)) {
        fuse_reply_err(request, EPERM);
        return;
    }
    const int result = tree->files->ops->setattr(tree->files, tree_ino(tree, node), what, &change, &attr);
    reply_attr(request, tree, result, &attr);
}

static void tree_readlink(fuse_req_t request, fuse_ino_t node)
{
    struct tree *tree = session_state(request);
    char *target = (char *)loop_buffer();
    const int result = tree->files->ops->readlink(tree->files, tree_ino(tree, node), target, LOOP_DATA_MAX);
    if (result < 0) {
        tree_error(request, result);
        return;
    }
    fuse_reply_readlink(request, target);
}

static void tree_statfs(fuse_req_t request, fuse_ino_t node)
{
    (void)node;
    struct tree *tree = session_state(request);
    struct statvfs info;
    const int result = tree->files->ops->statfs(tree->files, &info);
    if (result < 0) {
        tree_error(request, result);
        return;
    }
    fuse_reply_statfs(request, &info);
}

/* ---- Names ------------------------------------------------------------------------------------------------- */

static int make(fuse_req_t request, struct tree *tree, fuse_ino_t parent, const char *name, struct files_new *new,
                struct files_attr *attr)
{
    const struct fuse_ctx *context = fuse_req_ctx(request);
    new->uid = tree->owner.mapped ? tree->owner.uid : context->uid;
    new->gid = tree->owner.mapped ? tree->owner.gid : context->gid;
    return tree->files->ops->make(tree->files, tree_ino(tree, parent), name, new, attr);
}

static void make_and_reply(fuse_req_t request, fuse_ino_t parent, const char *name, struct files_new *new)
{
    struct tree *tree = session_state(request);
    struct files_attr attr;
    const int result = make(request, tree, parent, name, new, &attr);
    if (result < 0) {
        tree_error(request, result);
        return;
    }
    reply_entry(request, tree, &attr);
}

static void tree_mknod(fuse_req_t request, fuse_ino_t parent, const char *name, mode_t mode, dev_t device)
{
    struct files_new new = { .mode = mode, .device = device };
    make_and_reply(request, parent, name, &new);
}

static void tree_mkdir(fuse_req_t request, fuse_ino_t parent, const char *name, mode_t mode)
{
    struct files_new new = { .mode = S_IFDIR | (mode & 07777) };
    make_and_reply(request, parent, name, &new);
}

static void tree_symlink(fuse_req_t request, const char *target, fuse_ino_t parent, const char *name)
{
    struct files_new new = { .mode = S_IFLNK | 0777, .target = target };
    make_and_reply(request, parent, name, &new);
}

static void tree_link(fuse_req_t request, fuse_ino_t node, fuse_ino_t parent, const char *name)
{
    struct tree *tree = session_state(request);
    struct files_attr attr;
    const int result =
        tree->files->ops->link(tree->files, tree_ino(tree, node), tree_ino(tree, parent), name, &attr);
    if (result < 0) {
        tree_error(request, result);
        return;
    }
    reply_entry(request, tree, &attr);
}

static void tree_unlink(fuse_req_t request, fuse_ino_t parent, const char *name)
{
    struct tree *tree = session_state(request);
    tree_error(request, tree->files->ops->unlink(tree->files, tree_ino(tree, parent), name));
}

static void tree_rmdir(fuse_req_t request, fuse_ino_t parent, const char *name)
{
    struct tree *tree = session_state(request);
    tree_error(request, tree->files->ops->rmdir(tree->files, tree_ino(tree, parent), name));
}

static void tree_rename(fuse_req_t request, fuse_ino_t parent, const char *name, fuse_ino_t new_parent,
                        const char *new_name, unsigned flags)
{
    struct tree *tree = session_state(request);
    tree_error(request, tree->files->ops->rename(tree->files, tree_ino(tree, parent), name,
                                                 tree_ino(tree, new_parent), new_name, flags));
}

/* ---- The whole --------------------------------------------------------------------------------------------- */

static enum coffer_status tree_failure(void *state, struct coffer_error *error)
{
    struct tree *tree = state;
    return losses_first(&tree->losses, error);
}

static void tree_free(void *state)
{
    struct tree *tree = state;
    tree_nodes_destroy(&tree->nodes);
    losses_destroy(&tree->losses);
    free(tree);
}

enum coffer_status serve_files(struct files *files, const struct serve_owner *owner,
                               const struct serve_options *options, struct serve_session **session,
                               struct coffer_error *error)
{
    struct session_kind kind = {
        .ops = {
            .lookup = tree_lookup,
            .forget = tree_forget,
            .forget_multi = tree_forget_multi,
            .getattr = tree_getattr,
            .setattr = tree_setattr,
            .readlink = tree_readlink,
            .statfs = tree_statfs,
            .mknod = tree_mknod,
            .mkdir = tree_mkdir,
            .symlink = tree_symlink,
            .link = tree_link,
            .unlink = tree_unlink,
            .rmdir = tree_rmdir,
            .rename = tree_rename,
        },
        .want = FUSE_CAP_READDIRPLUS | FUSE_CAP_READDIRPLUS_AUTO | FUSE_CAP_NO_OPEN_SUPPORT |
                FUSE_CAP_CACHE_SYMLINKS,
        .takes_privileges = true,
        .failure = tree_failure,
        .free = tree_free,
    };
    tree_io_operations(&kind.ops);
    tree_dir_operations(&kind.ops);
    tree_xattr_operations(&kind.ops);
    struct tree *tree = calloc(1, sizeof(*tree));
    if (!tree) {
        return failure_set(error, COFFER_NO_MEMORY, ENOMEM, "not enough memory for a file system session");
    }
    tree->files = files;
    tree->owner = *owner;
    tree_nodes_init(&tree->nodes);
    losses_init(&tree->losses);
    struct serve_options changed = *options;
    changed.read_only = options->read_only || files->read_only;
    return session_start(&kind, tree, &changed, session, error);
}
