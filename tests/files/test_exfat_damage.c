/* SPDX-License-Identifier: ISC */
/* Damaged exFAT file systems. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "helper_damage.h"

static void damaged(void **unused)
{
    (void)unused;
    damaged_runs(&image_exfat, "-c 1024");
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(damaged) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
