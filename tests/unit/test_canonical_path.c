/* SPDX-License-Identifier: ISC */
/* test_canonical_path.c - the one name of a file, also of one that is missing. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "canonical_path.h"

static char root[] = "/tmp/coffer-test-XXXXXX";

static int set_up(void **state)
{
    (void)state;
    return mkdtemp(root) && chdir(root) == 0 && mkdir("d", 0700) == 0 && symlink("d", "link") == 0 ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    return unlink("link") == 0 && rmdir("d") == 0 && rmdir(root) == 0 ? 0 : -1;
}

/* expected: below `root`; NULL = there is no such name. */
static void expect(const char *path, const char *expected)
{
    char *found = canonical_path(path);

    if (!expected) {
        assert_null(found);
        return;
    }
    assert_non_null(found);
    assert_memory_equal(found, root, strlen(root));
    assert_string_equal(found + strlen(root), expected);
    free(found);
}

static void resolves(void **state)
{
    (void)state;
    expect("d", "/d");
    expect("./link/../d/.", "/d");
    expect("link/", "/d");
    expect(".", "");
    expect("missing", "/missing");
    expect("missing///", "/missing");
    expect("link/missing", "/d/missing");
    expect("missing/below", NULL);
    expect("missing/..", NULL);
    expect("", NULL);

    char *found = canonical_path("/");
    assert_string_equal(found, "/");
    free(found);
    found = canonical_path("/missing-here");
    assert_string_equal(found, "/missing-here");
    free(found);
}

static void knows_what_a_descriptor_is_called(void **state)
{
    (void)state;
    int fd = open("link", O_RDONLY | O_DIRECTORY);
    char *found = canonical_path_of(fd);

    assert_non_null(found);
    assert_string_equal(found + strlen(root), "/d");
    free(found);
    close(fd);

    /* One that has lost its name has none, whatever is called like that. */
    assert_int_equal(mkdir("gone", 0700), 0);
    fd = open("gone", O_RDONLY | O_DIRECTORY);
    assert_int_equal(rmdir("gone"), 0);
    assert_null(canonical_path_of(fd));
    assert_int_equal(errno, ENOENT);
    assert_int_equal(mkdir("gone (deleted)", 0700), 0);
    assert_null(canonical_path_of(fd));
    assert_int_equal(rmdir("gone (deleted)"), 0);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(resolves),
        cmocka_unit_test(knows_what_a_descriptor_is_called),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
