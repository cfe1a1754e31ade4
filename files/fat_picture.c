/* SPDX-License-Identifier: ISC */
/*
 * fat_picture.c - what one commit writes: copies of all sectors that have changed, taken at one moment, in the steps
 * that fat.h names. Where an entry was moved away, its sector is written twice, first with the old entry still in it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fat.h"

#define PIECE     ((size_t)1 << 20) /* bytes per write of neighbouring sectors */
#define INFO_FREE 488
#define INFO_NEXT 492

/* ---- Images ---- */

int fat_images_add(struct fat_images *images, uint64_t offset, const uint8_t *data, size_t size)
{
    if (images->count == images->room) {
        size_t room = images->room * 2 + 64;
        struct fat_image *items = realloc(images->items, room * sizeof(*items));
        if (items == NULL) {
            return -ENOMEM;
        }
        images->items = items;
        images->room = room;
    }
    uint8_t *copy = malloc(size);
    if (copy == NULL) {
        return -ENOMEM;
    }
    memcpy(copy, data, size);
    images->items[images->count++] = (struct fat_image){ offset, copy };
    return 0;
}

static void free_images(struct fat_images *images)
{
    for (size_t i = 0; i < images->count; i++) {
        free(images->items[i].data);
    }
    free(images->items);
}

static int compare(const void *left, const void *right)
{
    const struct fat_image *a = left, *b = right;
    return a->offset < b->offset ? -1 : a->offset > b->offset;
}

static void sort(struct fat_images *images)
{
    if (images->count > 1) {
        qsort(images->items, images->count, sizeof(*images->items), compare);
    }
}

static struct fat_image *find(const struct fat_images *images, uint64_t offset)
{
    const struct fat_image key = { .offset = offset };
    return images->count > 0 ? bsearch(&key, images->items, images->count, sizeof(key), compare) : NULL;
}

/* ---- Taking ---- */

bool fat_picture_is_empty(const struct fat *fat)
{
    return fat->table.dirty_count == 0 && fat->dirty_dirs == 0 && fat->space.freed.count == 0;
}

static int take_dir(struct fat *fat, struct fat_dir *dir, struct fat_images *images)
{
    uint32_t unit = fat->geometry.sector / FAT_SLOT;
    for (uint32_t sector = 0; dir->dirty_count > 0; sector++) {
        if ((dir->dirty[sector / 8] & 1u << sector % 8) == 0) {
            continue;
        }
        uint64_t offset;
        int result = fat_dir_place(fat, dir, sector * unit, &offset);
        if (result == 0) {
            const uint8_t *data = dir->slots + (size_t)sector * fat->geometry.sector;
            result = fat_images_add(images, offset, data, fat->geometry.sector);
        }
        if (result < 0) {
            return result;
        }
        dir->dirty[sector / 8] &= (uint8_t) ~(1u << sector % 8);
        dir->dirty_count--;
        fat->dirty_dirs--;
    }
    return 0;
}

/* The sectors go into step 4 as they are, and into step 3 with the old entries in them. */
static int take_moved(struct fat *fat, struct fat_picture *picture)
{
    uint32_t size = fat->geometry.sector;
    for (size_t pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < fat->moved.count; i++) {
            const struct fat_moved *moved = &fat->moved.items[i];
            uint64_t offset;
            int result = fat_dir_place(fat, moved->node->dir, moved->slot, &offset);
            struct fat_image *image = result == 0 ? find(&picture->named, offset - offset % size) : NULL;
            if (image == NULL) {
                return result < 0 ? result : -EIO; /* the removal changed that sector */
            }
            if (pass == 1) {
                memcpy(image->data + offset % size, moved->bytes, FAT_SLOT);
                continue;
            }
            const struct fat_images *gone = &picture->gone;
            if (gone->count == 0 || gone->items[gone->count - 1].offset != image->offset) {
                result = fat_images_add(&picture->gone, image->offset, image->data, size);
            }
            if (result < 0) {
                return result;
            }
        }
    }
    return 0;
}

