/* SPDX-License-Identifier: ISC */
/*
 * fat_data.c - contents of files, moved in runs of clusters with the lock open. A write gets its clusters, fills them,
 * and only then says so in the size of the file; no commit can come between. A file has no holes: what is skipped is
 * filled with zeros. On exFAT others let that wait behind the last byte that was ever written, and it is zero all the
 * same; what is made here has nothing behind it, because Linux before 6.8 shows there what the clusters held before.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fat.h"

#define MOST_PIECES 64
#define BLOCK       4096u /* a volume writes whole ones without reading */
#define ZERO_STEP   (8u << 20)

/* Neighbouring bytes on the volume. */
struct piece {
    uint64_t where;
    size_t size;
};

struct lane *fat_lane(struct fat *fat, uint64_t ino)
{
    return &fat->lanes[ino % FAT_LANES];
}

int fat_regular(struct fat *fat, uint64_t ino, struct fat_node **node)
{
    int result = fat_node_find(fat, ino, node);
    return result == 0 && fat_node_is_dir(*node) ? -EISDIR : result;
}

/* Up to MOST_PIECES pieces of [offset, offset + size); the number of pieces. */
static int find_pieces(struct fat *fat, struct fat_node *node, uint64_t offset, size_t size, struct piece *pieces)
{
    uint32_t cluster = fat->geometry.cluster;
    int count = 0;
    while (size > 0 && count < MOST_PIECES) {
        struct fat_span span;
        /* As far as the run goes, and it should be known that far. */
        int result = fat_chain_reach(fat, &node->chain, fat_clusters_of(fat, offset + size));
        if (result == 0) {
            result = fat_chain_find(fat, &node->chain, (uint32_t)(offset / cluster), &span);
        }
        if (result < 0) {
            return result == -ENODATA ? -EUCLEAN : result; /* the file is larger than its chain */
        }
        uint64_t left = (uint64_t)span.count * cluster - offset % cluster;
        size_t part = left < size ? (size_t)left : size;
        pieces[count++] = (struct piece){ fat_cluster_offset(fat, span.start) + offset % cluster, part };
        offset += part;
        size -= part;
    }
    return count;
}

/* ---- Reading ---- */

static uint64_t part_of(uint64_t end, uint64_t offset, size_t size)
{
    uint64_t left = offset < end ? end - offset : 0;
    return left < size ? left : size;
}

static ssize_t read_pass(struct fat *fat, uint64_t ino, uint8_t *data, size_t size, uint64_t offset)
{
    struct fat_node *node;
    struct piece pieces[MOST_PIECES];
    size_t done = 0;
    pthread_mutex_lock(&fat->lock);
    int count = fat_regular(fat, ino, &node);
    if (count == 0 && offset < node->facts.valid) {
        count = find_pieces(fat, node, offset, (size_t)part_of(node->facts.valid, offset, size), pieces);
    } else if (count == 0) {
        done = (size_t)part_of(node->facts.size, offset, size);
        memset(data, 0, done);
    }
    pthread_mutex_unlock(&fat->lock);
    for (int i = 0; i < count; i++) {
        int result = fat_pread(fat, data + done, pieces[i].size, pieces[i].where);
        if (result < 0) {
            return result;
        }
        done += pieces[i].size;
    }
    return count < 0 ? count : (ssize_t)done;
}

ssize_t fat_read(struct files *files, uint64_t ino, void *data, size_t size, uint64_t offset)
{
    struct fat *fat = (struct fat *)files;
    struct lane *lane = fat_lane(fat, ino);
    ssize_t got = 1;
    size_t done = 0;
    lane_enter(lane, LANE_READ);
    while (done < size && got > 0) {
        got = read_pass(fat, ino, (uint8_t *)data + done, size - done, offset + done);
        done += got > 0 ? (size_t)got : 0;
    }
    lane_leave(lane);
    return got < 0 ? got : (ssize_t)done;
}

/* ---- Writing ---- */

