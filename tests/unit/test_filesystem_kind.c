/* SPDX-License-Identifier: ISC */
/* test_filesystem_kind.c - labels as each file system takes them, and the command lines of their programs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "filesystem_kind.h"

/* expected NULL: refused. */
static void expect_label(const char *kind, const char *label, const char *expected)
{
    char adapted[FILESYSTEM_LABEL_MAX];
    bool is_taken = filesystem_kind_adapt_label(filesystem_kind_find(kind), label, adapted);

    assert_int_equal(is_taken, expected != NULL);
    if (expected) {
        assert_string_equal(adapted, expected);
    }
}

static void adapts_labels(void **state)
{
    (void)state;
    expect_label("ext4", "", NULL);
    expect_label("ext4", "sixteen bytes ok", "sixteen bytes ok");
    expect_label("ext4", "seventeen bytes  ", NULL);
    expect_label("ext4", "line\nbreak", NULL);
    expect_label("ext4", "\xff", NULL);
    expect_label("xfs", "twelve bytes", "twelve bytes");
    expect_label("xfs", "thirteen byte", NULL);
    expect_label("vfat", "holiday 99", "HOLIDAY 99");
    expect_label("vfat", "twelve chars", NULL);
    expect_label("vfat", "a.b", NULL);
    expect_label("vfat", "\xc3\xa4", NULL);
    expect_label("exfat", "\xc3\xa4\xc3\xb6\xc3\xbc 11 units", NULL);
    expect_label("exfat", "\xc3\xa4\xc3\xb6\xc3\xbc 8 unit", "\xc3\xa4\xc3\xb6\xc3\xbc 8 unit");
    expect_label("exfat", "123456789\xf0\x9f\x94\x92", "123456789\xf0\x9f\x94\x92");
    expect_label("exfat", "1234567890\xf0\x9f\x94\x92", NULL);
    expect_label("btrfs", "with a slash /", NULL);
    expect_label("btrfs", "as long as one likes, nearly", "as long as one likes, nearly");
    expect_label("ntfs", "as long as one likes, nearly", "as long as one likes, nearly");
}

static bool has(const struct filesystem_command *command, const char *argument)
{
    for (size_t i = 0; i < command->count; i++) {
        if (strcmp(command->arguments[i], argument) == 0) {
            return true;
        }
    }
    return false;
}

static void builds_command_lines(void **state)
{
    static const char *const names[] = { "ext4", "exfat", "vfat", "btrfs", "xfs", "ntfs" };
    (void)state;

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        const struct filesystem_wish wish = {
            .program = "/sbin/mkfs", .path = "/run/x/volume", .label = "L", .sector_size = 4096, .uid = 7, .gid = 8
        };
        struct filesystem_command command;
        filesystem_kind_build(filesystem_kind_find(names[i]), &wish, &command);
        assert_true(command.count < FILESYSTEM_ARGUMENTS_MAX);
        assert_string_equal(command.arguments[0], "/sbin/mkfs");
        assert_string_equal(command.arguments[command.count - 1], "/run/x/volume");
        assert_null(command.arguments[command.count]);
        assert_true(has(&command, "L"));
    }
}

static void ext4_relies_on_zeros_only_where_there_are_some(void **state)
{
    (void)state;
    struct filesystem_wish wish = { .program = "p", .path = "v", .sector_size = 4096, .uid = 7, .gid = 8 };
    struct filesystem_command command;

    wish.reads_as_zeros = true;
    filesystem_kind_build(filesystem_kind_find("ext4"), &wish, &command);
    assert_true(has(&command, "nodiscard,root_owner=7:8,assume_storage_prezeroed=1"));
    assert_false(has(&command, "-L"));
    wish.reads_as_zeros = false;
    filesystem_kind_build(filesystem_kind_find("ext4"), &wish, &command);
    assert_true(has(&command, "nodiscard,root_owner=7:8,lazy_itable_init=1"));
}

static void passes_the_sector_size_on(void **state)
{
    (void)state;
    struct filesystem_wish wish = { .program = "p", .path = "v", .sector_size = 512 };
    struct filesystem_command command;

    filesystem_kind_build(filesystem_kind_find("xfs"), &wish, &command);
    assert_true(has(&command, "size=512"));
    filesystem_kind_build(filesystem_kind_find("vfat"), &wish, &command);
    assert_true(has(&command, "512"));
    filesystem_kind_build(filesystem_kind_find("ntfs"), &wish, &command);
    assert_true(has(&command, "512"));
}

static void knows_no_others(void **state)
{
    (void)state;
    assert_null(filesystem_kind_find("auto"));
    assert_null(filesystem_kind_find("none"));
    assert_null(filesystem_kind_find("ext"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(adapts_labels),
        cmocka_unit_test(builds_command_lines),
        cmocka_unit_test(ext4_relies_on_zeros_only_where_there_are_some),
        cmocka_unit_test(passes_the_sector_size_on),
        cmocka_unit_test(knows_no_others),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
