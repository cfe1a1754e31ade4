/* SPDX-License-Identifier: ISC */
/*
 * ext_htree.c - directories with an index: a tree over the hashes of the names whose leaves are ordinary blocks
 * of entries. The root is the directory's first block and the inner nodes are other blocks of it; all of them
 * look like blocks without entries to whoever does not know.
 *
 * An index entry says: names with this hash or a larger one are in that block. Its lowest bit tells that names
 * of the same hash are in the block before as well. Uses scratch 2 to 7. Called under ext->lock.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ext.h"

#define MOST_LEVELS  3   /* of the index, with the feature largedir; 2 without it */
#define ROOT_ENTRIES 32u /* where a root's index entries begin */
#define NODE_ENTRIES 8u  /* where a node's do */
#define ROOT_INFO    24u
#define INFO_SIZE    8u
#define BLOCK_MASK   0x0fffffffu

#define LEAF  5 /* scratch buffers: 2, 3, 4 hold the nodes of the path */
#define FRESH 6
#define SPARE 7

/* A node of the path from the root to a leaf, and the index entry that was followed. */
struct frame {
    uint64_t where; /* on the volume */
    uint8_t *data;
    size_t base; /* of the index entries */
    unsigned at;
};

struct path {
    struct frame frames[MOST_LEVELS];
    unsigned depth; /* frames */
    uint32_t hash;
    uint8_t version;
    uint64_t leaf; /* block within the directory */
    uint64_t leaf_where;
};

bool ext_htree_is(const struct ext *ext, const struct ext_dir *dir)
{
    return ext2fs_has_feature_dir_index(ext->fs->super) && (dir->inode.i_flags & EXT2_INDEX_FL) != 0;
}

/* ---- Index entries of one node: a count in place of the first one's hash ---- */

static uint16_t get16(const uint8_t *data)
{
    uint16_t value;
    memcpy(&value, data, sizeof(value));
    return value;
}

static uint32_t get32(const uint8_t *data)
{
    uint32_t value;
    memcpy(&value, data, sizeof(value));
    return value;
}

static void put16(uint8_t *data, unsigned value)
{
    uint16_t narrow = (uint16_t)value;
    memcpy(data, &narrow, sizeof(narrow));
}

static void put32(uint8_t *data, uint32_t value)
{
    memcpy(data, &value, sizeof(value));
}

static unsigned node_limit(const struct frame *frame)
{
    return get16(frame->data + frame->base);
}

static unsigned node_count(const struct frame *frame)
{
    return get16(frame->data + frame->base + 2);
}

static uint8_t *node_entry(const struct frame *frame, unsigned i)
{
    return frame->data + frame->base + (size_t)i * 8;
}

static uint32_t entry_hash(const struct frame *frame, unsigned i)
{
    return get32(node_entry(frame, i));
}

static uint32_t entry_block(const struct frame *frame, unsigned i)
{
    return get32(node_entry(frame, i) + 4) & BLOCK_MASK;
}

static unsigned room_for_entries(const struct ext *ext, size_t base)
{
    size_t tail = ext2fs_has_feature_metadata_csum(ext->fs->super) ? sizeof(struct ext2_dx_tail) : 0;
    return (unsigned)((ext->fs->blocksize - base - tail) / 8);
}

static int check_node(const struct ext *ext, const struct frame *frame)
{
    unsigned count = node_count(frame);
    bool sane = count > 0 && count <= node_limit(frame) && node_limit(frame) <= room_for_entries(ext, frame->base);
    return sane ? 0 : -EUCLEAN;
}

