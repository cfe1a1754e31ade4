/* SPDX-License-Identifier: ISC */
/* Power failures under NTFS. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "helper_power.h"

static void as_made(void **unused)
{
    (void)unused;
    cut_runs(&image_ntfs, "");
}

static void small_clusters(void **unused)
{
    (void)unused;
    cut_runs(&image_ntfs, "-c 512");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_made),
        cmocka_unit_test(small_clusters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
