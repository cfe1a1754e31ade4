/* SPDX-License-Identifier: ISC */
/*
 * fat_node.c - inodes, which FAT has not. An inode is an entry that somebody knows of, and its number is where that
 * entry is on the volume, so that it is the same the next time. A file that is moved or removed keeps its number as
 * long as it is known; whoever comes to that place meanwhile gets another one.
 *
 * Nodes that nobody knows any more stay for a while: somebody may just be asking for one.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fat.h"

#define ROOT_INO      1u /* within the first sector, which holds no entries */
#define FIRST_BUCKETS 1024u
#define MOST_IDLE     4096u
#define OTHER_NUMBER  (UINT64_C(1) << 56) /* added where the number is taken; places are smaller */

bool fat_node_is_dir(const struct fat_node *node)
{
    return (node->facts.attributes & FAT_ATTR_DIR) != 0;
}

/* ---- Tables ---- */

static size_t bucket_of(const struct fat_nodes *nodes, uint64_t key)
{
    return (size_t)(key * UINT64_C(0x9e3779b97f4a7c15) >> 20) & (nodes->buckets - 1);
}

static void link_ino(struct fat_nodes *nodes, struct fat_node *node)
{
    struct fat_node **bucket = &nodes->by_ino[bucket_of(nodes, node->ino)];
    node->next_ino = *bucket;
    *bucket = node;
}

static void link_place(struct fat_nodes *nodes, struct fat_node *node)
{
    struct fat_node **bucket = &nodes->by_place[bucket_of(nodes, node->place)];
    node->next_place = *bucket;
    *bucket = node;
}

static void unlink_ino(struct fat_nodes *nodes, struct fat_node *node)
{
    struct fat_node **link = &nodes->by_ino[bucket_of(nodes, node->ino)];
    while (*link != node) {
        link = &(*link)->next_ino;
    }
    *link = node->next_ino;
}

static void unlink_place(struct fat_nodes *nodes, struct fat_node *node)
{
    if (node->place == 0) {
        return;
    }
    struct fat_node **link = &nodes->by_place[bucket_of(nodes, node->place)];
    while (*link != node) {
        link = &(*link)->next_place;
    }
    *link = node->next_place;
    node->place = 0;
}

static int resize(struct fat_nodes *nodes, size_t buckets)
{
    struct fat_nodes old = *nodes;
    struct fat_node **by_ino = calloc(buckets, sizeof(*by_ino));
    struct fat_node **by_place = calloc(buckets, sizeof(*by_place));
    if (by_ino == NULL || by_place == NULL) {
        free(by_ino);
        free(by_place);
        return -ENOMEM;
    }
    nodes->by_ino = by_ino;
    nodes->by_place = by_place;
    nodes->buckets = buckets;
    for (size_t i = 0; i < old.buckets; i++) {
        struct fat_node *next;
        for (struct fat_node *node = old.by_ino[i]; node != NULL; node = next) {
            next = node->next_ino;
            link_ino(nodes, node);
            if (node->place != 0) {
                link_place(nodes, node);
            }
        }
    }
    free(old.by_ino);
    free(old.by_place);
    return 0;
}

static struct fat_node *find_ino(const struct fat_nodes *nodes, uint64_t ino)
{
    struct fat_node *node = nodes->by_ino[bucket_of(nodes, ino)];
    while (node != NULL && node->ino != ino) {
        node = node->next_ino;
    }
    return node;
}

static struct fat_node *find_place(const struct fat_nodes *nodes, uint64_t place)
{
    struct fat_node *node = nodes->by_place[bucket_of(nodes, place)];
    while (node != NULL && node->place != place) {
        node = node->next_place;
    }
    return node;
}

/* ---- Idle nodes ---- */

static bool is_idle(const struct fat *fat, const struct fat_node *node)
{
    return node->older != NULL || node->newer != NULL || fat->nodes.oldest == node;
}

static void unlist(struct fat *fat, struct fat_node *node)
{
    if (!is_idle(fat, node)) {
        return;
    }
    *(node->older != NULL ? &node->older->newer : &fat->nodes.oldest) = node->newer;
    *(node->newer != NULL ? &node->newer->older : &fat->nodes.newest) = node->older;
    node->older = node->newer = NULL;
    fat->nodes.idle--;
}

static void destroy(struct fat *fat, struct fat_node *node)
{
    struct fat_node *parent = node->parent;
    unlist(fat, node);
    unlink_place(&fat->nodes, node);
    unlink_ino(&fat->nodes, node);
    fat->nodes.count--;
    fat_dir_drop(fat, node);
    fat_chain_forget(&node->chain);
    free(node);
    if (parent != NULL) {
        fat_node_unpin(fat, parent);
    }
}

