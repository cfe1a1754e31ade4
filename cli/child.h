/* SPDX-License-Identifier: ISC */
/* child.h - waiting for a child process that may hang where no signal reaches it, in a server that does not answer. */
#ifndef CHILD_H
#define CHILD_H

#include <stdint.h>
#include <sys/types.h>

/* Waits for its end until `deadline` (deadline.h). 0, with what waitpid says in *status; ETIMEDOUT: it has not
 * ended, and is left behind; another errno: there is no such child. */
int child_wait(pid_t child, int64_t deadline, int *status);

#endif
