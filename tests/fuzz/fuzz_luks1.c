/* SPDX-License-Identifier: ISC */
/*
 * fuzz_luks1.c - a LUKS1 header, all of it the attacker's. Input: the size of the file in units of 4096 bytes, then what
 * comes after the magic and the version.
 */
#include <string.h>

#include "crypto.h"
#include "foreign_open.h"

#define FIXED 8

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct memory_store store;
    if (crypto_init() != 0 || size < 1) {
        return 0;
    }
    memory_store_open(&store, 4096u * (data[0] + 1u));
    memcpy(store.data, "LUKS\xba\xbe\0\1", FIXED);
    size_t room = store.storage.size - FIXED;
    memcpy(store.data + FIXED, data + 1, size - 1 < room ? size - 1 : room);
    foreign_open(&FORMAT_LUKS, &store);
    memory_store_close(&store);
    return 0;
}
