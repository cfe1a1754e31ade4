/* SPDX-License-Identifier: ISC */
/* Power failures under ext file systems. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "helper_power.h"

static void ext4_as_made(void **unused)
{
    (void)unused;
    cut_runs(&image_ext, "-t ext4 -b 4096 -m 0");
}

static void ext4_small_blocks(void **unused)
{
    (void)unused;
    cut_runs(&image_ext, "-t ext4 -b 1024 -m 0");
}

static void ext4_without_checksums(void **unused)
{
    (void)unused;
    cut_runs(&image_ext, "-t ext4 -b 4096 -m 0 -O ^metadata_csum,^64bit");
}

static void ext3(void **unused)
{
    (void)unused;
    cut_runs(&image_ext, "-t ext3 -b 1024 -m 0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ext4_as_made),
        cmocka_unit_test(ext4_small_blocks),
        cmocka_unit_test(ext4_without_checksums),
        cmocka_unit_test(ext3),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
