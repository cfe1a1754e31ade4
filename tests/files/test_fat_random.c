/* SPDX-License-Identifier: ISC */
/* Random operations on FAT12, FAT16 and FAT32. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "helper_random.h"

static void fat12(void **unused)
{
    (void)unused;
    random_run(&image_fat, "-F 12 -s 128 -r 4096", 128u << 20, false);
}

static void fat16(void **unused)
{
    (void)unused;
    random_run(&image_fat, "-F 16 -s 8 -r 4096", 128u << 20, false);
}

static void fat32(void **unused)
{
    (void)unused;
    random_run(&image_fat, "-F 32 -s 1", 128u << 20, false);
}

static void large_sectors(void **unused)
{
    (void)unused;
    random_run(&image_fat, "-S 4096 -s 1 -r 4096", 128u << 20, false);
}

static void one_table(void **unused)
{
    (void)unused;
    random_run(&image_fat, "-F 32 -f 1 -s 4", 128u << 20, false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fat12),         cmocka_unit_test(fat16),     cmocka_unit_test(fat32),
        cmocka_unit_test(large_sectors), cmocka_unit_test(one_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
