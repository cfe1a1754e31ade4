/* SPDX-License-Identifier: ISC */
/* Damaged exFAT file systems, which were closed properly, or which were not. */
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

static enum coffer_status open_unclean(struct coffer_volume *volume, const struct files_options *options,
                                       struct files **files, struct coffer_error *error)
{
    const uint8_t flags = 2;
    coffer_volume_pwrite(volume, &flags, 1, 106, error);
    return files_open_exfat(volume, options, files, error);
}

static void damaged_and_unclean(void **unused)
{
    (void)unused;
    struct image_kind kind = image_exfat;
    kind.open = open_unclean;
    damaged_runs(&kind, "-c 1024");
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(damaged), cmocka_unit_test(damaged_and_unclean) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
