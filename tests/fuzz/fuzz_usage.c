/* SPDX-License-Identifier: ISC */
/*
 * fuzz_usage.c - the file system of an outer volume, of which create --hidden says how far it reaches. The answer lies
 * inside the volume, and nothing outside it is read.
 */
#include <stdlib.h>
#include <string.h>

#include "usage.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct store {
    const uint8_t *data;
    size_t size;
};

/* The input is what is there; zeros follow, so that small inputs can claim to be large. */
static bool read_store(void *user, void *data, size_t size, uint64_t offset)
{
    const struct store *store = user;
    memset(data, 0, size);
    if (offset < store->size) {
        size_t left = store->size - (size_t)offset;
        memcpy(data, store->data + offset, size < left ? size : left);
    }
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct store store = { data, size };
    const struct usage_source source = { read_store, &store, (uint64_t)64 << 20 };
    const char *name;
    uint64_t end;
    if (usage_find_end(&source, &end, &name) && end > source.size) {
        abort();
    }
    return 0;
}
