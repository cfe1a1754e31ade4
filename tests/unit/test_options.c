/* SPDX-License-Identifier: ISC */
/* test_options.c - the parser of command lines, and what holds for the tables of all commands. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "command.h"
#include "options.h"

struct values {
    struct common_options common;
    struct secret_options secret;
    struct secret_options new_secret;
    const char *label;
    const char *fs;
    uint64_t size;
    long passes;
};

static const struct option table[] = {
    OPTION_TEXT(struct values, label, "label", "TEXT", "a label"),
    OPTION_CHOICE(struct values, fs, "fs", "auto|ext4|none", "a file system"),
    OPTION_SIZE(struct values, size, "size", "a size"),
    OPTION_NUMBER(struct values, passes, "kdf-passes", "N", 1, 64, "passes"),
    OPTIONS_SECRET(struct values),
    OPTIONS_NEW_SECRET(struct values),
    OPTIONS_COMMON(struct values),
    OPTIONS_END,
};

#define ARGUMENTS_MAX 100

static struct values values;
static const char *operands[ARGUMENTS_MAX];
static size_t operand_count;
static struct usage_error error;

static bool parse(const char *first, ...)
{
    char *arguments[ARGUMENTS_MAX];
    int count = 0;
    va_list list;

    va_start(list, first);
    for (const char *argument = first; argument; argument = va_arg(list, const char *)) {
        arguments[count++] = (char *)(uintptr_t)argument;
    }
    va_end(list);
    values = (struct values){ .passes = 7 };
    return options_parse(table, count, arguments, &values, operands, &operand_count, &error);
}

#define PARSE(...) parse(__VA_ARGS__, NULL)

static void expect_refused(bool parsed, const char *text, const char *hint)
{
    assert_false(parsed);
    assert_string_equal(error.text, text);
    assert_non_null(strstr(error.hint, hint));
    if (!*hint) {
        assert_string_equal(error.hint, "");
    }
}

static void test_nothing(void **state)
{
    (void)state;
    assert_true(parse(NULL));
    assert_int_equal(operand_count, 0);
    assert_int_equal(values.passes, 7);
    assert_null(values.label);
}

static void test_both_forms(void **state)
{
    (void)state;
    assert_true(PARSE("--label", "photos", "--size=10G", "--fs", "ext4", "--kdf-passes=64", "--json"));
    assert_string_equal(values.label, "photos");
    assert_int_equal(values.size, UINT64_C(10) << 30);
    assert_string_equal(values.fs, "ext4");
    assert_int_equal(values.passes, 64);
    assert_true(values.common.json);
    assert_false(values.common.quiet);
}

static void test_values_with_signs(void **state)
{
    (void)state;
    assert_true(PARSE("--label=a=b", "--passphrase-file", "-"));
    assert_string_equal(values.label, "a=b");
    assert_string_equal(values.secret.passphrase_file, "-");
    assert_true(PARSE("--label=", "x"));
    assert_string_equal(values.label, "");
    assert_true(PARSE("--label", "-x"));
    assert_string_equal(values.label, "-x");
    assert_true(PARSE("--label=--size"));
    assert_string_equal(values.label, "--size");
}

static void test_operands(void **state)
{
    (void)state;
    assert_true(PARSE("a", "--json", "-", "b", "--", "--size", "-x", "--"));
    assert_int_equal(operand_count, 6);
    assert_string_equal(operands[0], "a");
    assert_string_equal(operands[1], "-");
    assert_string_equal(operands[2], "b");
    assert_string_equal(operands[3], "--size");
    assert_string_equal(operands[4], "-x");
    assert_string_equal(operands[5], "--");
    assert_true(PARSE(""));
    assert_int_equal(operand_count, 1);
}

static void test_lists(void **state)
{
    (void)state;
    assert_true(PARSE("--key-file", "a", "--key-file=b", "--key-file", "a", "--new-key-file", "c"));
    assert_int_equal(values.secret.key_files.count, 3);
    assert_string_equal(values.secret.key_files.items[2], "a");
    assert_int_equal(values.new_secret.key_files.count, 1);
    assert_string_equal(values.new_secret.key_files.items[0], "c");
}

static void test_list_is_full(void **state)
{
    char *arguments[OPTION_LIST_MAX + 1];
    const char *room[OPTION_LIST_MAX + 1];

    (void)state;
    for (int i = 0; i <= OPTION_LIST_MAX; i++) {
        arguments[i] = (char *)(uintptr_t) "--key-file=k";
    }
    values = (struct values){ 0 };
    assert_true(options_parse(table, OPTION_LIST_MAX, arguments, &values, room, &operand_count, &error));
    assert_int_equal(values.secret.key_files.count, OPTION_LIST_MAX);
    values = (struct values){ 0 };
    assert_false(options_parse(table, OPTION_LIST_MAX + 1, arguments, &values, room, &operand_count, &error));
}

static void test_unknown(void **state)
{
    (void)state;
    expect_refused(PARSE("--sise", "1"), "unknown option '--sise'", "did you mean '--size'?");
    expect_refused(PARSE("--sise=1"), "unknown option '--sise'", "did you mean '--size'?");
    expect_refused(PARSE("--siz=1"), "unknown option '--siz'", "did you mean '--size'?");
    expect_refused(PARSE("-json"), "unknown option '-json'", "did you mean '--json'?");
    expect_refused(PARSE("-x"), "unknown option '-x'", "--help lists");
    expect_refused(PARSE("--frobnicate"), "unknown option '--frobnicate'", "--help lists");
    expect_refused(PARSE("--=x"), "unknown option '--'", "--help lists");
    expect_refused(PARSE("--JSON"), "unknown option '--JSON'", "did you mean '--json'?");
}

static void test_missing_value(void **state)
{
    (void)state;
    expect_refused(PARSE("--size"), "option '--size' needs a value", "--size SIZE");
    expect_refused(PARSE("--label", "--json"), "option '--label' needs a value", "--label=TEXT");
    expect_refused(PARSE("--label", "--", "x"), "option '--label' needs a value", "--label=TEXT");
    expect_refused(PARSE("--key-file="), "option '--key-file' needs the name of a file", "");
    expect_refused(PARSE("--passphrase-file", ""), "option '--passphrase-file' needs the name of a file", "");
}

static void test_surplus_value(void **state)
{
    (void)state;
    expect_refused(PARSE("--json=yes"), "option '--json' takes no value", "");
    expect_refused(PARSE("--json="), "option '--json' takes no value", "");
}

static void test_twice(void **state)
{
    (void)state;
    expect_refused(PARSE("--size", "1", "--size", "1"), "option '--size' is given twice", "");
    expect_refused(PARSE("--json", "--json"), "option '--json' is given twice", "");
}

static void test_bad_values(void **state)
{
    (void)state;
    expect_refused(PARSE("--size", "big"), "option '--size': 'big' is not a size", "10 * 2^30");
    expect_refused(PARSE("--size", "0"), "option '--size': '0' is not a size", "10G");
    expect_refused(PARSE("--size", "16E"), "option '--size': '16E' is not a size", "10G");
    expect_refused(PARSE("--fs", "ext"), "option '--fs' does not know 'ext'", "--fs auto|ext4|none");
    expect_refused(PARSE("--fs", "auto|ext4"), "option '--fs' does not know 'auto|ext4'", "--fs");
    expect_refused(PARSE("--fs="), "option '--fs' does not know ''", "--fs");
}

static void test_bad_numbers(void **state)
{
    static const char *const bad[] = {
        "", "0", "65", "-1", "+5", " 5", "5 ", "5x", "0x5", "99999999999999999999"
    };

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_false(PARSE("--kdf-passes", bad[i]));
        assert_non_null(strstr(error.text, "is not a number from 1 to 64"));
        assert_int_equal(values.passes, 7);
    }
    assert_false(PARSE("--passphrase-fd", "2"));
    assert_true(PARSE("--passphrase-fd", "3"));
    assert_int_equal(values.secret.passphrase_fd, 3);
}

/* A hostile argument is cut, not followed beyond the end of the message. */
static void test_long_argument(void **state)
{
    char argument[5000];

    (void)state;
    memset(argument, '-', sizeof(argument) - 1);
    argument[sizeof(argument) - 1] = '\0';
    assert_false(PARSE(argument));
    assert_true(strlen(error.text) < sizeof(error.text));
    memset(argument + 2, 'a', sizeof(argument) - 3);
    assert_false(PARSE(argument));
    assert_false(PARSE("--size", argument + 2));
}