/* Zeros up to the end of a block, where nothing follows, spare reading what was there before. */
static int write_last(struct fat *fat, const uint8_t *data, const struct piece *piece)
{
    uint8_t block[BLOCK] = { 0 };
    uint64_t end = piece->where + piece->size;
    size_t tail = (size_t)(end % BLOCK);
    uint64_t left =
        (fat->geometry.cluster - (end - fat->geometry.data) % fat->geometry.cluster) % fat->geometry.cluster;
    if (tail == 0 || tail > piece->size || left < BLOCK - tail) {
        return fat_pwrite(fat, data, piece->size, piece->where);
    }
    memcpy(block, data + piece->size - tail, tail);
    int result = fat_pwrite(fat, data, piece->size - tail, piece->where);
    return result == 0 ? fat_pwrite(fat, block, BLOCK, end - tail) : result;
}

/* NULL writes zeros. */
static int write_pieces(struct fat *fat, const uint8_t *data, const struct piece *pieces, int count, bool last)
{
    for (int i = 0; i < count; i++) {
        int result = data == NULL             ? fat_zero(fat, pieces[i].where, pieces[i].size)
                     : last && i + 1 == count ? write_last(fat, data, &pieces[i])
                                              : fat_pwrite(fat, data, pieces[i].size, pieces[i].where);
        if (result < 0) {
            return result;
        }
        data = data != NULL ? data + pieces[i].size : NULL;
    }
    return 0;
}

static int make_pieces(struct fat *fat, uint64_t ino, size_t size, uint64_t offset, struct piece *pieces,
                       uint64_t *length)
{
    struct fat_node *node;
    int result = fat->failed ? -EIO : fat_regular(fat, ino, &node);
    if (result == 0 && node->facts.size < offset + size) {
        result = fat_chain_extend(fat, &node->chain, fat_clusters_of(fat, offset + size));
    }
    if (result < 0) {
        return result;
    }
    *length = node->facts.valid;
    return find_pieces(fat, node, offset, size, pieces);
}

static int finish_write(struct fat *fat, uint64_t ino, uint64_t end, int result)
{
    struct fat_node *node;
    int found = fat_regular(fat, ino, &node);
    if (found < 0) {
        return found;
    }
    if (result < 0) { /* what could not be filled does not stay */
        fat_chain_cut(fat, &node->chain, fat_clusters_of(fat, node->facts.size));
        return result;
    }
    node->facts.size = end > node->facts.size ? end : node->facts.size;
    node->facts.valid = end > node->facts.valid ? end : node->facts.valid;
    fat_node_touch(fat, node);
    return fat_node_store(fat, node);
}

static ssize_t write_pass(struct fat *fat, uint64_t ino, const uint8_t *data, size_t size, uint64_t offset)
{
    struct piece pieces[MOST_PIECES];
    uint64_t length = 0, end = offset;
    int result = fat_begin(fat, fat_clusters_of(fat, size) +
                                    1); /* commits now if it has to: not with contents on their way */
    if (result < 0) {
        return result;
    }
    fat_end(fat);
    lane_enter(&fat->transfers, LANE_WRITE);
    pthread_mutex_lock(&fat->lock);
    int count = make_pieces(fat, ino, size, offset, pieces, &length);
    pthread_mutex_unlock(&fat->lock);
    for (int i = 0; i < count; i++) {
        end += pieces[i].size;
    }
    result = count < 0 ? count : write_pieces(fat, data, pieces, count, end >= length);
    pthread_mutex_lock(&fat->lock);
    result = finish_write(fat, ino, end, result);
    pthread_mutex_unlock(&fat->lock);
    lane_leave(&fat->transfers);
    return result < 0 ? result : (ssize_t)(end - offset);
}

/* All of it, or an error: the kernel would take the rest for written. */
static int write_all(struct fat *fat, uint64_t ino, const uint8_t *data, uint64_t size, uint64_t offset)
{
    while (size > 0) {
        size_t step = data == NULL && size > ZERO_STEP ? ZERO_STEP : (size_t)size;
        ssize_t put = write_pass(fat, ino, data, step, offset);
        if (put < 0) {
            return (int)put;
        }
        data = data != NULL ? data + put : NULL;
        size -= (uint64_t)put;
        offset += (uint64_t)put;
    }
    return 0;
}

/* Its size, and how much of that was written. */
static int extent_of(struct fat *fat, uint64_t ino, uint64_t *size, uint64_t *valid)
{
    struct fat_node *node;
    pthread_mutex_lock(&fat->lock);
    int result = fat_regular(fat, ino, &node);
    *size = result == 0 ? node->facts.size : 0;
    *valid = result == 0 ? node->facts.valid : 0;
    pthread_mutex_unlock(&fat->lock);
    return result;
}

