/* SPDX-License-Identifier: ISC */
/* Damaged ext file systems. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "helper_damage.h"

static void with_checksums(void **unused)
{
    (void)unused;
    damaged_runs(&image_ext, "-t ext4 -b 1024");
}

static void without_checksums(void **unused)
{
    (void)unused;
    damaged_runs(&image_ext, "-t ext4 -b 1024 -O ^metadata_csum,^uninit_bg");
}

static void ext2(void **unused)
{
    (void)unused;
    damaged_runs(&image_ext, "-t ext2 -b 1024");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(with_checksums),
        cmocka_unit_test(without_checksums),
        cmocka_unit_test(ext2),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
