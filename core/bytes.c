/* SPDX-License-Identifier: ISC */
/*
 * bytes.c - bounded access to fields.
 *
 * Written byte by byte: right on every machine, and the compiler makes one load of it where it can.
 */
#include "bytes.h"

bool bytes_has(struct bytes view, uint64_t offset, uint64_t size)
{
    return offset <= view.size && size <= view.size - offset;
}

uint8_t *bytes_at(struct bytes view, size_t offset, size_t size)
{
    if (!bytes_has(view, offset, size)) {
        __builtin_trap();
    }
    return view.data + offset;
}

static uint64_t get(struct bytes view, size_t offset, size_t size)
{
    const uint8_t *p = bytes_at(view, offset, size);
    uint64_t value = 0;
    for (size_t i = size; i > 0; i--) {
        value = value << 8 | p[i - 1];
    }
    return value;
}

static void put(struct bytes view, size_t offset, size_t size, uint64_t value)
{
    uint8_t *p = bytes_at(view, offset, size);
    for (size_t i = 0; i < size; i++) {
        p[i] = (uint8_t)(value >> (8 * i));
    }
}

uint8_t bytes_get_u8(struct bytes view, size_t offset)
{
    return (uint8_t)get(view, offset, 1);
}

uint16_t bytes_get_le16(struct bytes view, size_t offset)
{
    return (uint16_t)get(view, offset, 2);
}

uint32_t bytes_get_le32(struct bytes view, size_t offset)
{
    return (uint32_t)get(view, offset, 4);
}

uint64_t bytes_get_le64(struct bytes view, size_t offset)
{
    return get(view, offset, 8);
}

uint16_t bytes_get_be16(struct bytes view, size_t offset)
{
    return __builtin_bswap16((uint16_t)get(view, offset, 2));
}

uint32_t bytes_get_be32(struct bytes view, size_t offset)
{
    return __builtin_bswap32((uint32_t)get(view, offset, 4));
}

uint64_t bytes_get_be64(struct bytes view, size_t offset)
{
    return __builtin_bswap64(get(view, offset, 8));
}

void bytes_put_u8(struct bytes view, size_t offset, uint8_t value)
{
    put(view, offset, 1, value);
}

void bytes_put_le16(struct bytes view, size_t offset, uint16_t value)
{
    put(view, offset, 2, value);
}

void bytes_put_le32(struct bytes view, size_t offset, uint32_t value)
{
    put(view, offset, 4, value);
}

void bytes_put_le64(struct bytes view, size_t offset, uint64_t value)
{
    put(view, offset, 8, value);
}

void bytes_put_be16(struct bytes view, size_t offset, uint16_t value)
{
    put(view, offset, 2, __builtin_bswap16(value));
}

void bytes_put_be64(struct bytes view, size_t offset, uint64_t value)
{
    put(view, offset, 8, __builtin_bswap64(value));
}