static bool is_too_large(const struct fat *fat, uint64_t offset, uint64_t size)
{
    return offset > fat->geometry.most_size || size > fat->geometry.most_size - offset;
}

ssize_t fat_write(struct files *files, uint64_t ino, const void *data, size_t size, uint64_t offset)
{
    struct fat *fat = (struct fat *)files;
    struct lane *lane = fat_lane(fat, ino);
    uint64_t length, valid;
    if (is_too_large(fat, offset, size)) {
        return -EFBIG;
    }
    lane_enter(lane, LANE_WRITE);
    int result = extent_of(fat, ino, &length, &valid);
    if (result == 0 && offset + size > valid) { /* only within the file do writers not disturb each other */
        lane_leave(lane);
        lane_enter(lane, LANE_ALONE);
        result = extent_of(fat, ino, &length, &valid);
    }
    if (result == 0 && offset > valid) {
        result = write_all(fat, ino, NULL, offset - valid, valid);
    }
    if (result == 0) {
        result = write_all(fat, ino, data, size, offset);
    }
    lane_leave(lane);
    return result < 0 ? result : (ssize_t)size;
}

/* ---- Size ---- */

static int shrink(struct fat *fat, uint64_t ino, uint64_t size)
{
    struct fat_node *node;
    int result = fat_begin(fat, 0);
    if (result < 0) {
        return result;
    }
    result = fat_regular(fat, ino, &node);
    if (result == 0) {
        node->facts.size = size;
        node->facts.valid = node->facts.valid < size ? node->facts.valid : size;
        result = fat_chain_cut(fat, &node->chain, fat_clusters_of(fat, size));
        fat_node_touch(fat, node);
        int stored = fat_node_store(fat, node);
        result = result == 0 ? stored : result;
    }
    fat_end(fat);
    return result;
}

int fat_resize(struct fat *fat, uint64_t ino, uint64_t size)
{
    uint64_t length, valid;
    int result = extent_of(fat, ino, &length, &valid);
    if (result == 0 && is_too_large(fat, 0, size)) {
        result = -EFBIG;
    }
    if (result < 0 || size <= length) {
        return result < 0 ? result : shrink(fat, ino, size);
    }
    return write_all(fat, ino, NULL, size - valid, valid);
}

/* Space cannot be had without being part of the file. */
int fat_allocate(struct files *files, uint64_t ino, int mode, uint64_t offset, uint64_t size)
{
    struct fat *fat = (struct fat *)files;
    uint64_t length, valid;
    if (mode != 0) {
        return -EOPNOTSUPP;
    }
    if (is_too_large(fat, offset, size)) {
        return -EFBIG;
    }
    struct lane *lane = fat_lane(fat, ino);
    lane_enter(lane, LANE_ALONE);
    int result = extent_of(fat, ino, &length, &valid);
    if (result == 0 && offset + size > length) {
        result = fat_resize(fat, ino, offset + size);
    }
    lane_leave(lane);
    return result;
}

int fat_seek(struct files *files, uint64_t ino, uint64_t offset, int whence, uint64_t *found)
{
    struct fat *fat = (struct fat *)files;
    uint64_t length, valid;
    int result = extent_of(fat, ino, &length, &valid);
    if (result < 0) {
        return result;
    }
    if (whence != SEEK_DATA && whence != SEEK_HOLE) {
        return -EINVAL;
    }
    if (offset >= length || (whence == SEEK_DATA && offset >= valid)) {
        return -ENXIO;
    }
    *found = whence == SEEK_DATA || offset > valid ? offset : valid;
    return 0;
}

int fat_fsync(struct files *files, uint64_t ino, bool data_only)
{
    struct fat *fat = (struct fat *)files;
    struct fat_node *node;
    pthread_mutex_lock(&fat->lock);
    int result = fat_node_find(fat, ino, &node);
    bool is_there = result == 0 && node->due <= fat->done;
    pthread_mutex_unlock(&fat->lock);
    if (result < 0 || files->read_only) {
        return result;
    }
    return data_only && is_there ? fat_flush(fat) : fat_sync(files);
}
