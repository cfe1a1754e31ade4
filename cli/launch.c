/* SPDX-License-Identifier: ISC */
/*
 * launch.c - fork, wait, say ready (launch.h).
 *
 * Signals: Ctrl-C and a hangup reach both processes; the parent ignores them and lets the child decide. SIGTERM
 * to the parent alone is passed on, and if it meets a child that has just said ready, the mount ends again and the
 * parent says so. If the parent is killed the child gets SIGTERM, until it has said ready.
 */
#include "launch.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "scope.h"
#include "ui.h"

static volatile sig_atomic_t child_pid;
static volatile sig_atomic_t was_passed_on;

static void pass_on(int number)
{
    was_passed_on = 1;
    kill(child_pid, number);
}

static void set_handler(int number, void (*handler)(int))
{
    struct sigaction action = { .sa_handler = handler, .sa_flags = SA_RESTART };

    sigemptyset(&action.sa_mask);
    sigaction(number, &action, NULL);
}

static enum exit_status explain_death(int number)
{
    switch (number) {
    case SIGINT:
    case SIGTERM:
    case SIGHUP:
    case SIGQUIT:
        return EXIT_INTERRUPTED;
    case SIGKILL:
        return ui_fail(EXIT_OTHER, "a lack of memory is the usual reason: the kernel's log tells",
                       "the server process was killed before it was ready");
    default:
        return ui_fail(EXIT_OTHER, NULL, "the server process was ended by signal %d before it was ready", number);
    }
}

/* False when it says so by ending. */
static bool wait_until_ready(int ready)
{
    char byte;
    ssize_t got;

    do {
        got = read(ready, &byte, 1);
    } while (got < 0 && errno == EINTR);
    return got == 1;
}

static enum exit_status wait_for_end(pid_t pid)
{
    int raw;

    while (waitpid(pid, &raw, 0) < 0) {
        if (errno != EINTR) {
            return ui_fail(EXIT_OTHER, NULL, "cannot wait for the server process: %s", explain_errno(errno));
        }
    }
    return WIFEXITED(raw) ? (enum exit_status)WEXITSTATUS(raw) : explain_death(WTERMSIG(raw));
}

static enum exit_status wait_for_child(pid_t pid, int ready)
{
    sigset_t termination;

    if (!wait_until_ready(ready)) {
        return wait_for_end(pid);
    }
    sigemptyset(&termination);
    sigaddset(&termination, SIGTERM);
    sigprocmask(SIG_BLOCK, &termination, NULL); /* what comes now comes too late */
    if (!was_passed_on) {
        return EXIT_DONE;
    }
    enum exit_status status = wait_for_end(pid);
    return status ? status : ui_fail(EXIT_INTERRUPTED, NULL, "interrupted: nothing is mounted");
}

static enum exit_status run_parent(pid_t pid, int ready, const sigset_t *mask)
{
    child_pid = pid;
    set_handler(SIGINT, SIG_IGN);
    set_handler(SIGQUIT, SIG_IGN);
    set_handler(SIGHUP, SIG_IGN);
    set_handler(SIGTERM, pass_on);
    sigprocmask(SIG_SETMASK, mask, NULL);
    return wait_for_child(pid, ready);
}

static enum exit_status run_child(pid_t parent, int ready, const sigset_t *mask, launch_fn *run, void *user)
{
    struct launch launch = { ready };

    sigprocmask(SIG_SETMASK, mask, NULL);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent) {
        return EXIT_INTERRUPTED; /* it died before the line above */
    }
    enum exit_status status = run(user, &launch);
    scope_close(&launch.ready);
    return status;
}

enum exit_status launch_run(bool foreground, launch_fn *run, void *user)
{
    sigset_t all, before;
    int ends[2];

    if (foreground) {
        struct launch launch = { -1 };
        return run(user, &launch);
    }
    if (pipe2(ends, O_CLOEXEC) < 0) {
        return ui_fail(EXIT_OTHER, NULL, "cannot start the server process: %s", explain_errno(errno));
    }
    fflush(NULL); /* or the child would write it a second time */
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, &before); /* no handler runs in a process that has not set its own */
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid == 0) {
        close(ends[0]);
        return run_child(parent, ends[1], &before, run, user);
    }
    int error = errno;
    close(ends[1]);
    enum exit_status status =
        pid > 0 ? run_parent(pid, ends[0], &before)
                : ui_fail(EXIT_OTHER, NULL, "cannot start the server process: %s", explain_errno(error));
    close(ends[0]);
    return status;
}

bool launch_leave_session(struct launch *launch)
{
    return launch->ready < 0 || (setsid() >= 0 && chdir("/") == 0);
}

/* They stay open, on /dev/null: whatever a library says later must hit no file of ours. */
static bool give_up_standard_descriptors(void)
{
    SCOPE_FD int null = open("/dev/null", O_RDWR | O_CLOEXEC);

    return null >= 0 && dup2(null, STDIN_FILENO) >= 0 && dup2(null, STDOUT_FILENO) >= 0 &&
           dup2(null, STDERR_FILENO) >= 0;
}

bool launch_say_ready(struct launch *launch)
{
    ssize_t said;

    if (launch->ready < 0) {
        return true;
    }
    prctl(PR_SET_PDEATHSIG, 0);
    if (!give_up_standard_descriptors()) {
        return false;
    }
    do {
        said = write(launch->ready, "", 1);
    } while (said < 0 && errno == EINTR);
    close(SCOPE_TAKE(launch->ready, -1));
    return said == 1;
}