static int take_info(struct fat *fat, struct fat_images *images)
{
    uint8_t sector[4096];
    if (!fat->info_changed || fat->geometry.info == 0 || fat->space.used == NULL) {
        return 0;
    }
    int result = fat_pread(fat, sector, fat->geometry.sector, fat->geometry.info);
    if (result < 0) {
        return result;
    }
    fat_put32(sector + INFO_FREE, fat->space.free + fat->space.waiting);
    fat_put32(sector + INFO_NEXT, fat->space.rotor + FAT_FIRST);
    fat->info_changed = false;
    return fat_images_add(images, fat->geometry.info, sector, fat->geometry.sector);
}

static void swap(struct fat_moves *a, struct fat_moves *b)
{
    struct fat_moves other = *a;
    *a = *b;
    *b = other;
}

int fat_picture_take(struct fat *fat, struct fat_picture *picture)
{
    int result = fat->codec->collect(fat, &picture->linked, false);
    if (result == 0) {
        fat_space_start(fat);
        result = fat->codec->collect(fat, &picture->freed, true);
    }
    for (struct fat_dir *dir = fat->oldest_dir; dir != NULL && result == 0; dir = dir->newer) {
        result = take_dir(fat, dir, &picture->named);
    }
    if (result == 0) {
        result = take_info(fat, &picture->named);
    }
    if (result < 0) {
        return result;
    }
    sort(&picture->named);
    result = take_moved(fat, picture);
    sort(&picture->gone);
    swap(&fat->settling, &fat->moved);
    swap(&fat->fading, &fat->branded);
    return result;
}

void fat_picture_settle(struct fat *fat)
{
    for (size_t i = 0; i < fat->settling.count; i++) {
        struct fat_node *node = fat->settling.items[i].node;
        fat_dir_thaw(node->dir, fat->settling.items[i].slot);
        fat_node_unpin(fat, node);
    }
    fat->settling.count = 0;
    for (size_t i = 0; i < fat->fading.count; i++) {
        fat_dir_unbrand(fat, &fat->fading.items[i]);
        fat_node_unpin(fat, fat->fading.items[i].node);
    }
    fat->fading.count = 0;
    fat_space_settle(fat);
}

void fat_picture_free(struct fat_picture *picture)
{
    free_images(&picture->linked);
    free_images(&picture->named);
    free_images(&picture->gone);
    free_images(&picture->freed);
}

/* ---- Writing ---- */

/* Neighbouring sectors go out in one write. */
static int write_images(struct fat *fat, const struct fat_images *images)
{
    size_t size = fat->geometry.sector;
    __attribute__((cleanup(fat_free_bytes))) uint8_t *piece = malloc(PIECE);
    if (piece == NULL) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < images->count;) {
        const struct fat_image *first = &images->items[i];
        size_t run = 0;
        do {
            memcpy(piece + run * size, first[run].data, size);
            run++;
        } while (i + run < images->count && (run + 1) * size <= PIECE &&
                 first[run].offset == first->offset + run * size);
        int result = fat_pwrite(fat, piece, run * size, first->offset);
        if (result < 0) {
            return result;
        }
        i += run;
    }
    return 0;
}

/* Nothing has to wait for the last step: what it leaves behind for a moment is taken by nobody. */
int fat_picture_write(struct fat *fat, const struct fat_picture *picture)
{
    int result = fat_flush(fat);
    if (result == 0 && picture->linked.count > 0) {
        result = write_images(fat, &picture->linked);
        result = result == 0 ? fat_flush(fat) : result;
    }
    if (result == 0 && picture->named.count > 0) {
        result = write_images(fat, &picture->named);
        result = result == 0 ? fat_flush(fat) : result;
    }
    if (result == 0 && picture->gone.count > 0) {
        result = write_images(fat, &picture->gone);
        result = result == 0 ? fat_flush(fat) : result;
    }
    return result == 0 ? write_images(fat, &picture->freed) : result;
}
