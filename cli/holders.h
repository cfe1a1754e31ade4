/* SPDX-License-Identifier: ISC */
/* holders.h - who uses a mount or a device: processes, loop devices, mounts. Asks the mounted file system nothing. */
#ifndef HOLDERS_H
#define HOLDERS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum holder_kind {
    HOLDER_PROCESS,
    HOLDER_LOOP,  /* a loop device over a file in it */
    HOLDER_MOUNT, /* something is mounted below it */
};

struct holder {
    enum holder_kind kind;
    pid_t pid;
    char *name; /* of the program, "loop0", or the type of the mount */
    char *path; /* what is used */
};

struct holders {
    struct holder *items;
    size_t count;
};

/* What can be seen of those that use `device`, mounted at `mount_point`; an ordinary user sees only their own
 * processes. `except` is the server. False without memory. */
bool holders_find(const char *mount_point, dev_t device, pid_t except, struct holders *holders);

/* The same for who has a device open, or mounted; also false when there is no such node. */
bool holders_find_of_device(const char *node, pid_t except, struct holders *holders);

void holders_free(struct holders *holders);

/* "bash (pid 12: /mnt/x), loop0 (/mnt/x/volume) and 3 more"; to be freed. NULL without memory. */
char *holders_describe(const struct holders *holders);

#endif
