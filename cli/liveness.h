/* SPDX-License-Identifier: ISC */
/* liveness.h - whether a server is dead, or stopped, without hanging where it hangs. */
#ifndef LIVENESS_H
#define LIVENESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Asks and does not wait, so that many can be asked at once. The question is a child process; 0 = none. */
pid_t liveness_ask(const char *mount_point);

/* The answer, once. Who has not answered by the deadline (deadline.h), or was not asked, is not dead. */
bool liveness_is_dead(pid_t question, int64_t deadline);

/* Whether a process has been stopped, by SIGSTOP or a debugger; 0 = not known which, and false. */
bool liveness_is_stopped(pid_t process);

#endif
