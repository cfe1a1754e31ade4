/* SPDX-License-Identifier: ISC */
/* Random operations on ext file systems of many shapes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "helper_random.h"

static void ext4_as_made(void **unused)
{
    (void)unused;
    random_run(&image_ext, "-t ext4 -b 4096", 256u << 20, true);
}

static void ext4_small_blocks(void **unused)
{
    (void)unused;
    random_run(&image_ext, "-t ext4 -b 1024", 128u << 20, true);
}

static void ext4_plain(void **unused)
{
    (void)unused;
    random_run(&image_ext, "-t ext4 -b 2048 -O ^metadata_csum,^64bit,^flex_bg,^uninit_bg -I 128", 128u << 20,
               true);
}

static void ext4_without_journal(void **unused)
{
    (void)unused;
    random_run(&image_ext, "-t ext4 -O ^has_journal,^dir_index", 128u << 20, true);
}

static void ext3(void **unused)
{
    (void)unused;
    random_run(&image_ext, "-t ext3 -b 1024", 128u << 20, false);
}

static void ext2(void **unused)
{
    (void)unused;
    random_run(&image_ext, "-t ext2 -b 4096", 128u << 20, false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ext4_as_made), cmocka_unit_test(ext4_small_blocks),
        cmocka_unit_test(ext4_plain),   cmocka_unit_test(ext4_without_journal),
        cmocka_unit_test(ext3),         cmocka_unit_test(ext2),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
