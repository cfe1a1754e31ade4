/* SPDX-License-Identifier: ISC */
/*
 * uuid.c - UUIDs as text and as Windows stores them, to bytes in the order of the RFC.
 */
#include "uuid.h"

#include "crypto.h"

#include <string.h>

static int digit_value(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool uuid_parse(const char *text, uint8_t uuid[16])
{
    memset(uuid, 0, 16);
    uint8_t parsed[16] = { 0 };
    unsigned digits = 0;
    for (unsigned i = 0; i < 36; i++) {
        bool is_dash = i == 8 || i == 13 || i == 18 || i == 23;
        int value = digit_value(text[i]);
        if (is_dash ? text[i] != '-' : value < 0) { /* the end of the text is neither */
            return false;
        }
        if (!is_dash) {
            parsed[digits / 2] = (uint8_t)(parsed[digits / 2] << 4 | value);
            digits++;
        }
    }
    if (text[36] != '\0') {
        return false;
    }
    memcpy(uuid, parsed, 16);
    return true;
}

void uuid_from_guid(const uint8_t guid[16], uint8_t uuid[16])
{
    static const uint8_t ORDER[16] = { 3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15 };
    for (unsigned i = 0; i < 16; i++) {
        uuid[i] = guid[ORDER[i]];
    }
}

void uuid_random(uint8_t uuid[16])
{
    crypto_random(uuid, 16);
    uuid[6] = (uint8_t)((uuid[6] & 0x0f) | 0x40); /* RFC 9562, version 4 */
    uuid[8] = (uint8_t)((uuid[8] & 0x3f) | 0x80);
}
