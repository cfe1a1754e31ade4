/* SPDX-License-Identifier: ISC */
/*
 * ext_inode.c - inodes: attributes, new ones, and those without a name that are still in use.
 *
 * An inode whose last name is gone is put on the superblock's list of orphans (each holds the number of the
 * next in i_dtime), so that e2fsck or the kernel frees it after a crash; ext_evict frees it otherwise.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "ext.h"

int ext_inode_read(struct ext *ext, uint64_t ino, struct ext2_inode_large *inode)
{
    if (ino == 0 || ino > ext->fs->super->s_inodes_count) {
        return -ESTALE;
    }
    memset(inode, 0, sizeof(*inode));
    return ext_error(ext2fs_read_inode_full(ext->fs, (ext2_ino_t)ino, (struct ext2_inode *)inode, sizeof(*inode)));
}

int ext_inode_write(struct ext *ext, ext2_ino_t ino, struct ext2_inode_large *inode)
{
    return ext_error(ext2fs_write_inode_full(ext->fs, ino, (struct ext2_inode *)inode, sizeof(*inode)));
}

/* ---- Times: 32 bits of seconds, and where the inode has room 2 more and the nanoseconds ---- */

static bool has_field(const struct ext2_inode_large *inode, size_t end)
{
    return (size_t)inode->i_extra_isize + EXT2_GOOD_OLD_INODE_SIZE >= end;
}

#define HAS(inode, field) has_field(inode, offsetof(struct ext2_inode_large, field) + sizeof((inode)->field))

static struct timespec get_time(uint32_t seconds, uint32_t extra)
{
    int64_t epoch = (int64_t)(extra & EXT4_EPOCH_MASK) << 32;
    return (struct timespec){ .tv_sec = (int32_t)seconds + epoch, .tv_nsec = extra >> EXT4_EPOCH_BITS };
}

static void put_time(const struct timespec *time, bool wide, uint32_t *seconds, uint32_t *extra)
{
    int64_t value = time->tv_sec;
    int64_t most = wide ? INT32_MAX + ((int64_t)EXT4_EPOCH_MASK << 32) : INT32_MAX;
    value = value < INT32_MIN ? INT32_MIN : value > most ? most : value;
    *seconds = (uint32_t)value;
    if (wide) {
        uint32_t epoch = (uint32_t)((value - (int32_t)value) >> 32) & EXT4_EPOCH_MASK;
        *extra = (uint32_t)time->tv_nsec << EXT4_EPOCH_BITS | epoch;
    }
}

#define GET_TIME(inode, field) get_time((inode)->field, HAS(inode, field##_extra) ? (inode)->field##_extra : 0)
#define PUT_TIME(inode, field, time) \
    put_time(time, HAS(inode, field##_extra), &(inode)->field, &(inode)->field##_extra)

static struct timespec now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_REALTIME, &time);
    return time;
}

void ext_inode_touch(struct ext *ext, struct ext2_inode_large *inode, bool contents)
{
    (void)ext;
    struct timespec time = now();
    PUT_TIME(inode, i_ctime, &time);
    if (contents) {
        PUT_TIME(inode, i_mtime, &time);
    }
}

/* ---- Attributes ---- */

static dev_t get_device(const struct ext2_inode_large *inode)
{
    uint32_t old = inode->i_block[0];
    uint32_t wide = inode->i_block[1];
    if (old != 0) {
        return makedev(old >> 8 & 0xff, old & 0xff);
    }
    return makedev((wide & 0xfff00) >> 8, (wide & 0xff) | (wide >> 12 & 0xfff00));
}

static void put_device(struct ext2_inode_large *inode, dev_t device)
{
    uint32_t high = major(device);
    uint32_t low = minor(device);
    if (high < 256 && low < 256) {
        inode->i_block[0] = high << 8 | low;
    } else {
        inode->i_block[1] = (low & 0xff) | high << 8 | (low & ~0xffu) << 12;
    }
}

void ext_inode_attr(struct ext *ext, ext2_ino_t ino, const struct ext2_inode_large *inode, struct files_attr *attr)
{
    struct ext2_inode_large copy = *inode; /* libext2fs's inquiries take one that could change */
    *attr = (struct files_attr){
        .ino = ino,
        .generation = inode->i_generation,
        .mode = inode->i_mode,
        .links = inode->i_links_count,
        .uid = inode_uid(copy),
        .gid = inode_gid(copy),
        .size = EXT2_I_SIZE(inode),
        .blocks = ext2fs_get_stat_i_blocks(ext->fs, (struct ext2_inode *)&copy),
        .block_size = ext->fs->blocksize,
        .atime = GET_TIME(inode, i_atime),
        .mtime = GET_TIME(inode, i_mtime),
        .ctime = GET_TIME(inode, i_ctime),
    };
    if (HAS(inode, i_crtime)) {
        attr->birth = GET_TIME(inode, i_crtime);
    }
    if (S_ISCHR(attr->mode) || S_ISBLK(attr->mode)) {
        attr->device = get_device(inode);
    }
}

