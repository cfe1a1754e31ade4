/* SPDX-License-Identifier: ISC */
/* child.c - waiting for a child process, up to a deadline (child.h). */
#include "child.h"

#include <errno.h>
#include <poll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "deadline.h"
#include "scope.h"

#define LOOK_MS 10 /* between two looks on Linux before 5.3, where there is nothing to wait on */

int child_wait(pid_t child, int64_t deadline, int *status)
{
    SCOPE_FD int handle = (int)syscall(SYS_pidfd_open, child, 0);
    struct pollfd event = { .fd = handle, .events = POLLIN };

    for (;;) {
        pid_t ended = waitpid(child, status, WNOHANG);
        if (ended != 0) {
            return ended == child ? 0 : errno;
        }
        if (deadline_is_over(deadline)) {
            return ETIMEDOUT;
        }
        poll(&event, 1, deadline_nap(deadline, handle >= 0 ? INT32_MAX : LOOK_MS));
    }
}
