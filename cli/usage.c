/* SPDX-License-Identifier: ISC */
/* usage.c - what finding the end of a file system's use takes in common (usage.h). */
#include "usage.h"

#define PIECE 4096

uint32_t usage_le16(const uint8_t *at)
{
    return (uint32_t)at[0] | (uint32_t)at[1] << 8;
}

uint32_t usage_le32(const uint8_t *at)
{
    return usage_le16(at) | usage_le16(at + 2) << 16;
}

uint64_t usage_le64(const uint8_t *at)
{
    return usage_le32(at) | (uint64_t)usage_le32(at + 4) << 32;
}

bool usage_read(const struct usage_source *source, void *data, size_t size, uint64_t offset)
{
    return offset <= source->size && size <= source->size - offset &&
           source->read(source->user, data, size, offset);
}

static unsigned highest_bit(uint8_t byte)
{
    unsigned bit = 0;

    while (byte >>= 1) {
        bit++;
    }
    return bit;
}

/* From the end, so that a volume that is nearly empty costs little more than one that is full. */
bool usage_last_bit(const struct usage_source *source, uint64_t offset, uint64_t count, uint64_t *last)
{
    uint8_t piece[PIECE];
    uint64_t left = count / 8 + (count % 8 != 0);

    for (bool is_first = true; left > 0; is_first = false) {
        size_t size = left % PIECE ? (size_t)(left % PIECE) : PIECE;
        if (!usage_read(source, piece, size, offset + left - size)) {
            return false;
        }
        if (is_first && count % 8 != 0) {
            piece[size - 1] &= (uint8_t)((1u << count % 8) - 1); /* what follows the last one is padding */
        }
        for (size_t i = size; i-- > 0;) {
            if (piece[i] != 0) {
                *last = (left - size + i) * 8 + highest_bit(piece[i]) + 1;
                return true;
            }
        }
        left -= size;
    }
    *last = 0;
    return true;
}

bool usage_find_end(const struct usage_source *source, uint64_t *end, const char **name)
{
    static const struct {
        const char *name;
        bool (*find)(const struct usage_source *source, uint64_t *end);
    } kinds[] = { { "ext", usage_ext }, { "exfat", usage_exfat }, { "vfat", usage_fat } };

    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (kinds[i].find(source, end)) {
            *name = kinds[i].name;
            return *end <= source->size;
        }
    }
    return false;
}
