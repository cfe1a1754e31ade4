/* SPDX-License-Identifier: ISC */
/*
 * escape.c - text from outside (file names, labels, messages of other programs) on its way to a terminal or into
 * JSON. What comes out is valid UTF-8 without anything that a terminal would act on.
 */
#include "escape.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Each byte of the text becomes at most this many: a byte that is not UTF-8 is written "\xff". */
#define EXPANSION 4

size_t escape_decode_utf8(const char *text, size_t size, uint32_t *character)
{
    if (size == 0) {
        return 0;
    }
    uint8_t first = (uint8_t)text[0];
    if (first < 0x80) {
        *character = first;
        return 1;
    }
    size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    if (first < 0xc2 || first > 0xf4 || length > size) {
        return 0;
    }
    uint32_t value = first & (0x7fU >> length);
    for (size_t i = 1; i < length; i++) {
        uint8_t next = (uint8_t)text[i];
        if ((next & 0xc0) != 0x80) {
            return 0;
        }
        value = value << 6 | (next & 0x3f);
    }
    bool shortest = value >= (length == 4 ? 0x10000U : length == 3 ? 0x800U : 0x80U);
    bool surrogate = value >= 0xd800 && value <= 0xdfff;
    if (!shortest || surrogate || value > 0x10ffff) {
        return 0;
    }
    *character = value;
    return length;
}

bool escape_is_utf8(const char *text, size_t size)
{
    uint32_t character;
    size_t length;

    for (size_t at = 0; at < size; at += length) {
        length = escape_decode_utf8(text + at, size - at, &character);
        if (length == 0) {
            return false;
        }
    }
    return true;
}

/* Controls act on the terminal; line separators and direction marks make a line look like something else. */
static bool is_harmful(uint32_t character)
{
    return character < 0x20 || (character >= 0x7f && character <= 0x9f) || character == 0x61c ||
           (character >= 0x200e && character <= 0x200f) || (character >= 0x2028 && character <= 0x202e) ||
           (character >= 0x2066 && character <= 0x2069) || character == 0xfeff ||
           (character >= 0xfff9 && character <= 0xfffb) || (character >= 0xe0000 && character <= 0xe007f);
}

static size_t write_escape(char *out, size_t room, uint32_t character)
{
    int length;

    switch (character) {
    case '\n':
        length = snprintf(out, room, "\\n");
        break;
    case '\r':
        length = snprintf(out, room, "\\r");
        break;
    case '\t':
        length = snprintf(out, room, "\\t");
        break;
    default:
        length = snprintf(out, room,
                          character < 0x80      ? "\\x%02x"
                          : character < 0x10000 ? "\\u%04x"
                                                : "\\U%08x",
                          (unsigned)character);
        break;
    }
    return (size_t)length;
}

char *escape_text(const char *text)
{
    size_t size = strlen(text);
    size_t room = size * EXPANSION + 1;
    char *out = malloc(room);
    size_t used = 0;
    uint32_t character = 0;

    if (!out) {
        return NULL;
    }
    for (size_t at = 0; at < size;) {
        size_t length = escape_decode_utf8(text + at, size - at, &character);
        if (length == 0) {
            used += (size_t)snprintf(out + used, room - used, "\\x%02x", (uint8_t)text[at]);
            at++;
            continue;
        }
        if (is_harmful(character)) {
            used += write_escape(out + used, room - used, character);
        } else {
            memcpy(out + used, text + at, length);
            used += length;
        }
        at += length;
    }
    out[used] = '\0';
    return out;
}

char *escape_to_utf8(const char *text)
{
    static const char replacement[] = "\xef\xbf\xbd"; /* U+FFFD */
    size_t size = strlen(text);
    char *out = malloc(size * (sizeof(replacement) - 1) + 1);
    size_t used = 0;
    uint32_t character;

    if (!out) {
        return NULL;
    }
    for (size_t at = 0; at < size;) {
        size_t length = escape_decode_utf8(text + at, size - at, &character);
        const char *from = length ? text + at : replacement;
        size_t count = length ? length : sizeof(replacement) - 1;
        memcpy(out + used, from, count);
        used += count;
        at += length ? length : 1;
    }
    out[used] = '\0';
    return out;
}
