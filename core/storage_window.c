/* SPDX-License-Identifier: ISC */
/* storage_window.c - a part of a store as a store of its own. It can only be read, and nothing leaves it. */
#include "storage_window.h"

#include <errno.h>

static int window_read(struct storage *storage, void *data, size_t size, uint64_t offset)
{
    struct storage_window *window = (struct storage_window *)storage;
    if (offset > storage->size || size > storage->size - offset) {
        return -EIO;
    }
    return storage_read(window->whole, data, size, window->start + offset);
}

static void window_close(struct storage *storage)
{
    (void)storage;
}

struct storage *storage_window_init(struct storage_window *window, struct storage *whole, uint64_t start,
                                    uint64_t size)
{
    static const struct storage_ops OPERATIONS = { .read = window_read, .close = window_close };
    *window = (struct storage_window){
        .base = { .ops = &OPERATIONS, .size = size, .read_only = true },
        .whole = whole,
        .start = start,
    };
    return &window->base;
}
