/* SPDX-License-Identifier: ISC */
/*
 * usage.h - how far the file system in a volume has got: behind that offset nothing belongs to a file or to its tables.
 * For advice only. What is read was written by whoever has had the volume: hostile, and never trusted with a size.
 */
#ifndef USAGE_H
#define USAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct usage_source {
    bool (*read)(void *user, void *data, size_t size, uint64_t offset);
    void *user;
    uint64_t size; /* bytes of cleartext */
};

/* Recognises ext2/3/4, vfat and exfat. True, with its name and the end of what it uses; false for anything else, for
 * one that was not unmounted cleanly, and for one that contradicts itself. Pure but for source->read. */
bool usage_find_end(const struct usage_source *source, uint64_t *end, const char **name);

/* ---- The kinds; each is false where it is another one, too ---- */

bool usage_ext(const struct usage_source *source, uint64_t *end);
bool usage_fat(const struct usage_source *source, uint64_t *end);
bool usage_exfat(const struct usage_source *source, uint64_t *end);

/* ---- What they share ---- */

/* Little-endian fields. */
uint32_t usage_le16(const uint8_t *at);
uint32_t usage_le32(const uint8_t *at);
uint64_t usage_le64(const uint8_t *at);

/* Inside the volume, or false. */
bool usage_read(const struct usage_source *source, void *data, size_t size, uint64_t offset);

/* The number of the last bit that is set among the first `count` of a bitmap at `offset`, plus 1; 0 = none. */
bool usage_last_bit(const struct usage_source *source, uint64_t offset, uint64_t count, uint64_t *last);

#endif
