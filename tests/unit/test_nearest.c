/* SPDX-License-Identifier: ISC */
/* test_nearest.c - the word that was probably meant. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "nearest.h"

static void test_distance(void **state)
{
    static const struct {
        const char *a, *b;
        size_t distance;
    } rows[] = {
        { "", "", 0 },         { "", "abc", 3 },      { "abc", "", 3 },         { "size", "size", 0 },
        { "size", "sise", 1 }, { "size", "siez", 1 }, { "size", "siz", 1 },     { "size", "sizes", 1 },
        { "ab", "ba", 1 },     { "abcd", "badc", 2 }, { "mount", "umount", 1 }, { "kitten", "sitting", 3 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(nearest_distance(rows[i].a, rows[i].b), rows[i].distance);
        assert_int_equal(nearest_distance(rows[i].b, rows[i].a), rows[i].distance);
    }
}

static void test_long_words(void **state)
{
    char word[100];

    (void)state;
    memset(word, 'a', sizeof(word) - 1);
    word[sizeof(word) - 1] = '\0';
    assert_true(nearest_distance(word, "a") == SIZE_MAX);
    struct nearest nearest = { .word = word };
    nearest_offer(&nearest, "a");
    assert_null(nearest.best);
}

static const char *best_of(const char *word)
{
    static const char *const words[] = { "create", "mount",   "unmount",         "list",
                                         "json",   "quiet",   "passphrase-file", "passphrase-fd",
                                         "help",   "version", "kdf-memory",      "kdf-passes" };
    struct nearest nearest = { .word = word };

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        nearest_offer(&nearest, words[i]);
    }
    return nearest.best;
}

static void test_offer(void **state)
{
    (void)state;
    assert_string_equal(best_of("creat"), "create");
    assert_string_equal(best_of("umount"), "unmount");
    assert_string_equal(best_of("jsno"), "json");
    assert_string_equal(best_of("ver"), "version");
    assert_string_equal(best_of("passphrase"), "passphrase-file");
    assert_string_equal(best_of("LIST"), "list");
    assert_string_equal(best_of("passphrase-fil"), "passphrase-file");
    assert_string_equal(best_of("kdf-mem"), "kdf-memory");
    assert_null(best_of("frobnicate"));
    assert_null(best_of("x"));
    assert_null(best_of(""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_distance),
        cmocka_unit_test(test_long_words),
        cmocka_unit_test(test_offer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
