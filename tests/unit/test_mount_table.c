/* SPDX-License-Identifier: ISC */
/* test_mount_table.c - /proc/self/mountinfo: escapes, empty sources, mounts over mounts, broken lines. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include <cmocka.h>

#include "mount_table.h"

static struct mount_table parse(const char *text)
{
    struct mount_table table;

    assert_true(mount_table_parse(strdup(text), &table));
    return table;
}

static void reads_the_fields(void **state)
{
    (void)state;
    struct mount_table table = parse("27 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw,discard\n"
                                     "90 27 0:53 / /mnt/a ro,nosuid shared:7 master:2 - fuse.coffer "
                                     "/home/u/a.coffer rw,user_id=1000,group_id=5\n");

    assert_int_equal(table.count, 2);
    const struct mount_entry *entry = mount_table_top(&table, "/mnt/a");
    assert_non_null(entry);
    assert_int_equal(entry->device, makedev(0, 53));
    assert_string_equal(entry->source, "/home/u/a.coffer");
    assert_int_equal(entry->owner, 1000);
    assert_true(entry->read_only);
    assert_true(mount_entry_is_ours(entry));

    entry = mount_table_top(&table, "/");
    assert_false(entry->read_only);
    assert_false(mount_entry_is_ours(entry));
    assert_null(mount_table_top(&table, "/mnt"));
    mount_table_free(&table);
}

static void undoes_the_escapes(void **state)
{
    (void)state;
    struct mount_table table = parse("9 1 0:5 / /mnt/a\\040b\\012c\\134d\xff\\09 rw - fuse.coffer /x\\040y rw\n");

    assert_int_equal(table.count, 1);
    assert_string_equal(table.entries[0].mount_point, "/mnt/a b\nc\\d\xff\\09");
    assert_string_equal(table.entries[0].source, "/x y");
    mount_table_free(&table);
}

static void takes_an_empty_source_and_no_tags(void **state)
{
    (void)state;
    struct mount_table table = parse("9 1 0:5 / /mnt rw - fuse  rw,user_id=0");

    assert_int_equal(table.count, 1);
    assert_string_equal(table.entries[0].source, "");
    assert_string_equal(table.entries[0].type, "fuse");
    assert_int_equal(table.entries[0].owner, 0);
    mount_table_free(&table);
}

static void finds_the_uppermost(void **state)
{
    (void)state;
    struct mount_table table = parse("30 27 0:9 / /mnt rw - tmpfs upper rw\n"
                                     "20 1 0:7 / /mnt rw - tmpfs lower rw\n"
                                     "27 20 0:8 / /mnt rw - tmpfs middle rw\n"
                                     "31 30 0:10 / /mnt/below rw - tmpfs below rw\n");

    assert_string_equal(mount_table_top(&table, "/mnt")->source, "upper");
    assert_string_equal(mount_table_find(&table, "/mnt", makedev(0, 8))->source, "middle");
    assert_null(mount_table_find(&table, "/mnt", makedev(0, 10)));
    mount_table_free(&table);
}

static void leaves_out_what_is_no_line(void **state)
{
    (void)state;
    struct mount_table table =
        parse("\n27\n27 1\n27 1 254:0 / /mnt rw\n27 1 254:0 / /mnt rw -\n"
              "27 1 254:0 / /mnt rw - ext4\n27 1 254:0 / /mnt rw - ext4 source\n"
              "x 1 254:0 / /mnt rw - ext4 source rw\n27 x 254:0 / /mnt rw - ext4 source rw\n"
              "27 1 254 / /mnt rw - ext4 source rw\n27 1 254:x / /mnt rw - ext4 source rw\n"
              "27 1 254:0 / /good rw - ext4 source rw\n");

    assert_int_equal(table.count, 1);
    assert_string_equal(table.entries[0].mount_point, "/good");
    mount_table_free(&table);
    table = parse("");
    assert_int_equal(table.count, 0);
    mount_table_free(&table);
}

static void reads_that_of_this_process(void **state)
{
    (void)state;
    struct mount_table table;

    assert_true(mount_table_read(&table));
    assert_non_null(mount_table_top(&table, "/proc")); /* "/" is none in a change root */
    mount_table_free(&table);
}

static void knows_what_lies_inside(void **state)
{
    (void)state;
    assert_true(mount_path_is_inside("/a/b", "/a"));
    assert_true(mount_path_is_inside("/a", "/a"));
    assert_true(mount_path_is_inside("/a", "/"));
    assert_false(mount_path_is_inside("/ab", "/a"));
    assert_false(mount_path_is_inside("/a", "/a/b"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_the_fields),
        cmocka_unit_test(undoes_the_escapes),
        cmocka_unit_test(takes_an_empty_source_and_no_tags),
        cmocka_unit_test(finds_the_uppermost),
        cmocka_unit_test(leaves_out_what_is_no_line),
        cmocka_unit_test(reads_that_of_this_process),
        cmocka_unit_test(knows_what_lies_inside),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
