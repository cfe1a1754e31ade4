/* SPDX-License-Identifier: ISC */
/* Power failures under exFAT; and at every write of a commit that renames. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "helper_power.h"

static void small_clusters(void **unused)
{
    (void)unused;
    cut_runs(&image_exfat, "-c 1K");
}

static void usual(void **unused)
{
    (void)unused;
    cut_runs(&image_exfat, "");
}

/* Names far apart, so that each has a sector of its own. */
static void rename_over(struct files *files, const char *name, const char *new_name)
{
    struct files_attr victim;
    uint64_t dir, new_dir;
    const char *last, *new_last;
    assert_int_equal(walk(files, new_name, &victim), 0);
    assert_int_equal(walk_parent(files, name, &dir, &last), 0);
    assert_int_equal(walk_parent(files, new_name, &new_dir, &new_last), 0);
    assert_int_equal(files->ops->rename(files, dir, last, new_dir, new_last, 0), 0);
    files->ops->evict(files, victim.ino);
}

static bool is_text(struct files *files, const char *path, const char *text)
{
    char data[16] = "";
    struct files_attr attr;
    return walk(files, path, &attr) == 0 && attr.size == strlen(text) &&
           files->ops->read(files, attr.ino, data, sizeof(data), 0) == (ssize_t)strlen(text) &&
           strcmp(data, text) == 0;
}

/* True when the commit is over before that write. */
static bool cut_rename(unsigned write, unsigned seed)
{
    struct image image, after = { .kind = &image_exfat };
    struct files_options how = { .read_only = false };
    struct coffer_error error = COFFER_ERROR_INIT;
    image_make(&image, &image_exfat, "-c 4K", 8u << 20);
    assert_true(snprintf(after.path, sizeof(after.path), "%s/after", image.dir) > 0);
    assert_int_equal(image_open(&image, &how, true, &error), COFFER_OK);
    struct files *files = image.files;
    assert_int_equal(make_dir(files, "one"), 0);
    assert_int_equal(make_dir(files, "two"), 0);
    assert_int_equal(put_file(files, "one/new", "new", 3), 0);
    assert_int_equal(put_file(files, "two/old", "old", 3), 0);
    assert_int_equal(put_file(files, "two/older", "older", 5), 0);
    assert_int_equal(files->ops->sync(files), 0);
    fake_volume_cut_later(image.volume, write, after.path, seed);
    rename_over(files, "one/new", "two/old");
    files->ops->sync(files);
    rename_over(files, "two/old", "two/older");
    files->ops->sync(files);
    bool was_cut = fake_volume_was_cut(image.volume);
    assert_int_equal(image_close(&image), COFFER_OK);
    if (was_cut) {
        image_must_open(&after);
        bool first = is_text(after.files, "one/new", "new");
        bool second = is_text(after.files, "two/old", "new");
        bool third = is_text(after.files, "two/older", "new");
        assert_int_equal(first + second + third, 1);
        assert_true(third || is_text(after.files, "two/older", "older"));
        assert_true(second || third || is_text(after.files, "two/old", "old"));
        image_must_be_clean(&after);
    }
    image_remove(&image);
    return !was_cut;
}

static void renames(void **unused)
{
    (void)unused;
    for (unsigned seed = 1; seed <= 4; seed++) {
        unsigned write = 1;
        while (!cut_rename(write, seed)) {
            write++;
        }
        assert_true(write > 10); /* else it was not cut in the middle */
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_clusters),
        cmocka_unit_test(usual),
        cmocka_unit_test(renames),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
