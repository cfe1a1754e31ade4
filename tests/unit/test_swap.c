/* SPDX-License-Identifier: ISC */
/* test_swap.c - which swap spaces are unsafe. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "swap.h"

#define HEADINGS "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n"

static bool is_zram(const char *path)
{
    return strcmp(path, "/dev/zram0") == 0;
}

static void expect(const char *text, const char *unsafe)
{
    char *found = swap_find_unsafe(text, is_zram);

    if (unsafe) {
        assert_non_null(found);
        assert_string_equal(found, unsafe);
    } else {
        assert_null(found);
    }
    free(found);
}

static void finds_what_is_not_safe(void **state)
{
    (void)state;
    expect("", NULL);
    expect(HEADINGS, NULL);
    expect(HEADINGS "/dev/zram0                              partition\t8388604\t\t0\t\t100\n", NULL);
    expect(HEADINGS "/dev/zram0 partition\t1\t0\t100\n/dev/sda2 partition\t1\t0\t-2\n", "/dev/sda2");
    expect(HEADINGS "/swap\\040file                            file\t\t1\t0\t-2\n", "/swap file");
    /* A file is never asked about: its name means nothing. */
    expect(HEADINGS "/dev/zram0 file\t1\t0\t-2\n", "/dev/zram0");
    expect("no\nsense\n\n  \n", NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(finds_what_is_not_safe) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
