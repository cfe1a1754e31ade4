/* SPDX-License-Identifier: ISC */
/*
 * liveness.c - asking servers and what they serve for a sign of life (liveness.h). A server that hangs, and it may be
 * anybody's, makes whoever asks hang, too, and no signal ends that: a child asks. It holds none of our files, and is
 * left behind if it must be.
 */
#include "liveness.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "deadline.h"
#include "scope.h"

/* What the kernel remembers of the mount is no answer. */
static bool answers_as_dead(const char *mount_point)
{
    struct statx status;

    return statx(AT_FDCWD, mount_point, AT_NO_AUTOMOUNT | AT_STATX_FORCE_SYNC, STATX_BASIC_STATS, &status) < 0 &&
           (errno == ENOTCONN || errno == ECONNABORTED);
}

/* Its state in /proc/PID/stat comes after its name, which is in parentheses and may hold some. */
bool liveness_is_stopped(pid_t process)
{
    char path[64], line[256];

    snprintf(path, sizeof(path), "/proc/%ld/stat", (long)process);
    SCOPE_FD int fd = process > 0 ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    ssize_t size = fd < 0 ? -1 : read(fd, line, sizeof(line) - 1);
    line[size > 0 ? size : 0] = '\0';
    const char *end = strrchr(line, ')');
    return end && end[1] == ' ' && (end[2] == 'T' || end[2] == 't');
}

struct liveness liveness_ask(const char *mount_point)
{
    pid_t child = fork();

    if (child < 0) {
        return (struct liveness){ 0, -1 };
    }
    if (child == 0) {
        close_range(0, ~0u, 0);
        _exit(answers_as_dead(mount_point) ? 1 : 0);
    }
    return (struct liveness){ child, (int)syscall(SYS_pidfd_open, child, 0) };
}

bool liveness_is_dead(struct liveness *question, int64_t deadline)
{
    struct pollfd event = { .fd = question->handle, .events = POLLIN };
    int status = 0;

    if (question->child == 0) {
        return false;
    }
    bool is_answered = event.fd >= 0 && poll(&event, 1, deadline_nap(deadline, INT32_MAX)) > 0;
    scope_close(&question->handle);
    if (!is_answered) {
        kill(question->child, SIGKILL);
        return false;
    }
    return waitpid(question->child, &status, 0) == question->child && WIFEXITED(status) &&
           WEXITSTATUS(status) == 1;
}
