/* SPDX-License-Identifier: ISC */
/* test_advice.c - which passphrases are called weak: what guessers try first, and nothing that dice chose. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "advice.h"

static bool is_weak(const char *text)
{
    return advice_is_weak((const uint8_t *)text, strlen(text));
}

static void test_weak(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "x",
        "password",
        "P@ssw0rd2024",
        "sunshine12",
        "qwertyuiop",
        "12345678",
        "asdfasdfasdfasdfasdf",
        "aaaaaaaaaaaaaaaaaaaaaaaa",
        "abcdefghijklmnop",
        "berlin1999",
        "correct horse",
        "iloveyou iloveyou iloveyou",
        "Summer2023!",
        "dragonmonkey",
        "7fG!",
        "poiuytrewq",
        "zyxwvutsrqpo",
        "letmeinletmein",
        "Geheim!",
        "mein hund",
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        if (!is_weak(texts[i])) {
            fail_msg("'%s' is not weak", texts[i]);
        }
    }
}

static void test_good(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "cleft cam synod lacy yr wok",
        "correct horse battery staple unlikely violin",
        "kXq7#pLm9z!w",
        "xkqzvbwmtyfhgdlr",
        "000G4-0R40M-30E20-9185G-R38E1-W8124-GK2GA-HC5RR-34D1P-70X3R-FXD3G",
        "Über den Wolken muß die Freiheit grenzenlos sein",
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        if (is_weak(texts[i])) {
            fail_msg("'%s' is weak", texts[i]);
        }
    }
}

/* Any bytes, of any length up to the largest: each piece is read once, and nothing behind the end. */
static void test_any_bytes(void **state)
{
    (void)state;
    for (size_t size = 0; size <= 1024; size = size * 2 + 1) {
        uint8_t *bytes = malloc(size + 1);
        for (unsigned kind = 0; kind < 3; kind++) {
            for (size_t i = 0; i < size; i++) {
                bytes[i] = kind == 0 ? 0xff : kind == 1 ? (uint8_t)(i * 167 + 13) : (uint8_t)(1 + i % 2);
            }
            uint8_t *exact = malloc(size ? size : 1);
            memcpy(exact, bytes, size);
            assert_true(advice_estimate(exact, size) <= 6 * size);
            free(exact);
        }
        free(bytes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_weak),
        cmocka_unit_test(test_good),
        cmocka_unit_test(test_any_bytes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
