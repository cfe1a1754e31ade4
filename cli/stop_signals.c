/* SPDX-License-Identifier: ISC */
/*
 * stop_signals.c - the thread that waits for signals (stop_signals.h). Signals are blocked in every thread and taken
 * with sigwaitinfo, so nothing runs in the narrow world of a signal handler.
 */
#include "stop_signals.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

static struct {
    sigset_t signals;
    pthread_t thread;
    void (*stop)(void *user);
    void *user;
    atomic_bool has_arrived;
    atomic_bool is_over;
} watch;

void stop_signals_block(void)
{
    struct sigaction hangup;

    sigemptyset(&watch.signals);
    sigaddset(&watch.signals, SIGTERM);
    sigaddset(&watch.signals, SIGINT);
    sigaddset(&watch.signals, SIGQUIT);
    sigaction(SIGHUP, NULL, &hangup);
    if (hangup.sa_handler != SIG_IGN) {
        sigaddset(&watch.signals, SIGHUP);
    }
    pthread_sigmask(SIG_BLOCK, &watch.signals, NULL);
}

/* The end is told by a signal as well, one from ourselves. */
static bool is_the_end(const siginfo_t *info)
{
    return info->si_pid == getpid() && atomic_load(&watch.is_over);
}

static void *run(void *unused)
{
    siginfo_t info;

    for (;;) {
        if (sigwaitinfo(&watch.signals, &info) < 0) {
            continue;
        }
        if (is_the_end(&info)) {
            return unused;
        }
        if (!atomic_exchange(&watch.has_arrived, true)) {
            watch.stop(watch.user);
        }
    }
}

bool stop_signals_watch(void (*stop)(void *user), void *user)
{
    watch.stop = stop;
    watch.user = user;
    atomic_store(&watch.is_over, false);
    errno = pthread_create(&watch.thread, NULL, run, NULL);
    return errno == 0;
}

bool stop_signals_has_arrived(void)
{
    sigset_t pending;

    if (atomic_load(&watch.has_arrived)) {
        return true;
    }
    sigpending(&pending);
    for (int number = 1; number < SIGRTMIN; number++) {
        if (sigismember(&pending, number) == 1 && sigismember(&watch.signals, number) == 1) {
            return true;
        }
    }
    return false;
}

void stop_signals_end(void)
{
    atomic_store(&watch.is_over, true);
    pthread_kill(watch.thread, SIGTERM);
    pthread_join(watch.thread, NULL);
}
