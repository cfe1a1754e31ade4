/* SPDX-License-Identifier: ISC */
/*
 * fat_tree.c - names: looking them up, listing them, making and removing what they stand for. FAT has files and
 * directories; links and everything else are refused, as Linux's own driver does.
 */
#include <dirent.h>
#include <errno.h>
#include <string.h>

#include "fat.h"

int fat_tree_open(struct fat *fat, uint64_t ino, const char *text, struct fat_node **node, struct fat_dir **dir,
                  struct fat_name *name)
{
    int result = fat_node_find(fat, ino, node);
    if (result == 0) {
        result = fat_dir_open(fat, *node, dir);
    }
    if (result == 0 && (*node)->parent == NULL && *node != fat->root) {
        result = -ENOENT; /* removed */
    }
    return result == 0 ? fat_name_read(text, name) : result;
}

/* A name that cannot be is not there. */
static int nothing(int result)
{
    return result == -EILSEQ ? -ENOENT : result;
}

int fat_lookup(struct files *files, uint64_t ino, const char *text, struct files_attr *attr)
{
    struct fat *fat = (struct fat *)files;
    struct fat_node *parent, *node;
    struct fat_dir *dir;
    struct fat_name name;
    struct fat_entry entry;
    pthread_mutex_lock(&fat->lock);
    int result = nothing(fat_tree_open(fat, ino, text, &parent, &dir, &name));
    if (result == 0) {
        result = fat_dir_find(fat, dir, &name, &entry);
    }
    if (result == 0) {
        result = fat_node_get(fat, parent, &entry, &node);
    }
    if (result == 0) {
        fat_node_hand_out(fat, node);
        fat_node_attr(fat, node, attr);
    }
    fat_dir_trim(fat);
    pthread_mutex_unlock(&fat->lock);
    return result;
}

static int list_entries(struct fat *fat, struct fat_dir *dir, files_entry_fn *tell, void *user)
{
    struct fat_entry entry;
    char text[FAT_NAME_BYTES];
    for (uint32_t at = 0; at < dir->end;) {
        uint64_t offset;
        if (!fat->codec->read(fat, dir->slots, dir->end, at, &entry)) {
            at++;
            continue;
        }
        at = entry.last + 1;
        int result = fat_dir_place(fat, dir, entry.own, &offset);
        if (result < 0) {
            return result;
        }
        size_t size = fat_name_write(&entry.name, text);
        bool is_dir = (entry.facts.attributes & FAT_ATTR_DIR) != 0;
        if (!tell(user, text, size, fat_node_number(fat, offset / FAT_SLOT), is_dir ? DT_DIR : DT_REG)) {
            return 0;
        }
    }
    return 0;
}

int fat_list(struct files *files, uint64_t ino, files_entry_fn *tell, void *user)
{
    struct fat *fat = (struct fat *)files;
    struct fat_node *node;
    struct fat_dir *dir;
    pthread_mutex_lock(&fat->lock);
    int result = fat_node_find(fat, ino, &node);
    if (result == 0) {
        result = fat_dir_open(fat, node, &dir);
    }
    if (result == 0 && tell(user, ".", 1, node->ino, DT_DIR) &&
        tell(user, "..", 2, node->parent != NULL ? node->parent->ino : node->ino, DT_DIR)) {
        result = list_entries(fat, dir, tell, user);
    }
    fat_dir_trim(fat);
    pthread_mutex_unlock(&fat->lock);
    return result;
}

/* ---- Making ---- */

static struct fat_facts new_facts(const struct fat *fat, mode_t mode)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (struct fat_facts){
        .attributes = S_ISDIR(mode)        ? FAT_ATTR_DIR
                      : (mode & 0222) == 0 ? FAT_ATTR_ARCHIVE | FAT_ATTR_READ_ONLY
                                           : FAT_ATTR_ARCHIVE,
        .birth = fat_stamp_made(fat, now),
        .modified = fat_stamp_changed(fat, now),
        .accessed = fat_stamp_read(fat, now),
    };
}