/* ---- what holds for every table -------------------------------------------------------------------------- */

static void check_option(const struct option *option)
{
    assert_non_null(option->summary);
    assert_true(strlen(option->summary) > 0 && strlen(option->summary) < 100);
    assert_null(strchr(option->name, ':'));
    if (option->argument) {
        assert_null(strchr(option->argument, ':'));
    }
    assert_true((option->argument == NULL) == (option->kind == OPTION_KIND_FLAG));
    assert_true(option->summary[strlen(option->summary) - 1] != '.');
}

static void test_tables(void **state)
{
    (void)state;
    for (const struct command *const *at = commands; *at; at++) {
        const struct command *command = *at;
        size_t count = 0;
        assert_ptr_equal(command_find(command->name), command);
        assert_non_null(command->run);
        assert_null(strchr(command->operands, ':'));
        for (const struct option *option = command->options; option->name; option++, count++) {
            check_option(option);
            for (const struct option *other = command->options; other != option; other++) {
                assert_string_not_equal(other->name, option->name);
                assert_int_not_equal(other->offset, option->offset);
            }
        }
        assert_true(count < OPTION_TABLE_MAX);
    }
    assert_null(command_find("frobnicate"));
    assert_null(command_find(""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing),
        cmocka_unit_test(test_both_forms),
        cmocka_unit_test(test_values_with_signs),
        cmocka_unit_test(test_operands),
        cmocka_unit_test(test_lists),
        cmocka_unit_test(test_list_is_full),
        cmocka_unit_test(test_unknown),
        cmocka_unit_test(test_missing_value),
        cmocka_unit_test(test_surplus_value),
        cmocka_unit_test(test_twice),
        cmocka_unit_test(test_bad_values),
        cmocka_unit_test(test_bad_numbers),
        cmocka_unit_test(test_long_argument),
        cmocka_unit_test(test_tables),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
