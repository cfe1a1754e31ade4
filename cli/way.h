/* SPDX-License-Identifier: ISC */
/*
 * way.h - how the server shows an open volume at its mount point. Each way is one file, way_NAME.c, that fills
 * struct way_kind; the server knows no other difference between them.
 *
 * A way is opened, then written down in the state file, then begun: what is made before that has to vanish by itself
 * when the process is killed.
 */
#ifndef WAY_H
#define WAY_H

#include <stdbool.h>

#include "coffer.h"
#include "server.h"
#include "status.h"

/* What is to be shown; outlives the way. */
struct way_task {
    const struct server_request *request;
    struct coffer_volume *volume;
    const struct coffer_info *info;
    const char *volume_path; /* canonical */
};

struct way;

struct way_kind {
    const char *name; /* in the state file and in `list` */
    /* Mounts. EXIT_DONE or reported. */
    enum exit_status (*begin)(struct way *way);
    /* Unmounts, from any thread; OK when that is done already. Errors as of serve_stop. */
    enum coffer_status (*stop)(struct way *way, bool lazy, struct coffer_error *error);
    /* Brings what the kernel and the way still hold to the volume. */
    bool (*sync)(struct way *way);
    /* Until it is unmounted, by whomever, and used no more. */
    void (*wait)(struct way *way, struct coffer_error *error);
    /* After wait, or without a begin; frees the way. Reports what could not be written since the start. */
    void (*close)(struct way *way, struct coffer_error *error);
};

/* Every way's state begins with this. */
struct way {
    const struct way_kind *kind;
    const struct way_task *task;
    bool read_only;
    const char *source; /* of a mount of the kernel's, the block device; NULL = a FUSE mount of ours */
    bool is_device;     /* `source` itself is what is shown, nothing is mounted from it */
    const char *place;  /* where it is mounted, once it is opened, if that was not for us to choose; NULL = at the
                         * request's mount point */
};

/* Where it is, or will be, mounted. */
const char *way_place(const struct way *way);

/* Chooses one, as the request wants it or the volume needs it. EXIT_DONE or reported. */
enum exit_status way_open(const struct way_task *task, struct way **way);

/* Whether the request's options suit a file system of this type (mount_options.h). EXIT_DONE or reported. */
enum exit_status way_check_options(const struct way_task *task, const char *type);

/* ---- The ways, for way_open. Each opens what is to be shown: EXIT_DONE or reported. ---- */

struct files;

/* DIR/volume. */
enum exit_status way_open_block(const struct way_task *task, struct way **way);

/* Files that a driver of files.h serves; takes `files` over. */
enum exit_status way_open_fuse(const struct way_task *task, struct files *files, struct way **way);

/* Files of the kernel's over a loop device. Not asked for: NULL where another way is better or the kernel does not
 * know the file system. */
enum exit_status way_open_loop(const struct way_task *task, bool is_asked_for, struct way **way);

/* Files of the kernel's over a mapping of dm-crypt. Not asked for: as above, or where the kernel refuses to map,
 * which is said. */
enum exit_status way_open_dm(const struct way_task *task, bool is_asked_for, struct way **way);

/* The mapping itself, as a block device. */
enum exit_status way_open_device(const struct way_task *task, struct way **way);

/* Files of the kernel's over a loop device, both by udisks2, in a directory that it chooses. */
enum exit_status way_open_udisks(const struct way_task *task, struct way **way);

/* Reports what udisks.h says about a volume that was to be mounted. */
enum exit_status way_fail_udisks(const char *volume, const struct coffer_error *error);

#endif
