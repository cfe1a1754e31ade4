/* SPDX-License-Identifier: ISC */
/* memory_store.h - a backing store in memory: nothing but the parsers is then slow or can fail. */
#ifndef MEMORY_STORE_H
#define MEMORY_STORE_H

#include "storage.h"

struct memory_store {
    struct storage storage;
    uint8_t *data;
    unsigned writes; /* how many there were */
};

/* `size` bytes of zeros. Ends the program without memory. */
void memory_store_open(struct memory_store *store, size_t size);
void memory_store_close(struct memory_store *store);

#endif
