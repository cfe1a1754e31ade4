/* SPDX-License-Identifier: ISC */
/*
 * fuzz_bitlk.c - BitLocker's metadata, with a right checksum, and its startup keys and recovery passwords. Input: the size of
 * the file in units of 64 KiB; what kind of boot sector; then the metadata, behind its signature.
 */
#include <string.h>

#include "bitlk.h"
#include "bitlk_key.h"
#include "crc32.h"
#include "crypto.h"
#include "foreign_open.h"

#define AREA      8192
#define SIGNATURE 8
#define SIZE      8
#define LARGEST   60000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint8_t GUID[16] = { 0x3b, 0xd6, 0x67, 0x49, 0x29, 0x2e, 0xd8, 0x4a,
                                  0x83, 0x99, 0xf6, 0xa3, 0x39, 0xe3, 0xd0, 0x01 };

static void put_le(uint8_t *at, unsigned size, uint64_t value)
{
    for (unsigned i = 0; i < size; i++) {
        at[i] = (uint8_t)(value >> (8 * i));
    }
}

/* kind: the sector size, and whether it is a stick's; the first copy of the metadata lies at AREA. */
static void lay_out_boot(uint8_t *boot, uint8_t kind)
{
    bool to_go = kind & 1;
    memcpy(boot + 3, to_go ? "MSWIN4.1" : "-FVE-FS-", 8);
    put_le(boot + 11, 2, 512u << (kind >> 1 & 3));
    memcpy(boot + (to_go ? 424 : 160), GUID, sizeof(GUID));
    put_le(boot + (to_go ? 440 : 176), 8, AREA);
}

static void lay_out_metadata(uint8_t *area, const uint8_t *data, size_t size)
{
    memcpy(area, "-FVE-FS-", SIGNATURE);
    memcpy(area + SIGNATURE, data, size);
    size_t units = (SIGNATURE + size + 15) / 16;
    put_le(area + SIZE, 2, units);
    put_le(area + 16 * units + 4, 4, ~crc32_add(CRC32_BEGIN, area, 16 * units));
}

static void parse_secrets(const uint8_t *data, size_t size)
{
    uint8_t key[32], guid[BITLK_GUID_SIZE], text[64];
    (void)bitlk_parse_startup_key(data, size, key, guid);
    (void)bitlk_parse_recovery(data, size, key);
    (void)bitlk_utf16(data, size, text, sizeof(text));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct memory_store store;
    if (crypto_init() != 0 || size < 2) {
        return 0;
    }
    memory_store_open(&store, (64u << 10) * ((data[0] & 15) + 2u));
    lay_out_boot(store.data, data[1]);
    lay_out_metadata(store.data + AREA, data + 2, size - 2 < LARGEST ? size - 2 : LARGEST);
    foreign_open(&FORMAT_BITLK, &store);
    memory_store_close(&store);
    parse_secrets(data, size);
    return 0;
}