/* Nobody knows it and nothing needs it: it may go, now if it has no name, else when there are many. */
static void settle(struct fat *fat, struct fat_node *node)
{
    struct fat_nodes *nodes = &fat->nodes;
    if (node->known || node->pins > 0 || node == fat->root) {
        return;
    }
    if (node->place == 0) {
        fat_chain_cut(fat, &node->chain, 0); /* what cannot be followed of it is lost */
        destroy(fat, node);
        return;
    }
    if (!is_idle(fat, node)) {
        node->older = nodes->newest;
        *(node->older != NULL ? &node->older->newer : &nodes->oldest) = node;
        nodes->newest = node;
        nodes->idle++;
    }
    while (nodes->idle > MOST_IDLE) {
        struct fat_node *oldest = nodes->oldest;
        if (oldest->due > fat->done || (oldest->dir != NULL && oldest->dir->dirty_count > 0)) {
            break; /* the commit comes soon */
        }
        destroy(fat, oldest);
    }
}

void fat_node_pin(struct fat *fat, struct fat_node *node)
{
    unlist(fat, node);
    node->pins++;
}

void fat_node_unpin(struct fat *fat, struct fat_node *node)
{
    node->pins--;
    settle(fat, node);
}

/* ---- Finding and making ---- */

static struct fat_node *make_node(struct fat *fat, uint64_t ino, const struct fat_facts *facts)
{
    struct fat_nodes *nodes = &fat->nodes;
    if (nodes->count >= nodes->buckets && resize(nodes, nodes->buckets * 2) < 0) {
        return NULL;
    }
    struct fat_node *node = calloc(1, sizeof(*node));
    if (node == NULL) {
        return NULL;
    }
    node->ino = ino;
    node->generation = ++nodes->generation;
    node->facts = *facts;
    node->chain = fat_chain_of(fat, facts);
    link_ino(nodes, node);
    nodes->count++;
    return node;
}

int fat_nodes_init(struct fat *fat)
{
    const struct fat_facts facts = { .attributes = FAT_ATTR_DIR, .start = fat->geometry.root_cluster };
    if (resize(&fat->nodes, FIRST_BUCKETS) < 0) {
        return -ENOMEM;
    }
    fat->root = make_node(fat, ROOT_INO, &facts);
    if (fat->root == NULL) {
        return -ENOMEM;
    }
    fat->root->chain.limit = FAT_END; /* no entry says how large it is */
    fat->files.root = ROOT_INO;
    return 0;
}

void fat_nodes_free(struct fat *fat)
{
    for (size_t i = 0; i < fat->nodes.buckets; i++) {
        struct fat_node *next;
        for (struct fat_node *node = fat->nodes.by_ino[i]; node != NULL; node = next) {
            next = node->next_ino;
            fat_dir_drop(fat, node);
            fat_chain_forget(&node->chain);
            free(node);
        }
    }
    free(fat->nodes.by_ino);
    free(fat->nodes.by_place);
}

int fat_node_find(struct fat *fat, uint64_t ino, struct fat_node **node)
{
    *node = find_ino(&fat->nodes, ino);
    return *node != NULL ? 0 : -ESTALE;
}

uint64_t fat_node_number(struct fat *fat, uint64_t place)
{
    const struct fat_node *node = find_place(&fat->nodes, place);
    if (node != NULL) {
        return node->ino;
    }
    uint64_t ino = place;
    while (find_ino(&fat->nodes, ino) != NULL) {
        ino += OTHER_NUMBER;
    }
    return ino;
}

int fat_node_get(struct fat *fat, struct fat_node *parent, const struct fat_entry *entry, struct fat_node **node)
{
    uint64_t offset;
    int result = fat_dir_place(fat, parent->dir, entry->own, &offset);
    if (result < 0) {
        return result == -ENODATA ? -EUCLEAN : result;
    }
    *node = find_place(&fat->nodes, offset / FAT_SLOT);
    if (*node != NULL) {
        return 0;
    }
    *node = make_node(fat, fat_node_number(fat, offset / FAT_SLOT), &entry->facts);
    if (*node == NULL) {
        return -ENOMEM;
    }
    fat_node_name(fat, *node, parent, entry, offset / FAT_SLOT);
    settle(fat, *node);
    return 0;
}

void fat_node_hand_out(struct fat *fat, struct fat_node *node)
{
    unlist(fat, node);
    node->known = true;
}

void fat_node_unname(struct fat *fat, struct fat_node *node)
{
    struct fat_node *parent = node->parent;
    unlink_place(&fat->nodes, node);
    node->parent = NULL;
    fat_node_pin(fat, node); /* so that the parent's end does not reach it before settle does */
    if (parent != NULL) {
        fat_node_unpin(fat, parent);
    }
    fat_node_unpin(fat, node);
}

