/* SPDX-License-Identifier: ISC */
/* test_program.c - running other programs: what they see, what is caught of them, how they end. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "program.h"

static struct program_result run_shell(const char *script)
{
    const char *const arguments[] = { "/bin/sh", "-c", script, NULL };
    struct program_result result;

    program_run(arguments, NULL, &result);
    return result;
}

static void finds_by_fixed_directories_only(void **state)
{
    (void)state;
    char path[PROGRAM_PATH_MAX];

    setenv("PATH", "/nowhere", 1);
    assert_true(program_find("sh", path));
    assert_int_equal(path[0], '/');
    assert_false(program_find("no-such-program-anywhere", path));
    assert_false(program_find("0123456789012345678901234567890123456789012345678901234567890123456789", path));
}

static void reports_how_it_ended(void **state)
{
    (void)state;
    assert_int_equal(run_shell("exit 0").status, 0);
    assert_int_equal(run_shell("exit 7").status, 7);
    assert_int_equal(run_shell("kill -TERM $$").status, 128 + SIGTERM);

    const char *const missing[] = { "/nowhere/at/all", NULL };
    struct program_result result;
    assert_false(program_run(missing, NULL, &result));
    assert_int_equal(result.error, ENOENT);
}

static void catches_both_outputs(void **state)
{
    (void)state;
    struct program_result result = run_shell("echo one; echo two >&2; printf '\\n  last line \\n\\n'");

    assert_string_equal(result.output, "one\ntwo\n\n  last line \n\n");
    assert_string_equal(program_last_line(&result), "last line");
}

static void keeps_the_end_of_much_output(void **state)
{
    (void)state;
    struct program_result result =
        run_shell("i=0; while [ $i -lt 3000 ]; do echo line $i; i=$((i+1)); done; printf 'x\\000y\\n'");

    assert_int_equal(result.status, 0);
    assert_non_null(strstr(result.output, "line 2999\n"));
    assert_true(strlen(result.output) < PROGRAM_OUTPUT_MAX);
    assert_string_equal(program_last_line(&result), "x y");
}

static void empty_output_has_an_empty_last_line(void **state)
{
    (void)state;
    struct program_result result = run_shell("");

    assert_string_equal(program_last_line(&result), "");
}

static void do_nothing(int number)
{
    (void)number;
}

static bool say_stop(void)
{
    return true;
}

static void ends_it_when_told(void **state)
{
    (void)state;
    /* The program signals us once it runs, and would wait for ever. */
    const char *const arguments[] = { "/bin/sh", "-c", "kill -USR1 $PPID; exec sleep 600", NULL };
    struct sigaction action = { .sa_handler = do_nothing };
    struct program_result result;

    sigaction(SIGUSR1, &action, NULL);
    assert_false(program_run(arguments, say_stop, &result));
    assert_int_equal(result.status, 128 + SIGTERM);
}

static void inherits_no_environment(void **state)
{
    (void)state;
    setenv("LD_PRELOAD_FAKE", "1", 1);
    setenv("LC_ALL", "de_DE.UTF-8", 1);
    struct program_result result = run_shell("env | sort | grep -v '^PWD=\\|^_=\\|^SHLVL=\\|^OLDPWD='");

    assert_string_equal(result.output, "HOME=/\nLC_ALL=C.UTF-8\nPATH=/usr/sbin:/usr/bin:/sbin:/bin\n");
}

static void inherits_no_descriptors(void **state)
{
    (void)state;
    int opened = open("/dev/null", O_RDONLY);
    int high = fcntl(opened, F_DUPFD, 42);

    assert_true(high >= 42);
    struct program_result result =
        run_shell("for f in 3 4 5 6 7 8 9 42; do [ -e /proc/$$/fd/$f ] && echo $f; done; readlink /proc/$$/fd/0");
    close(high);
    close(opened);
    assert_string_equal(result.output, "/dev/null\n");
}

static void inherits_no_signals(void **state)
{
    (void)state;
    sigset_t all, before;

    sigfillset(&all);
    signal(SIGPIPE, SIG_IGN);
    sigprocmask(SIG_BLOCK, &all, &before);
    struct program_result result = run_shell("sed -n 's/^SigBlk:.//p; s/^SigIgn:.//p' /proc/self/status");
    sigprocmask(SIG_SETMASK, &before, NULL);

    /* Above the 31 standard signals are two of the C library's own, which it ignores in the child. */
    char *rest;
    assert_int_equal(strtoull(result.output, &rest, 16), 0);
    assert_int_equal(strtoull(rest, NULL, 16) & 0x7fffffff, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_by_fixed_directories_only),
        cmocka_unit_test(reports_how_it_ended),
        cmocka_unit_test(catches_both_outputs),
        cmocka_unit_test(keeps_the_end_of_much_output),
        cmocka_unit_test(empty_output_has_an_empty_last_line),
        cmocka_unit_test(ends_it_when_told),
        cmocka_unit_test(inherits_no_environment),
        cmocka_unit_test(inherits_no_descriptors),
        cmocka_unit_test(inherits_no_signals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
