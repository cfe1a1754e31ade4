/* SPDX-License-Identifier: ISC */
/*
 * fuzz_fvault.c - FileVault's metadata, encrypted and with right checksums: the key is in the header, so anybody can make
 * such. Input: the size of the file in units of 64 KiB; then the header from byte 8 on to its UUIDs; then blocks, each the
 * length of what follows (2 bytes) and that, from byte 8 of the block on.
 */
#include <stdlib.h>
#include <string.h>

#include "crc32.h"
#include "crypto.h"
#include "foreign_open.h"
#include "fvault.h"

#define HEADER      512
#define HEADER_PART 128 /* bytes of it that are the attacker's */
#define LABEL       8192
#define LOG         32768
#define BLOCKS_MAX  4

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void put_le(uint8_t *at, unsigned size, uint64_t value)
{
    for (unsigned i = 0; i < size; i++) {
        at[i] = (uint8_t)(value >> (8 * i));
    }
}

static void seal(uint8_t *data, size_t size)
{
    put_le(data + 4, 4, CRC32_BEGIN);
    put_le(data, 4, crc32c_add(CRC32_BEGIN, data + 8, size - 8));
}

static void lay_out_header(uint8_t *header, const uint8_t *data, size_t size)
{
    memcpy(header + 8, data, size);
    put_le(header + 8, 4, 0x100001); /* version and type */
    memcpy(header + 88, "CS\1\0\0", 6);
    put_le(header + 168, 8, 0x200000010); /* 16 bytes of key, AES-XTS */
    put_le(header + 304, 8, 99);          /* the other half of the key */
    seal(header, HEADER);
}

/* Where the header says 2 blocks of 4096 bytes, the label lies at 8192; it names a log at 32768. */
static void lay_out_label(uint8_t *label)
{
    put_le(label + 10, 2, 0x11);
    put_le(label + 220, 4, 8192);
    seal(label, FVAULT_BLOCK_SIZE);
    put_le(label + 8192 + 8, 8, BLOCKS_MAX + 1);
    put_le(label + 8192 + 32, 8, LOG / 4096);
}

static struct crypto_sector *open_sector(const uint8_t *header)
{
    struct crypto_sector *sector;
    struct crypto_sector_spec spec = {
        .layer = { { CRYPTO_AES, 32 } },
        .layers = 1,
        .mode = CRYPTO_XTS,
        .iv = CRYPTO_IV_PLAIN64,
        .sector_size = FVAULT_BLOCK_SIZE,
        .iv_unit = FVAULT_BLOCK_SIZE,
        .key_size = 32,
    };
    memcpy(spec.key, header + 176, 16);
    memcpy(spec.key + 16, header + 304, 16);
    return crypto_sector_new_spec(&sector, &spec) == 0 ? sector : NULL;
}

static void lay_out_log(uint8_t *log, struct crypto_sector *sector, const uint8_t *data, size_t size)
{
    for (unsigned i = 0; i < BLOCKS_MAX && size >= 2; i++) {
        uint8_t *block = log + (size_t)i * FVAULT_BLOCK_SIZE;
        size_t length = (size_t)data[0] | (size_t)data[1] << 8;
        length = length < size - 2 ? length : size - 2;
        length = length < FVAULT_BLOCK_SIZE - 8 ? length : FVAULT_BLOCK_SIZE - 8;
        memcpy(block + 8, data + 2, length);
        put_le(block + 8, 2, 1);
        seal(block, FVAULT_BLOCK_SIZE);
        crypto_sector_encrypt(sector, i * (FVAULT_BLOCK_SIZE / 512), block, block, FVAULT_BLOCK_SIZE);
        data += 2 + length;
        size -= 2 + length;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct memory_store store;
    if (crypto_init() != 0 || size < 1) {
        return 0;
    }
    memory_store_open(&store, (64u << 10) * ((data[0] & 15) + 2u));
    data++;
    size--;
    size_t part = size < HEADER_PART ? size : HEADER_PART;
    lay_out_header(store.data, data, part);
    lay_out_label(store.data + LABEL);
    struct crypto_sector *sector = open_sector(store.data);
    if (sector != NULL) {
        lay_out_log(store.data + LOG, sector, data + part, size - part);
        crypto_sector_free(sector);
    }
    foreign_open(&FORMAT_FVAULT, &store);
    memory_store_close(&store);
    return 0;
}