void fat_node_name(struct fat *fat, struct fat_node *node, struct fat_node *parent, const struct fat_entry *entry,
                   uint64_t place)
{
    struct fat_node *before = node->parent;
    fat_node_pin(fat, parent);
    unlink_place(&fat->nodes, node);
    node->parent = parent;
    node->first = entry->first;
    node->last = entry->last;
    node->own = entry->own;
    node->place = place;
    link_place(&fat->nodes, node);
    if (before != NULL) {
        fat_node_unpin(fat, before);
    }
}

/* ---- What they say ---- */

void fat_node_attr(struct fat *fat, struct fat_node *node, struct files_attr *attr)
{
    bool is_dir = fat_node_is_dir(node);
    bool is_fixed = !is_dir && (node->facts.attributes & FAT_ATTR_READ_ONLY) != 0;
    uint64_t cluster = fat->geometry.cluster;
    uint64_t size = node->facts.size;
    if (is_dir) {
        fat_chain_reach(fat, &node->chain, FAT_END); /* what cannot be followed is not counted */
        size = node == fat->root && fat->geometry.root_cluster == 0 ? fat->geometry.root_size
                                                                    : node->chain.known * cluster;
    }
    *attr = (struct files_attr){
        .ino = node->ino,
        .generation = node->generation,
        .mode = (is_dir ? S_IFDIR : S_IFREG) | (is_fixed ? 0555 : 0755),
        .links = node->parent != NULL || node == fat->root ? 1 : 0,
        .uid = fat->uid,
        .gid = fat->gid,
        .size = size,
        .blocks = (size + cluster - 1) / cluster * (cluster / 512),
        .block_size = (uint32_t)cluster,
        .atime = fat_stamp_time(node->facts.accessed),
        .mtime = fat_stamp_time(node->facts.modified),
        .ctime = fat_stamp_time(node->facts.modified),
        .birth = fat_stamp_time(node->facts.birth),
    };
}

/* To where it can be changed in one write. Without room for that it stays where it is. */
static int move_entry(struct fat *fat, struct fat_dir *dir, struct fat_node *node)
{
    struct fat_entry entry, other;
    uint64_t offset;
    if (!fat->codec->read(fat, dir->slots, dir->end, node->first, &entry)) {
        return -EUCLEAN;
    }
    other = entry;
    int result = fat_dir_add(fat, dir, &other);
    if (result == 0) {
        result = fat_dir_place(fat, dir, other.own, &offset);
    }
    if (result == 0) {
        result = fat_dir_brand(fat, dir, &other);
    }
    if (result == 0) {
        result = fat_dir_remove(fat, dir, &entry, true);
    }
    if (result == 0) {
        fat_node_name(fat, node, node->parent, &other, offset / FAT_SLOT);
    }
    return result == -ENOSPC ? 0 : result;
}

int fat_node_store(struct fat *fat, struct fat_node *node)
{
    struct fat_dir *dir;
    fat_chain_tell(fat, &node->chain, &node->facts);
    if (node->parent == NULL) {
        return 0; /* the root, or without a name */
    }
    int result = fat_dir_open(fat, node->parent, &dir);
    if (result == 0 && !fat_dir_can_update(fat, node->own)) {
        result = move_entry(fat, dir, node);
    }
    if (result == 0) {
        fat_dir_update(fat, dir, node->first, node->last, &node->facts);
    }
    return result;
}

void fat_node_touch(struct fat *fat, struct fat_node *node)
{
    node->due = fat->taken + 1;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    node->facts.modified = fat_stamp_changed(fat, now);
    node->facts.accessed = fat_stamp_read(fat, now);
}

void fat_evict(struct files *files, uint64_t ino)
{
    struct fat *fat = (struct fat *)files;
    struct fat_node *node;
    pthread_mutex_lock(&fat->lock);
    if (fat_node_find(fat, ino, &node) == 0) {
        node->known = false;
        settle(fat, node);
    }
    fat_dir_trim(fat);
    pthread_mutex_unlock(&fat->lock);
}

/* Nobody will ask any more: files without a name give their clusters back. */
void fat_node_evict_all(struct fat *fat)
{
    pthread_mutex_lock(&fat->lock);
    for (size_t i = 0; i < fat->nodes.buckets; i++) {
        for (struct fat_node *node = fat->nodes.by_ino[i]; node != NULL; node = node->next_ino) {
            if (node->place == 0 && node != fat->root) {
                fat_chain_cut(fat, &node->chain, 0);
            }
        }
    }
    pthread_mutex_unlock(&fat->lock);
}
