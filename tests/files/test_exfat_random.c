/* SPDX-License-Identifier: ISC */
/* Random operations on exFAT. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "helper_random.h"

static void small_clusters(void **unused)
{
    (void)unused;
    random_run(&image_exfat, "-c 1K", 64u << 20, false);
}

static void large_clusters(void **unused)
{
    (void)unused;
    random_run(&image_exfat, "-c 64K", 256u << 20, false);
}

static void usual(void **unused)
{
    (void)unused;
    random_run(&image_exfat, "", 128u << 20, false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_clusters),
        cmocka_unit_test(large_clusters),
        cmocka_unit_test(usual),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
