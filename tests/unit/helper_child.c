/* SPDX-License-Identifier: ISC */
/*
 * Children of unit tests: no core file, exit without the parent's buffers and cmocka's state.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "helper_child.h"

#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static const int caught_by_cmocka[] = { SIGFPE, SIGILL, SIGSEGV, SIGBUS, SIGSYS };

static void run(int (*function)(void *context), void *context)
{
    struct rlimit none = { 0, 0 };
    setrlimit(RLIMIT_CORE, &none);
    for (size_t i = 0; i < sizeof(caught_by_cmocka) / sizeof(caught_by_cmocka[0]); i++) {
        signal(caught_by_cmocka[i], SIG_DFL);
    }
    int result = function(context);
    fflush(stderr);
    _exit(result);
}

/* Reads all of a pipe; what does not fit is dropped, so that the writer never waits. */
static void collect(int fd, char text[4096])
{
    size_t size = 0;
    char piece[512];
    ssize_t got;
    while ((got = read(fd, piece, sizeof(piece))) > 0) {
        for (ssize_t i = 0; i < got && size < 4095; i++) {
            text[size++] = piece[i];
        }
    }
    text[size] = '\0';
}

int child_status(int (*function)(void *context), void *context, char stderr_text[4096])
{
    int ends[2];
    int status;
    assert_int_equal(pipe(ends), 0);
    fflush(NULL);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        close(ends[0]);
        if (stderr_text) {
            dup2(ends[1], STDERR_FILENO);
        }
        close(ends[1]);
        run(function, context);
    }
    close(ends[1]);
    if (stderr_text) {
        collect(ends[0], stderr_text);
    }
    close(ends[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

void child_must_pass(int (*function)(void *context), void *context)
{
    int status = child_status(function, context, NULL);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == CHILD_SKIPPED) {
        skip();
    }
    assert_int_equal(WEXITSTATUS(status), 0);
}

void child_must_die(int (*function)(void *context), void *context, int signal)
{
    int status = child_status(function, context, NULL);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), signal);
}