int ext_getattr(struct files *files, uint64_t ino, struct files_attr *attr)
{
    struct ext *ext = (struct ext *)files;
    struct ext2_inode_large inode;
    pthread_mutex_lock(&ext->lock);
    int result = ext_inode_read(ext, ino, &inode);
    if (result == 0) {
        ext_inode_attr(ext, (ext2_ino_t)ino, &inode, attr);
    }
    pthread_mutex_unlock(&ext->lock);
    return result;
}

static void put_owner(struct ext2_inode_large *inode, unsigned what, uint32_t uid, uint32_t gid)
{
    if ((what & FILES_UID) != 0) {
        inode->i_uid = (uint16_t)uid;
        inode->i_uid_high = (uint16_t)(uid >> 16);
    }
    if ((what & FILES_GID) != 0) {
        inode->i_gid = (uint16_t)gid;
        inode->i_gid_high = (uint16_t)(gid >> 16);
    }
}

int ext_setattr(struct files *files, uint64_t ino, unsigned what, const struct files_attr *change,
                struct files_attr *attr)
{
    struct ext *ext = (struct ext *)files;
    if ((what & FILES_SIZE) != 0) {
        int result = ext_truncate(ext, (ext2_ino_t)ino, change->size);
        if (result < 0) {
            return result;
        }
    }
    int result = ext_begin(ext);
    if (result < 0) {
        return result;
    }
    struct ext2_inode_large inode;
    result = ext_inode_read(ext, ino, &inode);
    if (result == 0 && (inode.i_flags & EXT2_IMMUTABLE_FL) != 0) {
        result = -EPERM;
    }
    if (result == 0) {
        if ((what & FILES_MODE) != 0) {
            inode.i_mode = (uint16_t)((inode.i_mode & S_IFMT) | (change->mode & 07777));
        }
        put_owner(&inode, what, change->uid, change->gid);
        ext_inode_touch(ext, &inode, false);
        if ((what & FILES_ATIME) != 0) {
            PUT_TIME(&inode, i_atime, &change->atime);
        }
        if ((what & FILES_MTIME) != 0) {
            PUT_TIME(&inode, i_mtime, &change->mtime);
        }
        if ((what & FILES_CTIME) != 0) {
            PUT_TIME(&inode, i_ctime, &change->ctime);
        }
        result = ext_inode_write(ext, (ext2_ino_t)ino, &inode);
    }
    if (result == 0 && attr != NULL) {
        ext_inode_attr(ext, (ext2_ino_t)ino, &inode, attr);
    }
    ext_end(ext);
    return result;
}

/* ---- New inodes ---- */

int ext_inode_new(struct ext *ext, ext2_ino_t dir, const struct files_new *new, ext2_ino_t *ino,
                  struct ext2_inode_large *inode)
{
    int result = ext_alloc_inode(ext, dir, S_ISDIR(new->mode), ino);
    if (result < 0) {
        return result;
    }
    size_t size = EXT2_INODE_SIZE(ext->fs->super);
    uint8_t *whole = ext->scratch[0]; /* nothing of an earlier inode may remain, attributes least of all */
    memset(whole, 0, size < sizeof(*inode) ? sizeof(*inode) : size);
    struct ext2_inode_large *made = (struct ext2_inode_large *)whole;
    if (size > EXT2_GOOD_OLD_INODE_SIZE) {
        uint16_t want = ext->fs->super->s_want_extra_isize;
        made->i_extra_isize = want >= 28 && want <= size - EXT2_GOOD_OLD_INODE_SIZE ? want : 28;
    }
    struct timespec time = now();
    made->i_mode = (uint16_t) new->mode;
    made->i_links_count = 1;
    made->i_generation = ext->generation++;
    put_owner(made, FILES_UID | FILES_GID, new->uid, new->gid);
    PUT_TIME(made, i_atime, &time);
    PUT_TIME(made, i_mtime, &time);
    PUT_TIME(made, i_ctime, &time);
    if (HAS(made, i_crtime)) {
        PUT_TIME(made, i_crtime, &time);
    }
    if (S_ISCHR(new->mode) || S_ISBLK(new->mode)) {
        put_device(made, new->device);
    } else if (ext2fs_has_feature_extents(ext->fs->super) && (S_ISREG(new->mode) || S_ISDIR(new->mode))) {
        ext2_extent_handle_t handle; /* opening an empty one makes it a tree */
        if (ext2fs_extent_open2(ext->fs, *ino, (struct ext2_inode *)made, &handle) == 0) {
            ext2fs_extent_free(handle);
        }
    }
    memcpy(inode, made, sizeof(*inode));
    return ext_error(ext2fs_write_inode_full(ext->fs, *ino, (struct ext2_inode *)made, (int)size));
}

/* ---- Without a name ---- */

