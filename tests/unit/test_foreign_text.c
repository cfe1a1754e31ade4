/* SPDX-License-Identifier: ISC */
/* What others write as text: property lists, base64 and checksums. Nothing is read beyond the end of a list. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base64.h"
#include "crc32.h"
#include "plist.h"

/* In memory that ends where the text does, for a sanitizer to see. */
static struct bytes copy_of(const char *text)
{
    size_t size = strlen(text);
    struct bytes copy = { malloc(size > 0 ? size : 1), size };
    assert_non_null(copy.data);
    memcpy(copy.data, text, size);
    return copy;
}

/* `expected` NULL: it is not found. */
static void expect(const char *text, const char *key, const char *type, const char *expected)
{
    struct bytes list = copy_of(text), value;
    bool found = plist_find(list, key, type, &value);
    assert_int_equal(found, expected != NULL);
    if (found) {
        assert_int_equal(value.size, strlen(expected));
        assert_memory_equal(value.data, expected, value.size);
    }
    free(list.data);
}

static void values_are_found_by_name_and_type(void **state)
{
    (void)state;
    static const char list[] =
        "<dict ID=\"0\"><key>a</key><string>x</string><key>b</key><string ID=\"1\">y</string>"
        "<key>n</key><integer size=\"64\" ID=\"8\">0xa0</integer><key>e</key><data ID=\"3\"></data>"
        "<key>r</key><reference IDREF=\"1\"/><key>m</key><reference IDREF=\"8\"/>"
        "<key>l</key><reference IDREF=\"99\"/><key>e</key><data>QQ==</data></dict>";
    expect(list, "a", "string", "x");
    expect(list, "b", "string", "y");
    expect(list, "n", "integer", "0xa0");
    expect(list, "r", "string", "y");
    expect(list, "m", "integer", "0xa0");
    expect(list, "e", "data", "QQ=="); /* the first one is empty */
    expect(list, "l", "string", NULL);
    expect(list, "a", "integer", NULL);
    expect(list, "r", "integer", NULL);
    expect(list, "c", "string", NULL);
}

static void a_list_that_breaks_off_gives_nothing(void **state)
{
    (void)state;
    static const char list[] = "<key>a</key><string ID=\"5\">x</string>";
    char cut[sizeof(list)];
    for (size_t size = 0; size < strlen(list); size++) {
        memcpy(cut, list, size);
        cut[size] = '\0';
        expect(cut, "a", "string", NULL);
    }
    expect(list, "a", "string", "x");
    expect("<key>a</key><reference IDREF=\"5", "a", "string", NULL);
    expect("<key>a</key><reference IDREF=\"5\"/>", "a", "string", NULL);
    expect("<key>a</key><reference IDREF=\"\"/> ID=\"\"", "a", "string", NULL);
    expect("<key>a</key><strings>x</strings>", "a", "string", NULL);
    expect("<key>a</key><string/>", "a", "string", NULL);
}

static void base64_is_decoded_or_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text, *bytes;
    } cases[] = { { "", "" },       { "Zg==", "f" },
                  { "Zm8=", "fo" }, { "Zm9v", "foo" },
                  { "Zg", "f" },    { "Zm9vYg==", "foob" },
                  { "Zm 9", NULL }, { "Zm9v\n", NULL },
                  { "Z=g=", NULL }, { "Zm9vYmFy", NULL /* no room */ } };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint8_t out[4];
        size_t size = 99;
        bool decoded = base64_decode(cases[i].text, strlen(cases[i].text), out, sizeof(out), &size);
        assert_int_equal(decoded, cases[i].bytes != NULL);
        if (decoded) {
            assert_int_equal(size, strlen(cases[i].bytes));
            assert_memory_equal(out, cases[i].bytes, size);
        }
    }
}

static void checksums_are_the_published_ones(void **state)
{
    (void)state;
    assert_int_equal(~crc32_add(CRC32_BEGIN, "123456789", 9), 0xcbf43926);
    assert_int_equal(~crc32c_add(CRC32_BEGIN, "123456789", 9), 0xe3069283);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_found_by_name_and_type),
        cmocka_unit_test(a_list_that_breaks_off_gives_nothing),
        cmocka_unit_test(base64_is_decoded_or_refused),
        cmocka_unit_test(checksums_are_the_published_ones),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
