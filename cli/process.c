/* SPDX-License-Identifier: ISC */
/* process.c - the hygiene of a process that will hold secrets. Runs once, first thing in main, before any
 * thread. */
#include "process.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

/* A file opened later must not get number 0, 1 or 2, or messages would be written into it. The wrong direction
 * is chosen on purpose: a result that goes nowhere has to fail, as it would on a closed descriptor. */
static bool occupy_standard_descriptors(void)
{
    for (int fd = 0; fd <= 2; fd++) {
        if (fcntl(fd, F_GETFD) != -1) {
            continue;
        }
        if (open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) != fd) {
            return false;
        }
    }
    return true;
}

bool process_harden(void)
{
    static const struct rlimit no_core = { 0, 0 };
    struct sigaction ignore = { .sa_handler = SIG_IGN };
    struct sigaction by_default = { .sa_handler = SIG_DFL };

    umask(077);
    return occupy_standard_descriptors() && sigaction(SIGPIPE, &ignore, NULL) == 0 &&
           sigaction(SIGXFSZ, &ignore, NULL) == 0 &&
           /* where a parent had it ignored, nobody could wait for a child */
           sigaction(SIGCHLD, &by_default, NULL) == 0 && setrlimit(RLIMIT_CORE, &no_core) == 0 &&
           prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0;
}
