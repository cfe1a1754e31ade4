/* SPDX-License-Identifier: ISC */
/* test_explain.c - every status has its own exit status, and what is said about it is one line. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "explain.h"
#include "status.h"

static void test_exit_statuses(void **state)
{
    (void)state;
    assert_int_equal(status_exit(OPERATION_OPEN, COFFER_OK), 0);
    assert_int_equal(status_exit(OPERATION_OPEN, COFFER_FAILED), 1);
    assert_int_equal(status_exit(OPERATION_OPEN, COFFER_INVALID), 2);
    assert_int_equal(status_exit(OPERATION_OPEN, COFFER_NOT_FOUND), 10);
    assert_int_equal(status_exit(OPERATION_OPEN, COFFER_IN_USE), 11);
    assert_int_equal(status_exit(OPERATION_OPEN, COFFER_WRONG_SECRET), 12);
    assert_int_equal(status_exit(OPERATION_OPEN, COFFER_DAMAGED), 13);
    assert_int_equal(status_exit(OPERATION_OPEN, COFFER_UNSUPPORTED), 14);
    assert_int_equal(status_exit(OPERATION_OPEN, COFFER_NO_MEMORY), 15);
    assert_int_equal(status_exit(OPERATION_OPEN, COFFER_NOT_PERMITTED), 16);
    assert_int_equal(status_exit(OPERATION_OPEN, COFFER_INTERRUPTED), 130);
    assert_int_equal(status_exit(OPERATION_OPEN, (enum coffer_status)99), 1);
}

/* A script that creates a volume where there is none must not take a missing key file for that. */
static void test_missing_key_file(void **state)
{
    (void)state;
    assert_int_equal(status_exit(OPERATION_KEY_FILE, COFFER_NOT_FOUND), 1);
    assert_int_equal(status_exit(OPERATION_KEY_FILE, COFFER_NOT_PERMITTED), 16);
}

static bool is_line(const char *text)
{
    size_t size = strlen(text);

    return size > 0 && size < 160 && !strchr(text, '\n') && text[size - 1] != '.';
}

static void test_texts_are_lines(void **state)
{
    (void)state;
    for (int operation = OPERATION_START; operation <= OPERATION_UNMOUNT; operation++) {
        assert_true(is_line(explain_failure((enum operation)operation)));
        for (int status = COFFER_FAILED; status <= COFFER_INTERRUPTED; status++) {
            struct coffer_error error = { (enum coffer_status)status, 0, "text" };
            const char *hint = explain_hint((enum operation)operation, &error);
            assert_true(!hint || is_line(hint));
        }
    }
}

static void test_errno(void **state)
{
    (void)state;
    assert_string_equal(explain_errno(ENOENT), "no such file or directory");
    assert_string_equal(explain_errno(EIO), "input/output error");
    assert_string_equal(explain_errno(999999), "unknown error");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_exit_statuses),
        cmocka_unit_test(test_missing_key_file),
        cmocka_unit_test(test_texts_are_lines),
        cmocka_unit_test(test_errno),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
