/* SPDX-License-Identifier: ISC */
/*
 * fuzz_probe.c - hostile files before any secret is known: both header places are the attacker's, and so is the
 * size of the file. What is reported must keep its bounds, and text must end.
 */
#include <stdlib.h>
#include <string.h>

#include "format.h"
#include "header.h"
#include "memory_store.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Input: size of the file in units of 512 bytes (2 bytes), then what lies in front and, from the middle, in the tail. */
static void lay_out(struct memory_store *store, const uint8_t *data, size_t size)
{
    uint64_t tail = (store->storage.size & ~4095ull) - HEADER_END_SIZE;
    size_t half = size / 2;
    memcpy(store->data, data, half < store->storage.size ? half : store->storage.size);
    if (store->storage.size >= HEADER_END_SIZE) {
        uint64_t room = store->storage.size - tail;
        memcpy(store->data + tail, data + half, size - half < room ? size - half : room);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2) {
        return 0;
    }
    struct memory_store store;
    memory_store_open(&store, 512u * ((unsigned)data[0] + 256u * (data[1] & 15u)));
    lay_out(&store, data + 2, size - 2);

    struct coffer_info info = { .size = sizeof(info) };
    struct coffer_error error = COFFER_ERROR_INIT;
    enum coffer_status status = COFFER_OK;
    bool ours = FORMAT_COFFER.recognise(&store.storage, &info, &status, &error);
    if (ours && status == COFFER_OK &&
        (!(info.front_ok || info.tail_ok) || !header_cost_in_bounds(info.kdf_memory, info.kdf_passes))) {
        abort();
    }
    if (!memchr(info.label, 0, sizeof(info.label)) || !memchr(error.text, 0, sizeof(error.text)) ||
        error.status != status || store.writes > 0) {
        abort();
    }
    memory_store_close(&store);
    return 0;
}
