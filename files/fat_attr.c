/* SPDX-License-Identifier: ISC */
/*
 * fat_attr.c - attributes. FAT keeps times, sizes and whether a file may be written. Owners and the rest of the modes
 * are nowhere to be kept: setting them succeeds and changes nothing, so that cp -a, rsync -a and tar do not fail for
 * every file (Linux's own driver does that with its option "quiet").
 */
#include <errno.h>

#include "fat.h"

int fat_getattr(struct files *files, uint64_t ino, struct files_attr *attr)
{
    struct fat *fat = (struct fat *)files;
    struct fat_node *node;
    pthread_mutex_lock(&fat->lock);
    int result = fat_node_find(fat, ino, &node);
    if (result == 0) {
        fat_node_attr(fat, node, attr);
    }
    pthread_mutex_unlock(&fat->lock);
    return result;
}

static void set_facts(const struct fat *fat, struct fat_node *node, unsigned what, const struct files_attr *change)
{
    struct fat_facts *facts = &node->facts;
    if ((what & FILES_MODE) != 0 && !fat_node_is_dir(node)) {
        bool fixed = (change->mode & 0222) == 0;
        facts->attributes =
            (uint16_t)((facts->attributes & ~FAT_ATTR_READ_ONLY) | (fixed ? FAT_ATTR_READ_ONLY : 0));
    }
    if ((what & FILES_ATIME) != 0) {
        facts->accessed = fat_stamp_read(fat, change->atime);
    }
    if ((what & FILES_MTIME) != 0) {
        facts->modified = fat_stamp_changed(fat, change->mtime);
    }
}

static int set_locked(struct fat *fat, uint64_t ino, unsigned what, const struct files_attr *change,
                      struct files_attr *attr)
{
    struct fat_node *node;
    int result = fat_node_find(fat, ino, &node);
    if (result < 0) {
        return result;
    }
    if ((what & (FILES_MODE | FILES_ATIME | FILES_MTIME)) != 0) {
        set_facts(fat, node, what, change);
        result = fat_node_store(fat, node);
    }
    if (result == 0 && attr != NULL) {
        fat_node_attr(fat, node, attr);
    }
    return result;
}

int fat_setattr(struct files *files, uint64_t ino, unsigned what, const struct files_attr *change,
                struct files_attr *attr)
{
    struct fat *fat = (struct fat *)files;
    if ((what & FILES_SIZE) != 0) {
        struct lane *lane = fat_lane(fat, ino);
        lane_enter(lane, LANE_ALONE);
        int result = fat_resize(fat, ino, change->size);
        lane_leave(lane);
        if (result < 0) {
            return result;
        }
    }
    int result = fat_begin(fat, 0);
    if (result < 0) {
        return result;
    }
    result = set_locked(fat, ino, what, change, attr);
    fat_end(fat);
    return result;
}
