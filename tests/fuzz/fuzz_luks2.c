/* SPDX-License-Identifier: ISC */
/*
 * fuzz_luks2.c - the JSON of a LUKS2 header, which the attacker has given the right checksum. Input: the size of the file
 * in units of 64 KiB, which of the two copies it is, then the JSON.
 */
#include <string.h>

#include "crypto.h"
#include "foreign_open.h"

#define COPY_SIZE (16u << 10)
#define JSON      4096

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void put_be64(uint8_t *at, uint64_t value)
{
    for (unsigned i = 0; i < 8; i++) {
        at[i] = (uint8_t)(value >> (56 - 8 * i));
    }
}

/* The copy that starts at `offset` of the store. */
static void lay_out(uint8_t *copy, uint64_t offset, const uint8_t *json, size_t size)
{
    memcpy(copy, offset == 0 ? "LUKS\xba\xbe\0\2" : "SKUL\xba\xbe\0\2", 8);
    put_be64(copy + 8, COPY_SIZE);
    put_be64(copy + 16, 1);
    memcpy(copy + 72, "sha256", 7);
    put_be64(copy + 256, offset);
    memcpy(copy + JSON, json, size < COPY_SIZE - JSON ? size : COPY_SIZE - JSON);
    crypto_digest(CRYPTO_SHA256, copy + 448, copy, COPY_SIZE);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct memory_store store;
    if (crypto_init() != 0 || size < 2) {
        return 0;
    }
    uint64_t offset = data[1] & 1 ? COPY_SIZE : 0;
    memory_store_open(&store, (64u << 10) * ((data[0] & 31) + 1u));
    lay_out(store.data + offset, offset, data + 2, size - 2);
    foreign_open(&FORMAT_LUKS, &store);
    memory_store_close(&store);
    return 0;
}
