/* SPDX-License-Identifier: ISC */
/* test_escape.c - nothing that a terminal would act on gets through, and everything else does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "escape.h"

struct row {
    const char *raw, *safe;
};

static void test_text(void **state)
{
    static const struct row rows[] = {
        { "", "" },
        { "photos", "photos" },
        { "a 'b' \"c\" \\ d", "a 'b' \"c\" \\ d" },
        { "Gr\xc3\xbc\xc3\x9f"
          "e \xe2\x82\xac \xf0\x9f\x94\x92",
          "Gr\xc3\xbc\xc3\x9f"
          "e \xe2\x82\xac \xf0\x9f\x94\x92" },
        { "a\nb\rc\td", "a\\nb\\rc\\td" },
        { "\x1b]0;title\x07", "\\x1b]0;title\\x07" },
        { "\x1b[2J", "\\x1b[2J" },
        { "\x7f\x01", "\\x7f\\x01" },
        { "\xc2\x9b"
          "2J",
          "\\u009b2J" }, /* CSI in one character */
        { "\xe2\x80\xae"
          "gpj.exe",
          "\\u202egpj.exe" }, /* right-to-left override */
        { "a\xe2\x80\xa8"
          "b",
          "a\\u2028b" },
        { "\xe2\x81\xa6\xef\xbb\xbf", "\\u2066\\ufeff" },
        { "\xf3\xa0\x81\x81", "\\U000e0041" }, /* an invisible tag */
        { "\xff\xfe", "\\xff\\xfe" },
        { "a\xc3", "a\\xc3" },                          /* cut short */
        { "\xc0\xaf", "\\xc0\\xaf" },                   /* not the shortest form */
        { "\xe0\x80\xaf", "\\xe0\\x80\\xaf" },          /* nor this */
        { "\xed\xa0\x80", "\\xed\\xa0\\x80" },          /* a surrogate */
        { "\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80" }, /* beyond U+10FFFF */
        { "\xe2\x82", "\\xe2\\x82" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char *safe = escape_text(rows[i].raw);
        assert_non_null(safe);
        assert_string_equal(safe, rows[i].safe);
        free(safe);
    }
}

/* Every byte after every byte: what comes out is UTF-8 without a control character. */
static void test_all_pairs(void **state)
{
    char raw[3] = { 0 };

    (void)state;
    for (unsigned pair = 0; pair < 65536; pair++) {
        raw[0] = (char)(pair >> 8);
        raw[1] = (char)pair;
        char *safe = escape_text(raw);
        assert_non_null(safe);
        assert_true(escape_is_utf8(safe, strlen(safe)));
        for (const char *at = safe; *at; at++) {
            assert_true((unsigned char)*at >= 0x20 && *at != 0x7f);
        }
        free(safe);
    }
}

static void test_longest(void **state)
{
    char raw[1001];

    (void)state;
    memset(raw, 0xff, 1000);
    raw[1000] = '\0';
    char *safe = escape_text(raw);
    assert_int_equal(strlen(safe), 4000);
    free(safe);
}

static void test_to_utf8(void **state)
{
    static const struct row rows[] = {
        { "", "" },
        { "plain", "plain" },
        { "\x1b\n", "\x1b\n" }, /* JSON has its own way to write these */
        { "a\xff"
          "b",
          "a\xef\xbf\xbd"
          "b" },
        { "\xc3", "\xef\xbf\xbd" },
        { "\xc3\xbc", "\xc3\xbc" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char *utf8 = escape_to_utf8(rows[i].raw);
        assert_string_equal(utf8, rows[i].safe);
        free(utf8);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_all_pairs),
        cmocka_unit_test(test_longest),
        cmocka_unit_test(test_to_utf8),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
