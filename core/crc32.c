/* SPDX-License-Identifier: ISC */
/*
 * CRC-32, bit by bit: it sees key files, up to a mebibyte of each, and headers. A table would be read at places that
 * depend on secrets.
 */
#include "crc32.h"

static uint32_t add(uint32_t crc, const void *data, size_t size, uint32_t polynomial)
{
    const uint8_t *byte = data;
    for (size_t i = 0; i < size; i++) {
        crc ^= byte[i];
        for (unsigned bit = 0; bit < 8; bit++) {
            crc = crc >> 1 ^ (polynomial & -(crc & 1));
        }
    }
    return crc;
}

uint32_t crc32_add(uint32_t crc, const void *data, size_t size)
{
    return add(crc, data, size, UINT32_C(0xedb88320));
}

uint32_t crc32c_add(uint32_t crc, const void *data, size_t size)
{
    return add(crc, data, size, UINT32_C(0x82f63b78));
}