static bool orphan_find(const struct ext *ext, uint64_t ino, size_t *at)
{
    for (size_t i = ext->orphan_count; i > 0; i--) {
        if (ext->orphans[i - 1] == ino) {
            *at = i - 1;
            return true;
        }
    }
    return false;
}

int ext_orphan_add(struct ext *ext, ext2_ino_t ino, struct ext2_inode_large *inode)
{
    size_t at;
    if (orphan_find(ext, ino, &at)) {
        return 0;
    }
    if (ext->orphan_count == ext->orphan_room) {
        size_t room = ext->orphan_room * 2 + 16;
        ext2_ino_t *orphans = realloc(ext->orphans, room * sizeof(*orphans));
        if (orphans == NULL) {
            return -ENOMEM;
        }
        ext->orphans = orphans;
        ext->orphan_room = room;
    }
    inode->i_dtime = ext->fs->super->s_last_orphan;
    int result = ext_inode_write(ext, ino, inode);
    if (result == 0) {
        ext->fs->super->s_last_orphan = ino;
        ext->orphans[ext->orphan_count++] = ino;
    }
    return result;
}

/* The one that was added just after it points to the one before it from now on. */
static int orphan_remove(struct ext *ext, size_t at)
{
    ext2_ino_t before = at > 0 ? ext->orphans[at - 1] : 0;
    if (at + 1 == ext->orphan_count) {
        ext->fs->super->s_last_orphan = before;
    } else {
        struct ext2_inode_large inode;
        int result = ext_inode_read(ext, ext->orphans[at + 1], &inode);
        if (result < 0) {
            return result;
        }
        inode.i_dtime = before;
        result = ext_inode_write(ext, ext->orphans[at + 1], &inode);
        if (result < 0) {
            return result;
        }
    }
    memmove(&ext->orphans[at], &ext->orphans[at + 1], (ext->orphan_count - at - 1) * sizeof(ext->orphans[0]));
    ext->orphan_count--;
    return 0;
}

int ext_orphan_keep(struct ext *ext, ext2_ino_t ino, struct ext2_inode_large *inode)
{
    size_t at;
    if (inode->i_links_count == 0 || !orphan_find(ext, ino, &at)) {
        return 0;
    }
    int result = orphan_remove(ext, at);
    inode->i_dtime = 0;
    return result < 0 ? result : ext_inode_write(ext, ino, inode);
}

static bool has_blocks(struct ext *ext, struct ext2_inode_large *inode)
{
    return (inode->i_flags & EXT4_INLINE_DATA_FL) == 0 &&
           ext2fs_inode_has_valid_blocks2(ext->fs, (struct ext2_inode *)inode) != 0;
}

/* One step of freeing, which fits a transaction; *done when nothing is left of it. */
static int free_some(struct ext *ext, ext2_ino_t ino, bool *done)
{
    struct ext2_inode_large inode;
    size_t at;
    int result = ext_inode_read(ext, ino, &inode);
    if (result == 0 && inode.i_links_count > 0) {
        *done = true; /* a truncation is under way; it takes it off the list */
        return 0;
    }
    if (result == 0 && has_blocks(ext, &inode)) {
        result = ext_map_remove(ext, ino, &inode, 0, UINT64_MAX, ext_budget(ext), done);
        if (result < 0 || !*done) {
            return result;
        }
    }
    *done = true;
    if (result == 0) {
        result = ext_error(ext2fs_free_ext_attr(ext->fs, ino, &inode));
    }
    if (result < 0 || !orphan_find(ext, ino, &at)) {
        return result;
    }
    result = orphan_remove(ext, at);
    if (result == 0) {
        inode.i_dtime = (uint32_t)time(NULL);
        ext2fs_inode_size_set(ext->fs, (struct ext2_inode *)&inode, 0);
        result = ext_inode_write(ext, ino, &inode);
    }
    if (result == 0) {
        ext_free_inode(ext, ino, S_ISDIR(inode.i_mode));
    }
    return result;
}

static bool is_orphan(struct ext *ext, uint64_t ino)
{
    size_t at;
    pthread_mutex_lock(&ext->lock);
    bool found = orphan_find(ext, ino, &at);
    pthread_mutex_unlock(&ext->lock);
    return found;
}

void ext_evict(struct files *files, uint64_t ino)
{
    struct ext *ext = (struct ext *)files;
    bool done = !is_orphan(ext, ino);
    while (!done) {
        if (ext_begin(ext) < 0) {
            return; /* recovery frees it */
        }
        int result = free_some(ext, (ext2_ino_t)ino, &done);
        ext_end(ext);
        done = done || result < 0;
    }
}

int ext_evict_all(struct ext *ext)
{
    while (ext->orphan_count > 0) {
        size_t before = ext->orphan_count;
        ext_evict(&ext->files, ext->orphans[ext->orphan_count - 1]);
        if (ext->orphan_count == before) {
            return ext->failed ? -EIO : -EUCLEAN;
        }
    }
    return 0;
}
