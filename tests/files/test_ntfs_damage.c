/* SPDX-License-Identifier: ISC */
/* Damaged NTFS. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "helper_damage.h"

static void small_clusters(void **unused)
{
    (void)unused;
    damaged_runs(&image_ntfs, "-c 512");
}

static void as_made(void **unused)
{
    (void)unused;
    damaged_runs(&image_ntfs, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_clusters),
        cmocka_unit_test(as_made),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
