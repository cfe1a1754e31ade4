/* SPDX-License-Identifier: ISC */
/* test_size.c - sizes as people write and read them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "size.h"

#define GI (UINT64_C(1) << 30)

struct row {
    const char *text;
    uint64_t bytes;
};

static void test_units(void **state)
{
    static const struct row rows[] = {
        { "0", 0 },
        { "1", 1 },
        { "4096", 4096 },
        { "4096B", 4096 },
        { "4096b", 4096 },
        { "10G", 10 * GI },
        { "10GiB", 10 * GI },
        { "10g", 10 * GI },
        { "10gib", 10 * GI },
        { "10GB", UINT64_C(10000000000) },
        { "10gb", UINT64_C(10000000000) },
        { "1K", 1024 },
        { "1KB", 1000 },
        { "3M", 3 << 20 },
        { "3MB", 3000000 },
        { "2T", 2048 * GI },
        { "2TB", UINT64_C(2000000000000) },
        { "1P", 1048576 * GI },
        { "15E", UINT64_C(15) << 60 },
        { "18EB", UINT64_C(18000000000000000000) },
        { "18446744073709551615", UINT64_MAX },
        { "007", 7 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint64_t bytes = 1234567;
        assert_true(size_parse(rows[i].text, &bytes));
        assert_int_equal(bytes, rows[i].bytes);
    }
}

static void test_refused(void **state)
{
    static const char *const rows[] = {
        "",
        " ",
        "G",
        "-1",
        "+1",
        " 1",
        "1 ",
        "1.5G",
        "1,5G",
        "1 G",
        "10X",
        "10Gi",
        "10GBB",
        "10GiBs",
        "10iB",
        "0x10",
        "1e3",
        "10KK",
        "10BB",
        "ten",
        "16E",
        "19EB",
        "18446744073709551616",
        "99999999999999999999999",
        "18446744073709551615K",
        "10G\n",
        "10G ",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint64_t bytes = 1234567;
        assert_false(size_parse(rows[i], &bytes));
        assert_int_equal(bytes, 1234567);
    }
}

static void test_format(void **state)
{
    static const struct row rows[] = {
        { "0 bytes", 0 },           { "1 byte", 1 },
        { "1023 bytes", 1023 },     { "1 KiB", 1024 },
        { "1.5 KiB", 1536 },        { "1023.9 KiB", (1 << 20) - 1 }, /* cut, not rounded up */
        { "1 MiB", 1 << 20 },       { "9.3 GiB", UINT64_C(10000000000) },
        { "10 GiB", 10 * GI },      { "1 EiB", UINT64_C(1) << 60 },
        { "15.9 EiB", UINT64_MAX },
    };
    char text[SIZE_TEXT_MAX];

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_string_equal(size_format(rows[i].bytes, text), rows[i].text);
    }
}

static void test_format_exact(void **state)
{
    char text[SIZE_TEXT_MAX];

    (void)state;
    assert_string_equal(size_format_exact(10 * GI, text), "10 GiB (10737418240 bytes)");
    assert_string_equal(size_format_exact(17, text), "17 bytes");
    assert_string_equal(size_format_exact(UINT64_MAX, text), "15.9 EiB (18446744073709551615 bytes)");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_units),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_format),
        cmocka_unit_test(test_format_exact),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
