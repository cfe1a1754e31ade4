/* SPDX-License-Identifier: ISC */
/*
 * launch.h - from a command to a server in the background.
 *
 * The fork comes first and everything with a secret happens in the child, because locked memory does not survive
 * a fork. The parent only waits: for one byte on a pipe, which means that the mount can be used, or for the
 * child's end, whose exit status becomes its own. Until then both share the terminal, so the child asks for the
 * passphrase and reports its failures itself, and Ctrl-C reaches it.
 */
#ifndef LAUNCH_H
#define LAUNCH_H

#include <stdbool.h>

#include "status.h"

struct launch {
    int ready; /* the pipe's end in the child; -1 = in the foreground, nobody waits */
};

/* What the child does. Its result is the exit status of the process that it runs in. */
typedef enum exit_status launch_fn(void *user, struct launch *launch);

/* foreground: calls run in this process. Else: in the parent, returns what the command exits with, reported; in
 * the child, returns what run returned. */
enum exit_status launch_run(bool foreground, launch_fn *run, void *user);

/* Called by run when all else is done: leaves the session, so that the terminal's signals reach it no more, and the
 * current directory. A signal that arrived before that can still be heeded. False with errno. In the foreground it
 * does nothing. */
bool launch_leave_session(struct launch *launch);

/* Called after that: gives up the standard descriptors and lets the parent return. False when the parent is gone,
 * which was not told that anything works: undo it. */
bool launch_say_ready(struct launch *launch);

#endif
