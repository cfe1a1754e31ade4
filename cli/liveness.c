/* SPDX-License-Identifier: ISC */
/*
 * liveness.c - asking servers and what they serve for a sign of life (liveness.h). A server that hangs, and it may be
 * anybody's, makes whoever asks hang, too, and no signal ends that: a child asks. It holds none of our files, and is
 * left behind if it must be.
 */
#include "liveness.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "child.h"
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

pid_t liveness_ask(const char *mount_point)
{
    pid_t child = fork();

    if (child == 0) {
        close_range(0, ~0u, 0);
        _exit(answers_as_dead(mount_point) ? 1 : 0);
    }
    return child < 0 ? 0 : child;
}

bool liveness_is_dead(pid_t question, int64_t deadline)
{
    int status;

    if (question == 0) {
        return false;
    }
    if (child_wait(question, deadline, &status) != 0) {
        kill(question, SIGKILL);
        return false;
    }
    return WIFEXITED(status) && WEXITSTATUS(status) == 1;
}
