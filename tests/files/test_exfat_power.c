/* SPDX-License-Identifier: ISC */
/* Power failures under exFAT. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "helper_power.h"

static void small_clusters(void **unused)
{
    (void)unused;
    cut_runs(&image_exfat, "-c 1K");
}

static void usual(void **unused)
{
    (void)unused;
    cut_runs(&image_exfat, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_clusters),
        cmocka_unit_test(usual),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
