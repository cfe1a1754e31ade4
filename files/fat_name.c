/* SPDX-License-Identifier: ISC */
/*
 * fat_name.c - names of files: UTF-8 outside, UTF-16 on the medium, and the same in upper and lower case.
 *
 * Upper case, where the volume does not say what it is, is what the C library says of each character by itself, but
 * nothing beyond ASCII becomes ASCII: for Windows a dotless i is not an i. Half of a surrogate pair, which a medium
 * may hold, is written as if it were a character, so that such a file can be seen and removed.
 */
#include <errno.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <wctype.h>

#include "fat.h"

#define CHARACTERS 65536u

int fat_name_init(struct fat *fat)
{
    fat->upper = malloc(CHARACTERS * sizeof(*fat->upper));
    if (fat->upper == NULL) {
        return -ENOMEM;
    }
    locale_t locale = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
    for (uint32_t i = 0; i < CHARACTERS; i++) {
        uint32_t upper = i >= 'a' && i <= 'z' ? i - 'a' + 'A' : i;
        if (i >= 0x80 && locale != (locale_t)0) {
            upper = (uint32_t)towupper_l((wint_t)i, locale);
            upper = upper < 0x80 || upper >= CHARACTERS ? i : upper;
        }
        fat->upper[i] = (uint16_t)upper;
    }
    if (locale != (locale_t)0) {
        freelocale(locale);
    }
    return 0;
}

/* ---- UTF-8 ---- */

/* The length of a character and the character; 0 for what is none. */
static size_t decode(const unsigned char *text, uint32_t *character)
{
    static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
    size_t length = text[0] < 0x80 ? 1 : text[0] < 0xc0 ? 0 : text[0] < 0xe0 ? 2 : text[0] < 0xf0 ? 3 : 4;
    if (length <= 1) {
        *character = text[0];
        return length;
    }
    uint32_t value = text[0] & (0xffu >> (length + 1));
    for (size_t i = 1; i < length; i++) {
        if ((text[i] & 0xc0) != 0x80) {
            return 0;
        }
        value = value << 6 | (text[i] & 0x3fu);
    }
    *character = value;
    return value < least[length] || value > 0x10ffff ? 0 : length;
}

static size_t encode(uint32_t value, char *text)
{
    if (value < 0x80) {
        text[0] = (char)value;
        return 1;
    }
    size_t length = value < 0x800 ? 2 : value < 0x10000 ? 3 : 4;
    for (size_t i = length - 1; i > 0; i--) {
        text[i] = (char)(0x80 | (value & 0x3f));
        value >>= 6;
    }
    text[0] = (char)((0xf00u >> length & 0xff) | value);
    return length;
}

int fat_name_read(const char *text, struct fat_name *name)
{
    size_t count = 0;
    uint32_t character = 0;
    for (const unsigned char *at = (const unsigned char *)text; *at != '\0';) {
        size_t length = decode(at, &character);
        size_t units = character > 0xffff ? 2 : 1;
        if (length == 0) {
            return -EILSEQ;
        }
        if (count + units > FAT_NAME_UNITS) {
            return -ENAMETOOLONG;
        }
        if (units == 2) {
            name->units[count++] = (uint16_t)(0xd7c0 + (character >> 10));
            character = 0xdc00 | (character & 0x3ff);
        }
        name->units[count++] = (uint16_t)character;
        at += length;
    }
    name->count = count;
    return 0;
}

size_t fat_name_write(const struct fat_name *name, char text[FAT_NAME_BYTES])
{
    size_t size = 0;
    for (size_t i = 0; i < name->count; i++) {
        uint32_t character = name->units[i];
        if ((character & 0xfc00) == 0xd800 && i + 1 < name->count && (name->units[i + 1] & 0xfc00) == 0xdc00) {
            character = 0x10000 + ((character & 0x3ff) << 10) + (name->units[++i] & 0x3ffu);
        }
        size += encode(character, text + size);
    }
    text[size] = '\0';
    return size;
}

/* ---- What a name may be ---- */

int fat_name_check(const struct fat_name *name)
{
    if (name->count == 0) {
        return -EINVAL;
    }
    for (size_t i = 0; i < name->count; i++) {
        uint16_t unit = name->units[i];
        if (unit < 0x20 || (unit < 0x80 && strchr("\"*/:<>?\\|", unit) != NULL)) {
            return -EINVAL;
        }
    }
    uint16_t last = name->units[name->count - 1]; /* Windows would not find the file again */
    return last == '.' || last == ' ' ? -EINVAL : 0;
}

uint32_t fat_name_hash(const struct fat *fat, const struct fat_name *name)
{
    uint32_t hash = 2166136261u;
    for (size_t i = 0; i < name->count; i++) {
        hash = (hash ^ fat->upper[name->units[i]]) * 16777619u;
    }
    return hash;
}

bool fat_name_equal(const struct fat *fat, const struct fat_name *a, const struct fat_name *b)
{
    if (a->count != b->count) {
        return false;
    }
    for (size_t i = 0; i < a->count; i++) {
        if (fat->upper[a->units[i]] != fat->upper[b->units[i]]) {
            return false;
        }
    }
    return true;
}
