/* SPDX-License-Identifier: ISC */
/* test_holders.c - how those who keep a mount busy are found and named. */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "holders.h"

static char bash[] = "bash";
static char dd[] = "dd";
static char loop[] = "loop0";
static char tmpfs[] = "tmpfs";
static char directory[] = "/mnt/x";
static char file[] = "/mnt/x/volume";

static void expect(size_t count, const char *words)
{
    struct holder items[] = {
        { HOLDER_PROCESS, 12, bash, directory }, { HOLDER_LOOP, 0, loop, file },
        { HOLDER_MOUNT, 0, tmpfs, directory },   { HOLDER_PROCESS, 13, dd, file },
        { HOLDER_PROCESS, 14, dd, file },        { HOLDER_PROCESS, 15, dd, file },
        { HOLDER_PROCESS, 16, dd, file },
    };
    const struct holders holders = { items, count };
    char *text = holders_describe(&holders);

    assert_non_null(text);
    assert_string_equal(text, words);
    free(text);
}

static void names_a_few_and_counts_the_rest(void **state)
{
    (void)state;
    expect(1, "bash (pid 12: /mnt/x)");
    expect(2, "bash (pid 12: /mnt/x) and loop0 (/mnt/x/volume)");
    expect(3, "bash (pid 12: /mnt/x), loop0 (/mnt/x/volume) and a mount (tmpfs: /mnt/x)");
    expect(5,
           "bash (pid 12: /mnt/x), loop0 (/mnt/x/volume), a mount (tmpfs: /mnt/x), dd (pid 13: /mnt/x/volume) and "
           "dd (pid 14: /mnt/x/volume)");
    expect(7,
           "bash (pid 12: /mnt/x), loop0 (/mnt/x/volume), a mount (tmpfs: /mnt/x), dd (pid 13: /mnt/x/volume) and "
           "3 more");
}

/* A process with a file open on a device that nobody else uses: a file in memory has one of its own. */
static void finds_an_open_file(void **state)
{
    (void)state;
    int fd = memfd_create("coffer test", 0);
    int ready[2];
    struct stat status;
    struct holders holders;
    bool is_found = false;

    assert_true(fd >= 0 && fstat(fd, &status) == 0 && pipe(ready) == 0);
    pid_t child = fork();
    if (child == 0) {
        (void)!write(ready[1], "", 1);
        pause();
        _exit(0);
    }
    char byte;
    assert_int_equal(read(ready[0], &byte, 1), 1);
    assert_true(holders_find("/no/such/mount", status.st_dev, 0, &holders));
    for (size_t i = 0; i < holders.count; i++) {
        is_found = is_found || (holders.items[i].pid == child && strstr(holders.items[i].path, "coffer test"));
        assert_int_not_equal(holders.items[i].pid, getpid()); /* who asks does not count */
    }
    assert_true(is_found);
    holders_free(&holders);

    assert_true(holders_find("/no/such/mount", status.st_dev, child, &holders));
    for (size_t i = 0; i < holders.count; i++) {
        assert_int_not_equal(holders.items[i].pid, child); /* nor does the server */
    }
    holders_free(&holders);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    close(fd);
}

/* A terminal of its own is a device that nobody else has open. */
static void finds_who_has_a_device_open(void **state)
{
    (void)state;
    int terminal = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    char node[64];
    int ready[2];
    struct holders holders;

    assert_true(terminal >= 0 && grantpt(terminal) == 0 && unlockpt(terminal) == 0 &&
                ptsname_r(terminal, node, sizeof(node)) == 0 && pipe(ready) == 0);
    pid_t child = fork();
    if (child == 0) {
        close(terminal);
        (void)!write(ready[1], "", open(node, O_RDWR | O_NOCTTY) >= 0 ? 1 : 0);
        close(ready[1]);
        pause();
        _exit(0);
    }
    char byte;
    close(ready[1]);
    assert_int_equal(read(ready[0], &byte, 1), 1);
    assert_true(holders_find_of_device(node, 0, &holders));
    assert_int_equal(holders.count, 1);
    assert_int_equal(holders.items[0].pid, child);
    assert_string_equal(holders.items[0].path, node);
    holders_free(&holders);

    assert_true(holders_find_of_device(node, child, &holders));
    assert_int_equal(holders.count, 0);
    holders_free(&holders);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    close(terminal);
    assert_false(holders_find_of_device("/dev/no/such/node", 0, &holders));
    assert_int_equal(holders.count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_a_few_and_counts_the_rest),
        cmocka_unit_test(finds_an_open_file),
        cmocka_unit_test(finds_who_has_a_device_open),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
