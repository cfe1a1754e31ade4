/* SPDX-License-Identifier: ISC */
/*
 * private_mount.h - an open volume as a block file for this process and its children alone, in a directory that
 * nobody else may enter, for as long as something is done with it. If this process is killed meanwhile, the next
 * command finds its state file and cleans up.
 */
#ifndef PRIVATE_MOUNT_H
#define PRIVATE_MOUNT_H

#include "coffer.h"
#include "mount_state.h"
#include "serve.h"
#include "status.h"

struct private_mount {
    struct mount_state state;
    struct serve_session *session;
    char *directory;
    char *path; /* of the block file */
};

#define PRIVATE_MOUNT_NONE        \
    {                             \
        .state = MOUNT_STATE_NONE \
    }

/* Whether /dev/fuse and what else it takes is there. EXIT_DONE or reported. */
enum exit_status private_mount_check(void);

/* Who will use the block file. */
enum private_use {
    PRIVATE_FOR_PROGRAMS, /* that read and write it, mkfs for one */
    PRIVATE_FOR_DEVICE,   /* a loop device over it */
    PRIVATE_FOR_UDISKS,   /* the same, but one that root attaches: root may look, where /etc/fuse.conf lets it */
    PRIVATE_FOR_US,       /* as 'mount --block' serves it */
};

/* `volume` may have no name yet. EXIT_DONE or reported. */
enum exit_status private_mount_begin(struct coffer_volume *volume, enum private_use use,
                                     struct private_mount *mount);

/* Unmounts and removes the directory. EXIT_DONE or reported: also a failed write that nobody was told about. */
enum exit_status private_mount_end(struct private_mount *mount);

/* The same where nobody listens: the failure is the library's. Waits until nothing has the block file open. */
enum coffer_status private_mount_close(struct private_mount *mount, struct coffer_error *error);

#endif
