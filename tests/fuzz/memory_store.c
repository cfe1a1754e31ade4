/* SPDX-License-Identifier: ISC */
/*
 * memory_store.c - the storage functions over one piece of memory. A transfer outside it fails, as it does at
 * the end of a file.
 */
#include "memory_store.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static uint8_t *place(struct storage *storage, size_t size, uint64_t offset)
{
    struct memory_store *store = (struct memory_store *)storage;
    bool inside = offset <= storage->size && size <= storage->size - offset;
    return inside ? store->data + offset : NULL;
}

static int memory_read(struct storage *storage, void *data, size_t size, uint64_t offset)
{
    const uint8_t *from = place(storage, size, offset);
    if (!from) {
        return -EIO;
    }
    memcpy(data, from, size);
    return 0;
}

static int memory_write(struct storage *storage, const void *data, size_t size, uint64_t offset)
{
    uint8_t *to = place(storage, size, offset);
    if (!to) {
        return -EIO;
    }
    memcpy(to, data, size);
    ((struct memory_store *)storage)->writes++;
    return 0;
}

static int memory_sync(struct storage *storage)
{
    (void)storage;
    return 0;
}

static int memory_hold_header(struct storage *storage, bool hold)
{
    (void)storage;
    (void)hold;
    return 0;
}

static const struct storage_ops operations = {
    .read = memory_read,
    .write = memory_write,
    .sync = memory_sync,
    .hold_header = memory_hold_header,
};

void memory_store_open(struct memory_store *store, size_t size)
{
    *store = (struct memory_store){
        .storage = { .ops = &operations, .size = size },
        .data = calloc(size > 0 ? size : 1, 1),
    };
    if (!store->data) {
        abort();
    }
}

void memory_store_close(struct memory_store *store)
{
    free(store->data);
}
