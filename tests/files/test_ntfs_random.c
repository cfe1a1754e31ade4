/* SPDX-License-Identifier: ISC */
/* Random operations on NTFS. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "helper_random.h"

static void as_made(void **unused)
{
    (void)unused;
    random_run(&image_ntfs, "", 64u << 20, false);
}

static void large_sectors(void **unused)
{
    (void)unused;
    random_run(&image_ntfs, "-s 4096", 64u << 20, false);
}

static void small_clusters(void **unused)
{
    (void)unused;
    random_run(&image_ntfs, "-c 512", (64u << 20) + 1536, false); /* the end is no whole block of ours */
}

static void large_clusters(void **unused)
{
    (void)unused;
    random_run(&image_ntfs, "-c 65536", 256u << 20, false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_made),
        cmocka_unit_test(large_sectors),
        cmocka_unit_test(small_clusters),
        cmocka_unit_test(large_clusters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
