/* SPDX-License-Identifier: ISC */
/*
 * mount_state.h - one file per mount, in runtime_dir.h's directory, that says what is mounted and who serves it.
 *
 * The server holds a lock on the file until it is gone, so the lock tells a live mount from what a crash left,
 * whatever process has its pid by now. The last thing a server writes is how its final flush went. If that was
 * well it removes the file; if not, the file stays until somebody has been told.
 */
#ifndef MOUNT_STATE_H
#define MOUNT_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mount_record.h"
#include "runtime_dir.h"
#include "status.h"

struct mount_state {
    struct mount_record record;
    int fd;        /* the file; -1 = none */
    int directory; /* where it is */
    char *name;
    uid_t owner;   /* whose directory that is; the record says what this user claims */
    bool is_alive; /* there is a server, as of the last look */
};

#define MOUNT_STATE_NONE          \
    {                             \
        .fd = -1, .directory = -1 \
    }

/* ---- The server's side ---- */

/* Makes the file for `record` (copied), locked by this process. EXIT_DONE or reported. */
enum exit_status mount_state_create(const struct runtime_dir *directory, const struct mount_record *record,
                                    struct mount_state *state);

/* Appends one of mount_record_say_...'s lines and frees it; room for a few was set aside. False with errno. */
bool mount_state_append(struct mount_state *state, char *line);

/* ---- Everybody else's ---- */

struct mount_states {
    struct mount_state *items; /* the oldest first */
    size_t count;
};

/* All mounts of this user, as root of every user, the dead ones included. EXIT_DONE or reported. */
enum exit_status mount_states_load(struct mount_states *states);
void mount_states_free(struct mount_states *states);

/* Looks again: is_alive and the record. */
void mount_state_refresh(struct mount_state *state);

/* Waits until the server is gone, with `--wait` in mind: false when it is still there at the deadline. */
bool mount_state_wait(struct mount_state *state, int64_t deadline);

/* Of a dead one: only one process at a time cleans up after it, until it closes the state. False when another one
 * is at it or has done it. */
bool mount_state_claim(struct mount_state *state);

/* ---- Both ---- */

/* The file loses its name. Whoever has it open can still read it. */
void mount_state_remove(struct mount_state *state);

void mount_state_close(struct mount_state *state);

#endif
