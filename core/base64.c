/* SPDX-License-Identifier: ISC */
/*
 * base64.c - what headers of others hold is public or sealed, so looking characters up is no leak.
 */
#include "base64.h"

#include <string.h>

static int digit_value(char c)
{
    static const char DIGITS[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *found = c != '\0' ? strchr(DIGITS, c) : NULL;
    return found != NULL ? (int)(found - DIGITS) : -1;
}

bool base64_decode(const char *text, size_t length, uint8_t *out, size_t room, size_t *size)
{
    size_t used = 0;
    uint32_t bits = 0, count = 0;
    while (length > 0 && length % 4 != 1 && text[length - 1] == '=') {
        length--;
    }
    for (size_t i = 0; i < length; i++) {
        int digit = digit_value(text[i]);
        if (digit < 0) {
            return false;
        }
        bits = (bits << 6 | (uint32_t)digit) & 0xffff;
        count += 6;
        if (count >= 8) {
            if (used == room) {
                return false;
            }
            count -= 8;
            out[used++] = (uint8_t)(bits >> count);
        }
    }
    *size = used;
    return true;
}
