/* SPDX-License-Identifier: ISC */
/* liveness.h - whether a server is dead, or stopped, without hanging where it hangs. */
#ifndef LIVENESS_H
#define LIVENESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* A question that is under way. */
struct liveness {
    pid_t child; /* 0 = none */
    int handle;
};

/* Asks and does not wait, so that many can be asked at once. */
struct liveness liveness_ask(const char *mount_point);

/* The answer. Who has not answered by the deadline (deadline.h) is not dead. */
bool liveness_is_dead(struct liveness *question, int64_t deadline);

/* Whether a process has been stopped, by SIGSTOP or a debugger; 0 = not known which, and false. */
bool liveness_is_stopped(pid_t process);

#endif
