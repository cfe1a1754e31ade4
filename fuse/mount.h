/* SPDX-License-Identifier: ISC */
/*
 * mount.h - putting a FUSE connection into the tree of files and taking it out again, as root or not.
 */
#ifndef MOUNT_H
#define MOUNT_H

#include <stdbool.h>
#include <stdint.h>

#include "coffer.h"

struct mount_wish {
    const char *path;
    const char *source;
    bool read_only;
    bool allow_other;
    bool no_exec;
};

/* What tells our mount from any other that stands or stood at the same path. */
struct mount_identity {
    unsigned device_major, device_minor;
    uint64_t id; /* 0 where the kernel does not tell (before 5.8) */
};

/* Mounts and returns the connection, close-on-exec. Errors: NOT_PERMITTED, with a text that names what is
 * missing; INVALID (no directory), NOT_FOUND, FAILED. */
enum coffer_status mount_attach(const struct mount_wish *wish, int *fd, struct coffer_error *error);

/* What is mounted at `path` now; the connection must be answered. Errors: FAILED. */
enum coffer_status mount_identify(const char *path, struct mount_identity *identity, struct coffer_error *error);

/* Where it is now, for it may have been moved, in *path, to be freed; NULL there: it is not mounted any more.
 * Errors: NO_MEMORY, FAILED. */
enum coffer_status mount_find(const struct mount_identity *identity, char **path, struct coffer_error *error);

/* Errors: IN_USE, NOT_PERMITTED, FAILED. */
enum coffer_status mount_detach(const char *path, bool lazy, struct coffer_error *error);

/* Whether what is mounted at `path` has lost its server. */
bool mount_is_dead(const char *path);

#endif
