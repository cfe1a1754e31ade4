/* SPDX-License-Identifier: ISC */
/*
 * Recovery codes as people type them: every wrong symbol, every two that are exchanged, every one that is missing or
 * there twice (REC-1, REC-3). A checksum of two bytes misses one error in 65 536, and what it misses opens nothing,
 * for it is another key; of the codes here it misses none.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "crypto.h"
#include "recovery.h"

static const char ALPHABET[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

static void write_code(uint8_t first, char text[RECOVERY_TEXT_SIZE])
{
    uint8_t key[RECOVERY_KEY_SIZE];
    for (unsigned i = 0; i < sizeof(key); i++) {
        key[i] = (uint8_t)(first * i + first);
    }
    recovery_encode(key, text);
}

static void expect_none(const char *text, size_t size)
{
    uint8_t key[RECOVERY_KEY_SIZE];
    if (recovery_decode((const uint8_t *)text, size, key)) {
        fail_msg("'%.*s' is a code", (int)size, text);
    }
}

static void test_a_wrong_symbol(void **state)
{
    (void)state;
    char text[RECOVERY_TEXT_SIZE];
    write_code(1, text);
    for (size_t at = 0; at < strlen(text); at++) {
        const char right = text[at];
        for (const char *wrong = ALPHABET; *wrong != '\0' && right != '-'; wrong++) {
            text[at] = *wrong;
            if (*wrong != right) {
                expect_none(text, strlen(text));
            }
        }
        text[at] = right;
    }
}

static void test_two_that_are_exchanged(void **state)
{
    (void)state;
    for (uint8_t first = 1; first < 20; first++) {
        char text[RECOVERY_TEXT_SIZE];
        size_t last = 0;
        write_code(first, text);
        for (size_t at = 1; at < strlen(text); at++) {
            if (text[at] == '-') {
                continue;
            }
            const char a = text[last], b = text[at];
            text[last] = b;
            text[at] = a;
            if (a != b) {
                expect_none(text, strlen(text));
            }
            text[last] = a;
            text[at] = b;
            last = at;
        }
    }
}

static void test_one_that_is_missing_or_there_twice(void **state)
{
    (void)state;
    char text[RECOVERY_TEXT_SIZE], typed[RECOVERY_TEXT_SIZE + 1];
    write_code(3, text);
    const size_t size = strlen(text);
    for (size_t at = 0; at < size; at++) {
        if (text[at] != '-') {
            memcpy(typed, text, at);
            memcpy(typed + at, text + at + 1, size - at - 1);
            expect_none(typed, size - 1);
            memcpy(typed, text, at + 1);
            memcpy(typed + at + 1, text + at, size - at);
            expect_none(typed, size + 1);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_wrong_symbol),
        cmocka_unit_test(test_two_that_are_exchanged),
        cmocka_unit_test(test_one_that_is_missing_or_there_twice),
    };
    if (crypto_init() != 0) {
        return 1;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
