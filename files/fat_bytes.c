/* SPDX-License-Identifier: ISC */
/* fat_bytes.c - numbers as FAT stores them: little-endian, aligned or not. */
#include <stdlib.h>

#include "fat.h"

uint16_t fat_get16(const uint8_t *at)
{
    return (uint16_t)(at[0] | at[1] << 8);
}

uint32_t fat_get32(const uint8_t *at)
{
    return fat_get16(at) | (uint32_t)fat_get16(at + 2) << 16;
}

uint64_t fat_get64(const uint8_t *at)
{
    return fat_get32(at) | (uint64_t)fat_get32(at + 4) << 32;
}

void fat_put16(uint8_t *at, uint32_t value)
{
    at[0] = (uint8_t)value;
    at[1] = (uint8_t)(value >> 8);
}

void fat_put32(uint8_t *at, uint32_t value)
{
    fat_put16(at, value);
    fat_put16(at + 2, value >> 16);
}

void fat_put64(uint8_t *at, uint64_t value)
{
    fat_put32(at, (uint32_t)value);
    fat_put32(at + 4, (uint32_t)(value >> 32));
}

void fat_free_bytes(uint8_t **bytes)
{
    free(*bytes);
}
