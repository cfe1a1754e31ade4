/* SPDX-License-Identifier: ISC */
/*
 * Pages with a count of the disks that share them; a page of zeros is no page. One thread at a time.
 */
#include "helper_disk.h"

#include <stdlib.h>
#include <string.h>

void *__real_calloc(size_t count, size_t size);

struct page {
    unsigned shared;
    uint8_t data[DISK_PAGE];
};

struct disk {
    uint64_t size;
    size_t pages;
    struct page **page;
};

void *disk_memory(size_t size)
{
    void *memory = __real_calloc(1, size > 0 ? size : 1);
    if (memory == NULL) {
        abort();
    }
    return memory;
}

/* assert is off in builds that are optimised. */
static void must(bool condition)
{
    if (!condition) {
        abort();
    }
}

struct disk *disk_new(uint64_t size)
{
    must(size % DISK_PAGE == 0);
    struct disk *disk = disk_memory(sizeof(*disk));
    disk->size = size;
    disk->pages = (size_t)(size / DISK_PAGE);
    disk->page = disk_memory(disk->pages * sizeof(*disk->page));
    return disk;
}

struct disk *disk_clone(const struct disk *disk)
{
    struct disk *clone = disk_new(disk->size);
    for (size_t i = 0; i < disk->pages; i++) {
        clone->page[i] = disk->page[i];
        if (clone->page[i] != NULL) {
            clone->page[i]->shared++;
        }
    }
    return clone;
}

static void drop_page(struct page *page)
{
    if (page != NULL && --page->shared == 0) {
        free(page);
    }
}

void disk_free(struct disk *disk)
{
    if (disk == NULL) {
        return;
    }
    for (size_t i = 0; i < disk->pages; i++) {
        drop_page(disk->page[i]);
    }
    free(disk->page);
    free(disk);
}

uint64_t disk_size(const struct disk *disk)
{
    return disk->size;
}

void disk_resize(struct disk *disk, uint64_t size)
{
    struct disk *other = disk_new(size);
    for (size_t i = 0; i < other->pages && i < disk->pages; i++) {
        other->page[i] = disk->page[i];
        disk->page[i] = NULL;
    }
    for (size_t i = other->pages; i < disk->pages; i++) {
        drop_page(disk->page[i]);
    }
    free(disk->page);
    *disk = *other;
    free(other);
}

/* The longest stretch from `offset` on that lies in one page. */
static size_t stretch(size_t size, uint64_t offset)
{
    size_t left = DISK_PAGE - (size_t)(offset % DISK_PAGE);
    return size < left ? size : left;
}

void disk_read(const struct disk *disk, void *data, size_t size, uint64_t offset)
{
    must(offset <= disk->size && size <= disk->size - offset);
    for (uint8_t *at = data; size > 0;) {
        const struct page *page = disk->page[offset / DISK_PAGE];
        size_t piece = stretch(size, offset);
        if (page != NULL) {
            memcpy(at, page->data + offset % DISK_PAGE, piece);
        } else {
            memset(at, 0, piece);
        }
        at += piece;
        offset += piece;
        size -= piece;
    }
}

static struct page *own_page(struct disk *disk, size_t index)
{
    struct page *page = disk->page[index];
    if (page != NULL && page->shared == 1) {
        return page;
    }
    struct page *own = disk_memory(sizeof(*own));
    own->shared = 1;
    if (page != NULL) {
        memcpy(own->data, page->data, DISK_PAGE);
        page->shared--;
    }
    disk->page[index] = own;
    return own;
}

void disk_write(struct disk *disk, const void *data, size_t size, uint64_t offset)
{
    must(offset <= disk->size && size <= disk->size - offset);
    for (const uint8_t *at = data; size > 0;) {
        size_t piece = stretch(size, offset);
        memcpy(own_page(disk, (size_t)(offset / DISK_PAGE))->data + offset % DISK_PAGE, at, piece);
        at += piece;
        offset += piece;
        size -= piece;
    }
}

bool disk_equal_part(const struct disk *a, const struct disk *b, uint64_t offset, uint64_t size)
{
    static const uint8_t zeros[DISK_PAGE];
    bool equal = offset + size <= a->size && offset + size <= b->size;
    for (uint64_t at = offset; equal && at < offset + size; at += DISK_PAGE) {
        const struct page *left = a->page[at / DISK_PAGE], *right = b->page[at / DISK_PAGE];
        equal = left == right ||
                memcmp(left != NULL ? left->data : zeros, right != NULL ? right->data : zeros, DISK_PAGE) == 0;
    }
    return equal;
}

uint64_t disk_seek(const struct disk *disk, uint64_t offset, bool hole)
{
    while (offset < disk->size && (disk->page[offset / DISK_PAGE] == NULL) != hole) {
        offset = (offset / DISK_PAGE + 1) * DISK_PAGE;
    }
    return offset < disk->size ? offset : disk->size;
}
