/* SPDX-License-Identifier: ISC */
/* test_mount_record.c - the lines of a state file: there and back, in parts, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mount_record.h"

static char volume[] = "/home/u/a \"b\"\n.coffer";
static char mount_point[] = "/home/u/\xff\xfe m";
static char way[] = "block";
static char format[] = "coffer";

static struct mount_record make(void)
{
    return (struct mount_record){
        .volume = volume,
        .mount_point = mount_point,
        .way = way,
        .format = format,
        .server_pid = 4711,
        .read_only = true,
        .volume_device = 65024,
        .volume_inode = (ino_t)UINT64_MAX,
        .started = UINT64_C(1795757373137329700),
    };
}

static bool parse(const char *text, struct mount_record *record)
{
    return mount_record_parse(text, strlen(text), record);
}

/* The lines after each other; frees those after the first. */
static char *join(const char *description, char *line)
{
    char *text;

    assert_non_null(line);
    assert_true(asprintf(&text, "%s%s", description, line) > 0);
    free(line);
    return text;
}

static void goes_there_and_back(void **state)
{
    (void)state;
    struct mount_record record = make();
    struct mount_record read;
    char *line = mount_record_describe(&record);

    assert_non_null(line);
    assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);
    assert_true(parse(line, &read));
    assert_string_equal(read.volume, volume);
    assert_string_equal(read.mount_point, mount_point);
    assert_string_equal(read.way, way);
    assert_string_equal(read.format, format);
    assert_int_equal(read.server_pid, 4711);
    assert_true(read.read_only);
    assert_false(read.protects_hidden);
    assert_false(read.is_private);
    assert_int_equal(read.volume_device, 65024);
    assert_int_equal(read.volume_inode, (ino_t)UINT64_MAX);
    assert_int_equal(read.started, record.started);
    assert_int_equal(read.phase, MOUNT_STARTING);
    assert_null(read.failure);
    mount_record_free(&read);
    free(line);
}

static void later_lines_change_it(void **state)
{
    (void)state;
    struct mount_record record = make();
    struct mount_record read;
    char *first = mount_record_describe(&record);

    char *serving = join(first, mount_record_say_serving(53));
    assert_true(parse(serving, &read));
    assert_int_equal(read.phase, MOUNT_SERVING);
    assert_int_equal(read.device, 53);
    assert_false(read.has_refused);
    mount_record_free(&read);

    char *refused = join(serving, mount_record_say_refused());
    assert_true(parse(refused, &read));
    assert_int_equal(read.phase, MOUNT_SERVING);
    assert_true(read.has_refused);
    mount_record_free(&read);

    char *closing = join(refused, mount_record_say_closing());
    assert_true(parse(closing, &read));
    assert_int_equal(read.phase, MOUNT_CLOSING);
    assert_int_equal(read.device, 53);
    assert_true(read.has_refused);
    mount_record_free(&read);

    char *well = join(closing, mount_record_say_ended(NULL));
    assert_true(parse(well, &read));
    assert_int_equal(read.phase, MOUNT_ENDED);
    assert_null(read.failure);
    mount_record_free(&read);

    char *badly = join(closing, mount_record_say_ended("no space left"));
    assert_true(parse(badly, &read));
    assert_int_equal(read.phase, MOUNT_ENDED);
    assert_string_equal(read.failure, "no space left");
    mount_record_free(&read);

    /* Cut anywhere in the last line, it is the record before that line. */
    for (size_t size = strlen(closing); size < strlen(badly); size++) {
        assert_true(mount_record_parse(badly, size, &read));
        assert_int_equal(read.phase, MOUNT_CLOSING);
        mount_record_free(&read);
    }
    free(badly);
    free(well);
    free(closing);
    free(refused);
    free(serving);
    free(first);
}

/* The description with `from` replaced by `to`. */
static void refuse(const char *from, const char *to)
{
    struct mount_record record = make();
    struct mount_record read;
    char *line = mount_record_describe(&record);
    char *at = strstr(line, from);
    char *changed;

    if (!at) {
        fail_msg("'%s' is not in %s", from, line);
    }
    assert_true(asprintf(&changed, "%.*s%s%s", (int)(at - line), line, to, at + strlen(from)) > 0);
    assert_false(parse(changed, &read));
    assert_null(read.volume);
    free(changed);
    free(line);
}

static void refuses_what_is_no_record(void **state)
{
    (void)state;
    struct mount_record read;

    assert_false(mount_record_parse("", 0, &read));
    assert_false(parse("\n", &read));
    assert_false(parse("{}\n", &read));
    assert_false(parse("[]\n", &read));
    assert_false(parse("null\n", &read));
    assert_false(parse("{\"schema\":\"coffer.mount_state/1\"}\n", &read));
    refuse("mount_state/1", "mount_state/2");
    refuse("\"volume\":\"/home", "\"volume\":\"home");
    refuse("\"volume\":\"/home", "\"volume\":\"\\u0000/home");
    refuse("\"volume\":\"/home/u", "\"volume\":1,\"x\":\"");
    refuse("4711", "0");
    refuse("4711", "-1");
    refuse("4711", "4294967296");
    refuse("4711", "\"4711\"");
    refuse("\"read_only\":true", "\"read_only\":1");
    refuse("mount_point_bytes\":\"L", "mount_point_bytes\":\"!");
    refuse("mount_point_bytes\":\"L", "mount_point_bytes\":\"A"); /* does not begin with a slash */
    refuse("mount_point_bytes\":\"L2", "mount_point_bytes\":\"L");
    refuse("mount_point_bytes\":\"L2hv", "mount_point_bytes\":\"LwAA"); /* a NUL byte */
    refuse("}\n", "}}\n");
    refuse("}\n", "}\n{\"phase\":\"dancing\"}\n");
    refuse("}\n", "}\n{\"phase\":\"serving\"}\n");
    refuse("}\n", "}\n\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(goes_there_and_back),
        cmocka_unit_test(later_lines_change_it),
        cmocka_unit_test(refuses_what_is_no_record),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
