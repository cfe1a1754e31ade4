/* SPDX-License-Identifier: ISC */
/*
 * fat_alias.c - short names, eight characters and three. A name that is one already, in upper case, needs no other;
 * every other name gets an alias of plain ASCII, so that no code page can make two of them the same.
 *
 * Read are those that others made: in lower case where NT's flags say so, and in code page 437 like everywhere where
 * nobody says otherwise.
 */
#include <stdio.h>
#include <string.h>

#include "fat.h"

#define STEM       8u
#define LOWER_STEM 0x08 /* flags of NT, at 12 */
#define LOWER_TAIL 0x10
#define FIRST_E5   0x05 /* stands for 0xe5, which would mark the entry as removed */
#define NUMBERED   4u   /* aliases NAME~1 to NAME~4; then NA1234~1, which does not search for long */
#define MOST       0x10000u

/* Code page 437, from 0x80. */
static const uint16_t high[128] = {
    0x00c7, 0x00fc, 0x00e9, 0x00e2, 0x00e4, 0x00e0, 0x00e5, 0x00e7, 0x00ea, 0x00eb, 0x00e8, 0x00ef, 0x00ee,
    0x00ec, 0x00c4, 0x00c5, 0x00c9, 0x00e6, 0x00c6, 0x00f4, 0x00f6, 0x00f2, 0x00fb, 0x00f9, 0x00ff, 0x00d6,
    0x00dc, 0x00a2, 0x00a3, 0x00a5, 0x20a7, 0x0192, 0x00e1, 0x00ed, 0x00f3, 0x00fa, 0x00f1, 0x00d1, 0x00aa,
    0x00ba, 0x00bf, 0x2310, 0x00ac, 0x00bd, 0x00bc, 0x00a1, 0x00ab, 0x00bb, 0x2591, 0x2592, 0x2593, 0x2502,
    0x2524, 0x2561, 0x2562, 0x2556, 0x2555, 0x2563, 0x2551, 0x2557, 0x255d, 0x255c, 0x255b, 0x2510, 0x2514,
    0x2534, 0x252c, 0x251c, 0x2500, 0x253c, 0x255e, 0x255f, 0x255a, 0x2554, 0x2569, 0x2566, 0x2560, 0x2550,
    0x256c, 0x2567, 0x2568, 0x2564, 0x2565, 0x2559, 0x2558, 0x2552, 0x2553, 0x256b, 0x256a, 0x2518, 0x250c,
    0x2588, 0x2584, 0x258c, 0x2590, 0x2580, 0x03b1, 0x00df, 0x0393, 0x03c0, 0x03a3, 0x03c3, 0x00b5, 0x03c4,
    0x03a6, 0x0398, 0x03a9, 0x03b4, 0x221e, 0x03c6, 0x03b5, 0x2229, 0x2261, 0x00b1, 0x2265, 0x2264, 0x2320,
    0x2321, 0x00f7, 0x2248, 0x00b0, 0x2219, 0x00b7, 0x221a, 0x207f, 0x00b2, 0x25a0, 0x00a0,
};

static uint16_t read_unit(uint8_t byte, bool lower)
{
    if (byte >= 0x80) {
        return high[byte - 0x80];
    }
    if (byte == '/' || byte < 0x20) {
        return '_';
    }
    return (uint16_t)(lower && byte >= 'A' && byte <= 'Z' ? byte - 'A' + 'a' : byte);
}

static size_t trimmed(const uint8_t *bytes, size_t size)
{
    while (size > 0 && bytes[size - 1] == ' ') {
        size--;
    }
    return size;
}

void fat_alias_read(const uint8_t *slot, struct fat_name *name)
{
    size_t stem = trimmed(slot, STEM);
    size_t tail = trimmed(slot + STEM, FAT_ALIAS - STEM);
    name->count = 0;
    for (size_t i = 0; i < stem; i++) {
        uint8_t byte = i == 0 && slot[0] == FIRST_E5 ? 0xe5 : slot[i];
        name->units[name->count++] = read_unit(byte, (slot[12] & LOWER_STEM) != 0);
    }
    if (tail > 0) {
        name->units[name->count++] = '.';
    }
    for (size_t i = 0; i < tail; i++) {
        name->units[name->count++] = read_unit(slot[STEM + i], (slot[12] & LOWER_TAIL) != 0);
    }
}

/* Allowed in an alias as it is, once in upper case. */
static bool is_plain(uint16_t unit)
{
    return (unit >= '0' && unit <= '9') || (unit >= 'A' && unit <= 'Z') ||
           (unit < 0x80 && unit > ' ' && strchr("!#$%&'()-@^_`{}~", unit) != NULL);
}

static size_t find_dot(const struct fat_name *name)
{
    for (size_t i = name->count; i > 1; i--) {
        if (name->units[i - 1] == '.') {
            return i - 1;
        }
    }
    return name->count;
}

bool fat_alias_fits(const struct fat_name *name, uint8_t alias[FAT_ALIAS])
{
    size_t dot = find_dot(name);
    size_t tail = dot < name->count ? name->count - dot - 1 : 0;
    if (dot > STEM || tail > FAT_ALIAS - STEM || (dot < name->count && tail == 0)) {
        return false;
    }
    memset(alias, ' ', FAT_ALIAS);
    for (size_t i = 0; i < name->count; i++) {
        if (i != dot && !is_plain(name->units[i])) {
            return false;
        }
        if (i != dot) {
            alias[i < dot ? i : STEM + i - dot - 1] = (uint8_t)name->units[i];
        }
    }
    return true;
}

/* Up to `most` characters of [from, to) as they can stand in an alias. */
static size_t squeeze(const struct fat_name *name, size_t from, size_t to, uint8_t *out, size_t most)
{
    size_t size = 0;
    for (size_t i = from; i < to && size < most; i++) {
        uint16_t unit = name->units[i];
        if (unit == ' ' || unit == '.') {
            continue;
        }
        unit = (uint16_t)(unit >= 'a' && unit <= 'z' ? unit - 'a' + 'A' : unit);
        out[size++] = (uint8_t)(is_plain(unit) ? unit : '_');
    }
    return size;
}

static unsigned checksum(const struct fat_name *name)
{
    unsigned sum = 0;
    for (size_t i = 0; i < name->count; i++) {
        sum = sum * 37 + name->units[i];
    }
    return sum;
}

bool fat_alias_make(const struct fat_name *name, unsigned attempt, uint8_t alias[FAT_ALIAS])
{
    char ending[12];
    size_t dot = find_dot(name);
    if (attempt >= MOST) {
        return false;
    }
    memset(alias, ' ', FAT_ALIAS);
    size_t stem = squeeze(name, 0, dot, alias, STEM);
    squeeze(name, dot, name->count, alias + STEM, FAT_ALIAS - STEM);
    int size = attempt < NUMBERED
                   ? snprintf(ending, sizeof(ending), "~%u", attempt + 1)
                   : snprintf(ending, sizeof(ending), "%04X~1", (checksum(name) + attempt - NUMBERED) & 0xffff);
    size_t most = STEM - (size_t)size;
    stem = stem < most ? stem : most;
    memset(alias + stem, ' ', STEM - stem);
    memcpy(alias + stem, ending, (size_t)size);
    return true;
}

uint8_t fat_alias_sum(const uint8_t alias[FAT_ALIAS])
{
    unsigned sum = 0;
    for (size_t i = 0; i < FAT_ALIAS; i++) {
        sum = ((sum >> 1 | sum << 7) + alias[i]) & 0xff;
    }
    return (uint8_t)sum;
}
