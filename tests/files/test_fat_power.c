/* SPDX-License-Identifier: ISC */
/* Power failures under FAT12, FAT16 and FAT32. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "helper_power.h"

static void fat12(void **unused)
{
    (void)unused;
    cut_runs(&image_fat, "-F 12 -s 32");
}

static void fat16(void **unused)
{
    (void)unused;
    cut_runs(&image_fat, "-F 16 -s 4");
}

static void fat32(void **unused)
{
    (void)unused;
    cut_runs(&image_fat, "-F 32 -s 1");
}

static void large_sectors(void **unused)
{
    (void)unused;
    cut_runs(&image_fat, "-S 4096 -s 1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fat12),
        cmocka_unit_test(fat16),
        cmocka_unit_test(fat32),
        cmocka_unit_test(large_sectors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
