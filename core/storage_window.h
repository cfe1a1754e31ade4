/* SPDX-License-Identifier: ISC */
/* storage_window.h - a part of a store as a store of its own, for reading: a header that lies inside something else. */
#ifndef CORE_STORAGE_WINDOW_H
#define CORE_STORAGE_WINDOW_H

#include "storage.h"

struct storage_window {
    struct storage base;
    struct storage *whole;
    uint64_t start;
};

/* `size` bytes from `start` on, which lie inside `whole`. Nothing has to be closed. The result is &window->base. */
struct storage *storage_window_init(struct storage_window *window, struct storage *whole, uint64_t start,
                                    uint64_t size);

#endif
