/* SPDX-License-Identifier: ISC */
/*
 * tree_dir.c - reading directories. A descriptor takes a picture of all names when it is read from its start;
 * the position in it is a place in that picture, so that nothing is seen twice or missed while others change the
 * directory.
 */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "loop.h"
#include "tree.h"

/* One name; they follow each other in one block of memory. */
struct item {
    uint64_t ino;
    uint16_t size; /* of the name, which follows with its NUL */
    unsigned char type;
    char name[];
};

struct listing {
    pthread_mutex_t lock;
    char *items;
    size_t used, room;
    bool taken, no_memory;
};

static size_t item_space(size_t size)
{
    return (sizeof(struct item) + size + 1 + 7) & ~(size_t)7;
}

static bool add_item(void *user, const char *name, size_t size, uint64_t ino, unsigned char type)
{
    struct listing *listing = user;
    const size_t space = item_space(size);
    if (listing->used + space > listing->room) {
        const size_t room = listing->room * 2 + 4096;
        char *items = realloc(listing->items, room);
        if (!items) {
            listing->no_memory = true;
            return false;
        }
        listing->items = items;
        listing->room = room;
    }
    struct item *item = (struct item *)(listing->items + listing->used);
    *item = (struct item){ .ino = ino, .size = (uint16_t)size, .type = type };
    memcpy(item->name, name, size);
    item->name[size] = '\0';
    listing->used += space;
    return true;
}

static int take_picture(struct tree *tree, uint64_t ino, struct listing *listing)
{
    listing->used = 0;
    listing->no_memory = false;
    const int result = tree->files->ops->list(tree->files, ino, add_item, listing);
    listing->taken = result == 0 && !listing->no_memory;
    return listing->no_memory ? -ENOMEM : result;
}

static struct listing *listing_of(const struct fuse_file_info *file)
{
    return (struct listing *)(uintptr_t)file->fh;
}

static void tree_opendir(fuse_req_t request, fuse_ino_t node, struct fuse_file_info *file)
{
    (void)node;
    struct listing *listing = calloc(1, sizeof(*listing));
    if (!listing) {
        fuse_reply_err(request, ENOMEM);
        return;
    }
    pthread_mutex_init(&listing->lock, NULL);
    file->fh = (uintptr_t)listing;
    if (fuse_reply_open(request, file) != 0) {
        pthread_mutex_destroy(&listing->lock);
        free(listing);
    }
}

static void tree_releasedir(fuse_req_t request, fuse_ino_t node, struct fuse_file_info *file)
{
    (void)node;
    struct listing *listing = listing_of(file);
    pthread_mutex_destroy(&listing->lock);
    free(listing->items);
    free(listing);
    fuse_reply_err(request, 0);
}

static size_t put_plain(fuse_req_t request, struct tree *tree, const struct item *item, off_t next, char *out,
                        size_t size)
{
    const struct stat about = { .st_ino = tree_ino(tree, item->ino), .st_mode = (mode_t)DTTOIF(item->type) };
    return fuse_add_direntry(request, out, size, item->name, &about, next);
}

/* With attributes the kernel learns of the inode, except of "." and "..". */
static size_t put_full(fuse_req_t request, struct tree *tree, uint64_t dir, const struct item *item, off_t next,
                       char *out, size_t size)
{
    struct fuse_entry_param entry = { 0 };
    struct files_attr attr;
    const bool dots = strcmp(item->name, ".") == 0 || strcmp(item->name, "..") == 0;
    entry.attr.st_ino = tree_ino(tree, item->ino);
    entry.attr.st_mode = (mode_t)DTTOIF(item->type);
    const size_t needed = fuse_add_direntry_plus(request, NULL, 0, item->name, &entry, next);
    if (needed > size) {
        return needed;
    }
    /* By name: the picture may be old and the inode somebody else's by now. */
    if (!dots && tree->files->ops->lookup(tree->files, dir, item->name, &attr) == 0 &&
        tree_nodes_add(&tree->nodes, attr.ino)) {
        entry = tree_entry(tree, &attr);
    }
    return fuse_add_direntry_plus(request, out, size, item->name, &entry, next);
}

static void read_listing(fuse_req_t request, fuse_ino_t node, size_t size, off_t offset,
                         struct fuse_file_info *file, bool full)
{
    struct tree *tree = session_state(request);
    struct listing *listing = listing_of(file);
    const uint64_t dir = tree_ino(tree, node);
    char *out = (char *)loop_buffer();
    size = size < LOOP_DATA_MAX ? size : LOOP_DATA_MAX;
    size_t used = 0;
    pthread_mutex_lock(&listing->lock);
    const int result = offset == 0 || !listing->taken ? take_picture(tree, dir, listing) : 0;
    size_t at = (size_t)offset;
    while (result == 0 && at + sizeof(struct item) <= listing->used && at % 8 == 0) {
        const struct item *item = (const struct item *)(listing->items + at);
        const off_t next = (off_t)(at + item_space(item->size));
        const size_t added = full ? put_full(request, tree, dir, item, next, out + used, size - used)
                                  : put_plain(request, tree, item, next, out + used, size - used);
        if (added > size - used) {
            break;
        }
        used += added;
        at = (size_t)next;
    }
    pthread_mutex_unlock(&listing->lock);
    if (result < 0) {
        tree_error(request, result);
        return;
    }
    fuse_reply_buf(request, out, used);
}

static void tree_readdir(fuse_req_t request, fuse_ino_t node, size_t size, off_t offset,
                         struct fuse_file_info *file)
{
    read_listing(request, node, size, offset, file, false);
}

static void tree_readdirplus(fuse_req_t request, fuse_ino_t node, size_t size, off_t offset,
                             struct fuse_file_info *file)
{
    read_listing(request, node, size, offset, file, true);
}

void tree_dir_operations(struct fuse_lowlevel_ops *operations)
{
    operations->opendir = tree_opendir;
    operations->releasedir = tree_releasedir;
    operations->readdir = tree_readdir;
    operations->readdirplus = tree_readdirplus;
}
