/* SPDX-License-Identifier: ISC */
/* test_progress.c - the line of progress, and the signals that ask to stop. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "progress.h"

#define GI     (UINT64_C(1) << 30)
#define SECOND INT64_C(1000000000)

static void expect_line(uint64_t done, uint64_t total, int64_t elapsed_ns, const char *expected)
{
    char text[160];

    progress_format("fill", done, total, elapsed_ns, sizeof(text), text);
    assert_string_equal(text, expected);
}

static void test_line(void **state)
{
    (void)state;
    expect_line(GI, 2 * GI, 2 * SECOND,
                "fill [############------------]  50%  1 GiB of 2 GiB, 512 MiB/s, 0:00:02 left");
    expect_line(0, 2 * GI, 2 * SECOND,
                "fill [------------------------]   0%  0 bytes of 2 GiB, 0 bytes/s, 0:00:00 left");
    expect_line(2 * GI, 2 * GI, 2 * SECOND,
                "fill [########################] 100%  2 GiB of 2 GiB, 1 GiB/s, 0:00:00 left");
    expect_line(GI, 7200 * GI, SECOND,
                "fill [------------------------]   0%  1 GiB of 7 TiB, 1 GiB/s, 1:59:59 left");
}

/* Numbers that make no sense make no crash either. */
static void test_odd_numbers(void **state)
{
    char text[160];

    (void)state;
    expect_line(0, 0, 0, "fill [########################] 100%  0 bytes of 0 bytes, 0 bytes/s, 0:00:00 left");
    progress_format("fill", 3, 2, -1, sizeof(text), text);
    progress_format("fill", 1, UINT64_MAX, INT64_MAX, sizeof(text), text);
    progress_format("fill", UINT64_MAX, UINT64_MAX, 1, sizeof(text), text);
    progress_format("fill", UINT64_MAX - 1, UINT64_MAX, 1, 10, text);
    assert_int_equal(strlen(text), 9);
}

static void test_stop(void **state)
{
    static const int stops[] = { SIGINT, SIGTERM, SIGHUP };

    (void)state;
    for (size_t i = 0; i < sizeof(stops) / sizeof(stops[0]); i++) {
        progress_begin();
        assert_false(progress_is_stopped());
        assert_true(progress_report(NULL, "fill", 1, 2));
        raise(stops[i]);
        assert_true(progress_is_stopped());
        assert_false(progress_report(NULL, "fill", 2, 2));
        progress_end();
    }
}

/* What was ignored before (nohup, a job in the background) stays ignored; old handlers come back. */
static void test_handlers(void **state)
{
    struct sigaction ignore = { .sa_handler = SIG_IGN };
    struct sigaction before;
    struct sigaction now;

    (void)state;
    sigaction(SIGHUP, &ignore, &before);
    progress_begin();
    sigaction(SIGHUP, NULL, &now);
    assert_true(now.sa_handler == SIG_IGN);
    progress_end();
    sigaction(SIGHUP, &before, NULL);
    sigaction(SIGINT, NULL, &now);
    assert_true(now.sa_handler == SIG_DFL);
    sigaction(SIGUSR1, NULL, &now);
    assert_true(now.sa_handler == SIG_DFL);
}

static void rounds_have_no_size(void **state)
{
    char text[160];

    (void)state;
    progress_format_rounds("key slot 0", 50, 100, INT64_C(2000000000), sizeof(text), text);
    assert_string_equal(text, "key slot 0 [############------------]  50%, 0:00:02 left");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rounds_have_no_size), cmocka_unit_test(test_line),     cmocka_unit_test(test_odd_numbers),
        cmocka_unit_test(test_stop),           cmocka_unit_test(test_handlers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
