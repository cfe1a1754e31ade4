/* SPDX-License-Identifier: ISC */
/*
 * recovery.c - 32 bytes and a checksum of two as 55 symbols of Crockford's base 32.
 *
 * 34 bytes are 272 bits; 55 symbols hold 275, and the last three bits must be zero, so that one key has one
 * text. A typing error passes the checksum once in 65 536 times, and then opens nothing.
 */
#include "recovery.h"

#include <string.h>

#include "crypto.h"

#define CHECK_SIZE 2u
#define BITS_SIZE  (RECOVERY_KEY_SIZE + CHECK_SIZE)
#define SYMBOLS    55u
#define GROUP      5u

static const char ALPHABET[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

static void checksum(const uint8_t key[RECOVERY_KEY_SIZE], uint8_t check[CHECK_SIZE])
{
    uint8_t digest[64];
    struct crypto_hash hash;
    crypto_hash_begin(&hash, sizeof(digest), NULL, 0);
    crypto_hash_add(&hash, "coffer1 recovery", strlen("coffer1 recovery"));
    crypto_hash_add(&hash, key, RECOVERY_KEY_SIZE);
    crypto_hash_end(&hash, digest, sizeof(digest));
    memcpy(check, digest, CHECK_SIZE);
    crypto_wipe(digest, sizeof(digest));
}

void recovery_encode(const uint8_t key[RECOVERY_KEY_SIZE], char text[RECOVERY_TEXT_SIZE])
{
    uint8_t bits[BITS_SIZE + 1] = { 0 }; /* one more: the last symbol reaches beyond the end */
    memcpy(bits, key, RECOVERY_KEY_SIZE);
    checksum(key, bits + RECOVERY_KEY_SIZE);
    for (unsigned symbol = 0; symbol < SYMBOLS; symbol++) {
        unsigned at = symbol * 5;
        unsigned window = (unsigned)bits[at / 8] << 8 | bits[at / 8 + 1];
        if (symbol > 0 && symbol % GROUP == 0) {
            *text++ = '-';
        }
        *text++ = ALPHABET[window >> (11 - at % 8) & 31];
    }
    *text = '\0';
    crypto_wipe(bits, sizeof(bits));
}

/* 0 .. 31; -1: a separator; -2: not a symbol. */
static int symbol_value(uint8_t c)
{
    if (c == ' ' || c == '-') {
        return -1;
    }
    if (c >= 'a' && c <= 'z') {
        c = (uint8_t)(c - 'a' + 'A');
    }
    if (c == 'O') {
        return 0;
    }
    if (c == 'I' || c == 'L') {
        return 1;
    }
    const char *found = c == 0 ? NULL : strchr(ALPHABET, c);
    return found == NULL ? -2 : (int)(found - ALPHABET);
}

bool recovery_decode(const uint8_t *text, size_t size, uint8_t key[RECOVERY_KEY_SIZE])
{
    uint8_t bits[BITS_SIZE + 1] = { 0 }, check[CHECK_SIZE];
    unsigned symbols = 0;
    bool right = true;
    for (size_t i = 0; i < size && right; i++) {
        int value = symbol_value(text[i]);
        if (value == -1) {
            continue;
        }
        if (value < 0 || symbols == SYMBOLS) {
            right = false;
            break;
        }
        unsigned at = symbols++ * 5;
        unsigned window = (unsigned)value << (11 - at % 8);
        bits[at / 8] |= (uint8_t)(window >> 8);
        bits[at / 8 + 1] |= (uint8_t)window;
    }
    right = right && symbols == SYMBOLS && bits[BITS_SIZE] == 0;
    checksum(bits, check);
    right = right && crypto_equal(check, bits + RECOVERY_KEY_SIZE, CHECK_SIZE);
    if (right) {
        memcpy(key, bits, RECOVERY_KEY_SIZE);
    }
    crypto_wipe(bits, sizeof(bits));
    return right;
}
