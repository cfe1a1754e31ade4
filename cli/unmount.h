/* SPDX-License-Identifier: ISC */
/* unmount.h - the end of one mount, seen from outside: out of the tree, flushed, its server gone. */
#ifndef UNMOUNT_H
#define UNMOUNT_H

#include <stdbool.h>
#include <stdint.h>

#include "mount_state.h"
#include "mount_table.h"
#include "status.h"

struct unmount_request {
    bool lazy;
    int64_t deadline; /* deadline.h; DEADLINE_NEVER = none was given */
};

/* What went wrong; the caller reports it. `text` is to be freed. */
struct unmount_problem {
    enum exit_status status; /* EXIT_DONE = nothing */
    char *text;
    const char *hint; /* or NULL */
};

/* Unmounts and waits until the server is gone. lazy: does not wait for files that are still open. */
struct unmount_problem unmount_state(struct mount_state *state, const struct unmount_request *request);

/* The same for a mount whose state file is gone. */
struct unmount_problem unmount_entry(const struct mount_entry *entry, const struct unmount_request *request);

#endif