static int make_entry(struct fat *fat, struct fat_node *parent, struct fat_dir *dir, struct fat_entry *entry,
                      const struct files_new *new, struct files_attr *attr)
{
    struct fat_chain chain = { 0 };
    struct fat_node *node;
    entry->facts = new_facts(fat, new->mode);
    int result = 0;
    if (S_ISDIR(new->mode)) {
        /* The root is 0 in the entry "..", whatever cluster it has. */
        result = fat_dir_make(fat, parent == fat->root ? 0 : parent->chain.start, &entry->facts, &chain);
        fat_chain_tell(fat, &chain, &entry->facts);
    }
    if (result == 0) {
        result = fat_dir_add(fat, dir, entry);
        if (result < 0 && chain.start != 0) {
            fat_chain_cut(fat, &chain, 0);
        }
    }
    fat_chain_forget(&chain);
    if (result == 0) {
        result = fat_node_get(fat, parent, entry, &node);
    }
    if (result == 0) {
        fat_node_touch(fat, parent);
        result = fat_node_store(fat, parent);
    }
    if (result == 0) {
        node->due = fat->taken + 1;
        fat_node_hand_out(fat, node);
        fat_node_attr(fat, node, attr);
    }
    return result;
}

int fat_make(struct files *files, uint64_t ino, const char *text, const struct files_new *new,
             struct files_attr *attr)
{
    struct fat *fat = (struct fat *)files;
    struct fat_node *parent;
    struct fat_dir *dir;
    struct fat_entry entry = { 0 }, other;
    if (!S_ISREG(new->mode) && !S_ISDIR(new->mode)) {
        return -EPERM;
    }
    int result = fat_begin(fat, 2);
    if (result < 0) {
        return result;
    }
    result = fat_tree_open(fat, ino, text, &parent, &dir, &entry.name);
    if (result == 0) {
        result = fat_dir_find(fat, dir, &entry.name, &other) == 0 ? -EEXIST : fat_name_check(&entry.name);
    }
    if (result == 0) {
        result = make_entry(fat, parent, dir, &entry, new, attr);
    }
    fat_end(fat);
    return result;
}

int fat_link(struct files *files, uint64_t ino, uint64_t dir, const char *name, struct files_attr *attr)
{
    (void)files;
    (void)ino;
    (void)dir;
    (void)name;
    (void)attr;
    return -EPERM;
}

int fat_readlink(struct files *files, uint64_t ino, char *target, size_t size)
{
    (void)files;
    (void)ino;
    (void)target;
    (void)size;
    return -EINVAL;
}

/* ---- Removing ---- */

static int remove_entry(struct fat *fat, struct fat_node *parent, struct fat_dir *dir,
                        const struct fat_entry *entry, bool as_dir)
{
    struct fat_node *node;
    struct fat_dir *own;
    int result = fat_node_get(fat, parent, entry, &node);
    if (result == 0 && fat_node_is_dir(node) != as_dir) {
        result = as_dir ? -ENOTDIR : -EISDIR;
    }
    if (result == 0 && as_dir) {
        result = fat_dir_open(fat, node, &own);
        result = result == 0 ? fat_dir_is_empty(fat, own) : result;
    }
    if (result == 0) {
        /* What was moved out of a directory is safe before the directory goes. */
        result = fat_dir_remove(fat, dir, entry, as_dir);
    }
    if (result == 0 && fat->codec->drop_extras != NULL) {
        fat->codec->drop_extras(fat, entry);
    }
    if (result == 0) {
        fat_node_touch(fat, parent);
        result = fat_node_store(fat, parent);
        fat_node_unname(fat, node);
    }
    return result;
}

static int remove_name(struct files *files, uint64_t ino, const char *text, bool as_dir)
{
    struct fat *fat = (struct fat *)files;
    struct fat_node *parent;
    struct fat_dir *dir;
    struct fat_name name;
    struct fat_entry entry;
    int result = fat_begin(fat, 0);
    if (result < 0) {
        return result;
    }
    result = nothing(fat_tree_open(fat, ino, text, &parent, &dir, &name));
    if (result == 0) {
        result = fat_dir_find(fat, dir, &name, &entry);
    }
    if (result == 0) {
        result = remove_entry(fat, parent, dir, &entry, as_dir);
    }
    fat_end(fat);
    return result;
}

int fat_unlink(struct files *files, uint64_t dir, const char *name)
{
    return remove_name(files, dir, name, false);
}

int fat_rmdir(struct files *files, uint64_t dir, const char *name)
{
    return remove_name(files, dir, name, true);
}
