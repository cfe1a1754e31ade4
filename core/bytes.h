/* SPDX-License-Identifier: ISC */
/*
 * bytes.h - fields of on-disk structures. Byte order lives only here.
 *
 * A view is a piece of memory with its size. Access outside a view is a bug of ours, never a property of the
 * input, and traps; whoever takes an offset from the medium asks bytes_has first.
 */
#ifndef CORE_BYTES_H
#define CORE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bytes {
    uint8_t *data;
    size_t size;
};

bool bytes_has(struct bytes view, uint64_t offset, uint64_t size);

/* A pointer to `size` bytes at `offset`. */
uint8_t *bytes_at(struct bytes view, size_t offset, size_t size);

uint8_t bytes_get_u8(struct bytes view, size_t offset);
uint16_t bytes_get_le16(struct bytes view, size_t offset);
uint32_t bytes_get_le32(struct bytes view, size_t offset);
uint64_t bytes_get_le64(struct bytes view, size_t offset);
uint16_t bytes_get_be16(struct bytes view, size_t offset);
uint32_t bytes_get_be32(struct bytes view, size_t offset);
uint64_t bytes_get_be64(struct bytes view, size_t offset);

void bytes_put_u8(struct bytes view, size_t offset, uint8_t value);
void bytes_put_le16(struct bytes view, size_t offset, uint16_t value);
void bytes_put_le32(struct bytes view, size_t offset, uint32_t value);
void bytes_put_le64(struct bytes view, size_t offset, uint64_t value);
void bytes_put_be16(struct bytes view, size_t offset, uint16_t value);
void bytes_put_be64(struct bytes view, size_t offset, uint64_t value);

#endif
