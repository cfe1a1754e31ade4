/* SPDX-License-Identifier: ISC */
/* The list of what is remembered: whatever is in the file, what comes out of it are known words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "remembered_list.h"

#define SALT "00112233445566778899aabbccddeeff"
#define GOOD SALT " veracrypt sha512\n"

static struct remembered entry_of(unsigned number)
{
    struct remembered entry = { .type = "truecrypt", .hash = "whirlpool" };
    snprintf(entry.salt, sizeof(entry.salt), "%032x", number);
    return entry;
}

static size_t count_in(const char *text, size_t size)
{
    struct remembered_list list;
    char *copy = malloc(size > 0 ? size : 1); /* a sanitizer sees what is read beyond it */
    assert_non_null(copy);
    memcpy(copy, text, size);
    remembered_list_parse(copy, size, &list);
    free(copy);
    return list.count;
}

static void what_is_written_is_read(void **state)
{
    (void)state;
    struct remembered_list list = { .count = 0 }, again;
    struct remembered entry = { .type = "veracrypt", .hash = "argon2id" };
    const uint8_t salt[REMEMBERED_SALT_SIZE] = { 0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77,
                                                 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff };
    remembered_salt(salt, &entry);
    assert_string_equal(entry.salt, SALT);
    const struct remembered other = entry_of(7);
    remembered_list_put(&list, &entry);
    remembered_list_put(&list, &other);
    char *text = remembered_list_format(&list);
    assert_string_equal(text,
                        "00000000000000000000000000000007 truecrypt whirlpool\n" SALT " veracrypt argon2id\n");
    remembered_list_parse(text, strlen(text), &again);
    assert_int_equal(again.count, 2);
    assert_string_equal(remembered_list_find(&again, SALT)->hash, "argon2id");
    assert_string_equal(remembered_list_find(&again, SALT)->type, "veracrypt");
    free(text);
}

static void one_entry_for_one_salt(void **state)
{
    (void)state;
    struct remembered_list list = { .count = 0 };
    struct remembered entry = entry_of(1);
    remembered_list_put(&list, &entry);
    snprintf(entry.hash, sizeof(entry.hash), "sha1");
    remembered_list_put(&list, &entry);
    assert_int_equal(list.count, 1);
    assert_string_equal(list.entry[0].hash, "sha1");
    assert_true(remembered_list_drop(&list, entry.salt));
    assert_false(remembered_list_drop(&list, entry.salt));
    assert_int_equal(list.count, 0);
    assert_int_equal(count_in(GOOD GOOD, strlen(GOOD GOOD)), 1);
}

static void the_oldest_of_too_many_goes(void **state)
{
    (void)state;
    struct remembered_list list = { .count = 0 }, again;
    for (unsigned i = 0; i < REMEMBERED_MAX + 3; i++) {
        const struct remembered entry = entry_of(i);
        remembered_list_put(&list, &entry);
    }
    assert_int_equal(list.count, REMEMBERED_MAX);
    assert_null(remembered_list_find(&list, entry_of(2).salt));
    assert_non_null(remembered_list_find(&list, entry_of(3).salt));
    assert_string_equal(list.entry[0].salt, entry_of(REMEMBERED_MAX + 2).salt);
    assert_true(remembered_list_drop(&list, entry_of(50).salt));
    assert_null(remembered_list_find(&list, entry_of(50).salt));
    assert_non_null(remembered_list_find(&list, entry_of(49).salt));
    char *text = remembered_list_format(&list);
    remembered_list_parse(text, strlen(text), &again);
    assert_int_equal(again.count, REMEMBERED_MAX - 1);
    free(text);
}

static void damage_loses_lines_and_no_more(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "\n",
        " ",
        SALT,
        SALT " veracrypt",
        SALT " veracrypt sha512" /* no end */,
        SALT " veracrypt md5\n",
        SALT " luks sha512\n",
        SALT " veracrypt sha512 \n",
        SALT " veracrypt sha512 x\n",
        SALT "0 veracrypt sha512\n",
        "0011 veracrypt sha512\n",
        "00112233445566778899AABBCCDDEEFF veracrypt sha512\n",
        SALT " vera sha512\n",
        SALT " veracrypt sha\n",
        SALT " veracrypt sha512|sha256\n",
        SALT " veracryptveracryptveracrypt sha512\n",
        SALT " veracrypt \xff\n",
        "/home/someone/volume veracrypt sha512\n",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        char text[512];
        assert_int_equal(count_in(bad[i], strlen(bad[i])), 0);
        int size = snprintf(text, sizeof(text), GOOD "%s\n%s", bad[i],
                            "fedcba98765432100123456789abcdef truecrypt sha1\n");

        assert_int_equal(count_in(text, (size_t)size), 2);
    }
    assert_int_equal(count_in(SALT " veracrypt\0sha512\n", strlen(GOOD)), 0);
    for (size_t size = 0; size < strlen(GOOD); size++) {
        assert_int_equal(count_in(GOOD, size), 0);
    }
    char *long_line = malloc(65536);
    assert_non_null(long_line);
    memset(long_line, 'a', 65536);
    assert_int_equal(count_in(long_line, 65536), 0);
    free(long_line);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(one_entry_for_one_salt),
        cmocka_unit_test(the_oldest_of_too_many_goes),
        cmocka_unit_test(damage_loses_lines_and_no_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
