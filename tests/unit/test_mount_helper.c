/* SPDX-License-Identifier: ISC */
/* test_mount_helper.c - from what mount(8) gives its helper to a command line of `coffer mount`. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "mount_helper.h"

#define ARGUMENTS_MAX 16

/* Splits at blanks. */
static int split(char *text, char **arguments)
{
    int count = 0;

    for (char *word = strsep(&text, " "); word && count < ARGUMENTS_MAX; word = strsep(&text, " ")) {
        arguments[count++] = word;
    }
    return count;
}

static bool translate(const char *given, bool has_terminal, size_t size, char *result)
{
    char text[512];
    char *arguments[ARGUMENTS_MAX];
    struct mount_helper_line line;
    struct usage_error error;

    snprintf(text, sizeof(text), "%s", given);
    int count = split(text, arguments);
    if (!mount_helper_translate(count, arguments, has_terminal, &line, &error)) {
        assert_int_equal(line.count, 0);
        snprintf(result, size, "%s", error.text);
        return false;
    }
    result[0] = '\0';
    for (int i = 0; i < line.count; i++) {
        size_t used = strlen(result);
        snprintf(result + used, size - used, "%s%s", i > 0 ? " " : "", line.arguments[i]);
    }
    mount_helper_free(&line);
    return true;
}

static void becomes(const char *given, const char *expected)
{
    char result[512];

    assert_true(translate(given, true, sizeof(result), result));
    assert_string_equal(result, expected);
}

static void is_refused(const char *given, const char *why)
{
    char result[512];

    assert_false(translate(given, true, sizeof(result), result));
    assert_string_equal(result, why);
}

static void takes_what_mount_gives(void **state)
{
    (void)state;
    becomes("/v /m", "-- /v /m");
    becomes("/v /m -o rw", "-- /v /m");
    becomes("/v /m -n -s -o rw,noauto,user,_netdev,nofail,x-systemd.automount,X-y=z,comment=a", "-- /v /m");
    becomes("/v /m -o rw,noexec,nosuid,nodev,user", "--options=noexec,nosuid,nodev -- /v /m");
    becomes("/v /m -r -o ro", "--read-only -- /v /m");
    becomes("/v /m -r", "--read-only -- /v /m");
    becomes("/v /m -rvn -t coffer -N /proc/1/ns/mnt", "--read-only --verbose -- /v /m");
    becomes("-o ro /-v /m", "--read-only -- /-v /m");
}

static void takes_options_of_mount(void **state)
{
    (void)state;
    becomes("/v /m -o key-file=/k,key-file=/l,passphrase-file=/p",
            "--key-file=/k --key-file=/l --passphrase-file=/p -- /v /m");
    becomes("/v /m -o allow_other,owner=u,via=loop,type=luks",
            "--allow-other --owner=u --via=loop --type=luks -- /v /m");
    becomes("/v /m -o owner,block,commit=5,noatime", "--block --options=commit=5,noatime -- /v /m");
}

static void refuses_what_it_does_not_know(void **state)
{
    (void)state;
    is_refused("/v /m -o nonsense", "unknown option 'nonsense'");
    is_refused("/v /m -o key-file", "unknown option 'key-file'");
    is_refused("/v /m -o block=yes", "unknown option 'block=yes'");
    is_refused("/v /m -o loop", "unknown option 'loop'");
    is_refused("/v /m -x", "unknown option 'x'");
    is_refused("/v /m -o", "there is nothing behind '-o'");
    is_refused("/v", "mount.coffer needs 'VOLUME DIR'");
    is_refused("/v /m /n", "too many names: '/n'");
    becomes("/v /m -s -o nonsense", "-- /v /m"); /* sloppy: mount(8) says that it is all right */
}

static void asks_the_agents_without_a_terminal(void **state)
{
    char result[512];

    (void)state;
    assert_true(translate("/v /m -o noauto", false, sizeof(result), result));
    assert_string_equal(result, "--askpass -- /v /m");
    assert_true(translate("/v /m -o key-file=/k", false, sizeof(result), result));
    assert_string_equal(result, "--key-file=/k -- /v /m");
    assert_true(translate("/v /m -o askpass,key-file=/k", false, sizeof(result), result));
    assert_string_equal(result, "--askpass --key-file=/k -- /v /m");
}

static void only_rehearses(void **state)
{
    char name[] = "/v", place[] = "/m", flag[] = "-f";
    char *const arguments[] = { name, place, flag };
    struct mount_helper_line line;
    struct usage_error error;

    (void)state;
    assert_true(mount_helper_translate(3, arguments, true, &line, &error));
    assert_true(line.is_rehearsal);
    mount_helper_free(&line);
}

static void answers_with_the_statuses_of_mount(void **state)
{
    (void)state;
    assert_int_equal(mount_helper_status(EXIT_DONE), 0);
    assert_int_equal(mount_helper_status(EXIT_USAGE), 1);
    assert_int_equal(mount_helper_status(EXIT_INTERRUPTED), 8);
    assert_int_equal(mount_helper_status(EXIT_WRONG_SECRET), 32);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_what_mount_gives),
        cmocka_unit_test(takes_options_of_mount),
        cmocka_unit_test(refuses_what_it_does_not_know),
        cmocka_unit_test(asks_the_agents_without_a_terminal),
        cmocka_unit_test(only_rehearses),
        cmocka_unit_test(answers_with_the_statuses_of_mount),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