/* The entry with the largest hash that is not above `hash`. */
static unsigned choose(const struct frame *frame, uint32_t hash)
{
    unsigned low = 1;
    unsigned high = node_count(frame);
    while (low < high) {
        unsigned middle = low + (high - low) / 2;
        if (entry_hash(frame, middle) > hash) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return low - 1;
}

static void insert_entry(struct frame *frame, unsigned at, uint32_t hash, uint64_t block)
{
    unsigned count = node_count(frame);
    memmove(node_entry(frame, at + 1), node_entry(frame, at), (size_t)(count - at) * 8);
    put32(node_entry(frame, at), hash);
    put32(node_entry(frame, at) + 4, (uint32_t)block);
    put16(frame->data + frame->base + 2, count + 1);
}

/* ---- The path to a name ---- */

static int hash_of(const struct ext *ext, uint8_t version, const char *name, size_t size, uint32_t *hash)
{
    const struct ext2_super_block *super = ext->fs->super;
    if (version <= EXT2_HASH_TEA && (super->s_flags & EXT2_FLAGS_UNSIGNED_HASH) != 0) {
        version += 3;
    }
    if (version > EXT2_HASH_TEA_UNSIGNED) {
        return -EOPNOTSUPP;
    }
    return ext_error(ext2fs_dirhash2(version, name, (int)size, NULL, 0, super->s_hash_seed, hash, NULL));
}

static int read_frame(struct ext *ext, struct ext_dir *dir, struct path *path, unsigned level, uint64_t block)
{
    struct frame *frame = &path->frames[level];
    frame->data = ext->scratch[2 + level];
    frame->base = level == 0 ? ROOT_ENTRIES : NODE_ENTRIES;
    int result = ext_dir_read(ext, dir, block, frame->data, &frame->where);
    if (result < 0 || level > 0) {
        return result < 0 ? result : check_node(ext, frame);
    }
    const uint8_t *info = frame->data + ROOT_INFO;
    unsigned most = ext2fs_has_feature_largedir(ext->fs->super) ? MOST_LEVELS : MOST_LEVELS - 1;
    path->version = info[4];
    path->depth = info[6] + 1u;
    if (get32(info) != 0 || info[5] != INFO_SIZE || path->depth > most) {
        return -EUCLEAN;
    }
    return check_node(ext, frame);
}

/* Goes down from frames[level], whose entry is chosen, to a leaf; `first` takes the first entry of each node. */
static int descend(struct ext *ext, struct ext_dir *dir, struct path *path, unsigned level, bool first)
{
    for (; level + 1 < path->depth; level++) {
        struct frame *frame = &path->frames[level];
        int result = read_frame(ext, dir, path, level + 1, entry_block(frame, frame->at));
        if (result < 0) {
            return result;
        }
        path->frames[level + 1].at = first ? 0 : choose(&path->frames[level + 1], path->hash);
    }
    path->leaf = entry_block(&path->frames[level], path->frames[level].at);
    return ext_dir_read(ext, dir, path->leaf, ext->scratch[LEAF], &path->leaf_where);
}

static int find_path(struct ext *ext, struct ext_dir *dir, const char *name, struct path *path)
{
    int result = read_frame(ext, dir, path, 0, 0);
    if (result == 0) {
        result = hash_of(ext, path->version, name, strlen(name), &path->hash);
    }
    if (result < 0) {
        return result;
    }
    path->frames[0].at = choose(&path->frames[0], path->hash);
    return descend(ext, dir, path, 0, false);
}

/* On to the next leaf, if names of the same hash are there too; -ENOENT if not. */
static int next_leaf(struct ext *ext, struct ext_dir *dir, struct path *path)
{
    unsigned level = path->depth - 1;
    while (path->frames[level].at + 1 >= node_count(&path->frames[level])) {
        if (level == 0) {
            return -ENOENT;
        }
        level--;
    }
    struct frame *frame = &path->frames[level];
    frame->at++;
    if ((entry_hash(frame, frame->at) & ~1u) != path->hash) {
        return -ENOENT;
    }
    return descend(ext, dir, path, level, true);
}

int ext_htree_find(struct ext *ext, struct ext_dir *dir, const char *name, struct ext_place *place)
{
    struct path path;
    int result = find_path(ext, dir, name, &path);
    while (result == 0) {
        place->block = path.leaf_where;
        result = ext_entry_find(ext, ext->scratch[LEAF], name, strlen(name), &place->entry, &place->before);
        if (result != -ENOENT) {
            return result;
        }
        result = next_leaf(ext, dir, &path);
    }
    return result;
}

/* ---- Splitting ---- */

struct hashed {
    uint32_t hash;
    uint16_t at, size;
};
_Static_assert(sizeof(struct hashed) <= 12, "as many as entries fit a block fit a scratch buffer");

static int by_hash(const void *a, const void *b)
{
    const struct hashed *x = a;
    const struct hashed *y = b;
    return x->hash < y->hash ? -1 : x->hash > y->hash;
}

static int hash_entries(const struct ext *ext, const struct path *path, const uint8_t *block, struct hashed *map,
                        size_t *count)
{
    size_t at = 0;
    struct ext_entry entry;
    *count = 0;
    for (int more; (more = ext_entry_next(ext, block, &at, &entry)) != 0;) {
        if (more < 0) {
            return more;
        }
        if (entry.ino == 0) {
            continue;
        }
        struct hashed *slot = &map[(*count)++];
        slot->at = (uint16_t)entry.at;
        slot->size = (uint16_t)((8u + entry.name_size + 3) & ~3u);
        int result = hash_of(ext, path->version, entry.name, entry.name_size, &slot->hash);
        if (result < 0) {
            return result;
        }
    }
    qsort(map, *count, sizeof(*map), by_hash);
    return 0;
}

/* Fills `to` with these entries of `from`, packed. */
static int pack(const struct ext *ext, uint8_t *to, const uint8_t *from, const struct hashed *map, size_t count)
{
    ext_entry_blank(ext, to);
    size_t at = 0;
    for (size_t i = 0; i < count; i++) {
        size_t size = i + 1 < count ? map[i].size : ext_entry_room(ext) - at;
        if (at + map[i].size > ext_entry_room(ext)) {
            return -EUCLEAN;
        }
        memcpy(to + at, from + map[i].at, map[i].size);
        ext_entry_set_size(ext, to, at, size);
        at += map[i].size;
    }
    return 0;
}

/* The upper half of the leaf, by hash, moves to a new block. The node above has room for it. */
static int split_leaf(struct ext *ext, struct ext_dir *dir, struct path *path)
{
    struct hashed *map = (struct hashed *)ext->scratch[SPARE];
    uint8_t *leaf = ext->scratch[LEAF];
    uint8_t *fresh = ext->scratch[FRESH];
    size_t count;
    int result = hash_entries(ext, path, leaf, map, &count);
    if (result < 0 || count < 2) {
        return result < 0 ? result : -EUCLEAN;
    }
    size_t keep = count; /* entries that stay: about half of the bytes */
    for (size_t moved = 0; keep > 1 && moved + map[keep - 1].size / 2u <= ext->fs->blocksize / 2; keep--) {
        moved += map[keep - 1].size;
    }
    keep = keep == count ? count - 1 : keep;
    uint32_t hash = map[keep].hash;
    uint32_t continued = map[keep - 1].hash == hash ? 1 : 0;
    uint64_t number, where;
    result = pack(ext, fresh, leaf, map + keep, count - keep);
    if (result == 0) {
        result = ext_dir_append(ext, dir, &number, &where);
    }
    if (result == 0) {
        result = ext_dir_write(ext, dir, where, fresh);
    }
    if (result == 0) {
        result = pack(ext, fresh, leaf, map, keep);
    }
    if (result == 0) {
        result = ext_dir_write(ext, dir, path->leaf_where, fresh);
    }
    if (result < 0) {
        return result;
    }
    struct frame *bottom = &path->frames[path->depth - 1];
    insert_entry(bottom, bottom->at + 1, hash | continued, number);
    return ext_dir_write(ext, dir, bottom->where, bottom->data);
}

/* A node without entries, which looks like a block with one unused entry. */
static void blank_node(const struct ext *ext, struct frame *node, uint8_t *data)
{
    memset(data, 0, ext->fs->blocksize);
    ext_entry_set_size(ext, data, 0, ext->fs->blocksize);
    *node = (struct frame){ .data = data, .base = NODE_ENTRIES };
    put16(data + NODE_ENTRIES, room_for_entries(ext, NODE_ENTRIES));
}

/* All index entries of the root move to a node of their own. */
static int add_level(struct ext *ext, struct ext_dir *dir, struct path *path)
{
    unsigned most = ext2fs_has_feature_largedir(ext->fs->super) ? MOST_LEVELS : MOST_LEVELS - 1;
    if (path->depth >= most) {
        return -ENOSPC;
    }
    struct frame *root = &path->frames[0];
    struct frame node;
    uint64_t number;
    blank_node(ext, &node, ext->scratch[FRESH]);
    unsigned count = node_count(root);
    memcpy(node_entry(&node, 0) + 4, node_entry(root, 0) + 4, (size_t)count * 8 - 4);
    put16(node.data + node.base + 2, count);
    int result = ext_dir_append(ext, dir, &number, &node.where);
    if (result == 0) {
        result = ext_dir_write(ext, dir, node.where, node.data);
    }
    if (result < 0) {
        return result;
    }
    put16(root->data + root->base + 2, 1);
    put32(node_entry(root, 0) + 4, (uint32_t)number);
    root->data[ROOT_INFO + 6]++;
    return ext_dir_write(ext, dir, root->where, root->data);
}

/* The upper half of a full node moves to a new one; the node above has room for it. */
static int split_node(struct ext *ext, struct ext_dir *dir, struct path *path, unsigned level)
{
    struct frame *node = &path->frames[level];
    struct frame *above = &path->frames[level - 1];
    struct frame fresh;
    uint64_t number;
    unsigned count = node_count(node);
    unsigned keep = count / 2;
    uint32_t hash = entry_hash(node, keep);
    blank_node(ext, &fresh, ext->scratch[FRESH]);
    memcpy(node_entry(&fresh, 0) + 4, node_entry(node, keep) + 4, (size_t)(count - keep) * 8 - 4);
    put16(fresh.data + fresh.base + 2, count - keep);
    int result = ext_dir_append(ext, dir, &number, &fresh.where);
    if (result == 0) {
        result = ext_dir_write(ext, dir, fresh.where, fresh.data);
    }
    if (result < 0) {
        return result;
    }
    put16(node->data + node->base + 2, keep);
    insert_entry(above, above->at + 1, hash, number);
    result = ext_dir_write(ext, dir, node->where, node->data);
    return result < 0 ? result : ext_dir_write(ext, dir, above->where, above->data);
}

/* One step towards room for another index entry at the bottom of the path. */
static int grow_index(struct ext *ext, struct ext_dir *dir, struct path *path)
{
    for (unsigned level = path->depth - 1; level > 0; level--) {
        if (node_count(&path->frames[level - 1]) < node_limit(&path->frames[level - 1])) {
            return split_node(ext, dir, path, level);
        }
    }
    return add_level(ext, dir, path);
}

int ext_htree_add(struct ext *ext, struct ext_dir *dir, const char *name, ext2_ino_t ino, uint8_t type)
{
    for (;;) { /* each round adds the entry or splits something on the way to it */
        struct path path;
        int result = find_path(ext, dir, name, &path);
        if (result < 0) {
            return result;
        }
        result = ext_entry_add(ext, ext->scratch[LEAF], name, strlen(name), ino, type);
        if (result == 0) {
            return ext_dir_write(ext, dir, path.leaf_where, ext->scratch[LEAF]);
        }
        if (result != -ENOSPC) {
            return result;
        }
        struct frame *bottom = &path.frames[path.depth - 1];
        bool room = node_count(bottom) < node_limit(bottom);
        result = room ? split_leaf(ext, dir, &path) : grow_index(ext, dir, &path);
        if (result < 0) {
            return result;
        }
    }
}

/* ---- A new index ---- */

static uint8_t default_version(const struct ext *ext)
{
    uint8_t version = ext->fs->super->s_def_hash_version;
    return version == EXT2_HASH_TEA ? version : EXT2_HASH_HALF_MD4;
}

/* Everything after "." and ".." of `from`, in a block of its own. */
static int copy_entries(const struct ext *ext, uint8_t *to, const uint8_t *from, ext2_ino_t *parent)
{
    struct ext_entry entry;
    size_t at = 0;
    ext_entry_blank(ext, to);
    for (unsigned i = 0; at < ext_entry_room(ext); i++) {
        int more = ext_entry_next(ext, from, &at, &entry);
        if (more <= 0) {
            return -EUCLEAN;
        }
        bool dot =
            entry.ino != 0 && entry.name[0] == '.' && entry.name_size == i + 1 && (i == 0 || entry.name[1] == '.');
        if (i < 2) {
            if (!dot) {
                return -EUCLEAN;
            }
            *parent = entry.ino;
            continue;
        }
        int result = 0;
        if (entry.ino != 0) {
            result = ext_entry_add(ext, to, entry.name, entry.name_size, entry.ino, entry.type);
        }
        if (result < 0) {
            return -EUCLEAN;
        }
    }
    return 0;
}

int ext_htree_make(struct ext *ext, struct ext_dir *dir)
{
    struct frame root = { .data = ext->scratch[2], .base = ROOT_ENTRIES };
    uint8_t *leaf = ext->scratch[LEAF];
    ext2_ino_t parent = 0;
    uint64_t number, where;
    int result = ext_dir_read(ext, dir, 0, root.data, &root.where);
    if (result == 0) {
        result = copy_entries(ext, leaf, root.data, &parent);
    }
    if (result == 0) {
        result = ext_dir_append(ext, dir, &number, &where);
    }
    if (result == 0) {
        result = ext_dir_write(ext, dir, where, leaf);
    }
    if (result < 0) {
        return result;
    }
    ext_entry_first(ext, root.data, dir->ino, parent);
    memset(root.data + ROOT_INFO, 0, ext->fs->blocksize - ROOT_INFO);
    ext_entry_set_size(ext, root.data, 12, ext->fs->blocksize - 12);
    root.data[ROOT_INFO + 4] = default_version(ext);
    root.data[ROOT_INFO + 5] = INFO_SIZE;
    put16(root.data + root.base, room_for_entries(ext, root.base));
    put16(root.data + root.base + 2, 1);
    put32(node_entry(&root, 0) + 4, (uint32_t)number);
    dir->inode.i_flags |= EXT2_INDEX_FL;
    result = ext_inode_write(ext, dir->ino, &dir->inode);
    return result < 0 ? result : ext_dir_write(ext, dir, root.where, root.data);
}
