/* SPDX-License-Identifier: ISC */
/*
 * mount_table.h - what the kernel has mounted where, from /proc/self/mountinfo. Nothing here touches a mounted
 * file system, so a server that hangs or has died cannot block it.
 */
#ifndef MOUNT_TABLE_H
#define MOUNT_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct mount_entry {
    long id, parent;
    dev_t device;            /* st_dev of everything in it */
    const char *mount_point; /* as this process sees it; any bytes but NUL */
    const char *type;        /* "fuse.coffer" */
    const char *source;      /* the volume's path where it is ours */
    bool read_only;
    uid_t owner; /* of a FUSE mount: who mounted it */
};

struct mount_table {
    char *text; /* what the strings point into */
    struct mount_entry *entries;
    size_t count;
};

/* The type that our mounts have. */
#define MOUNT_TYPE "fuse.coffer"

/* Takes over `text`, a string from malloc, in the form of mountinfo; lines that are not are left out. False
 * without memory. Pure. */
bool mount_table_parse(char *text, struct mount_table *table);

/* False with errno where it cannot be read. */
bool mount_table_read(struct mount_table *table);

void mount_table_free(struct mount_table *table);

/* What one sees at `mount_point`, the uppermost of mounts over each other; NULL when nothing is mounted there. */
const struct mount_entry *mount_table_top(const struct mount_table *table, const char *mount_point);

/* The mount of this device at this place, whether or not something is mounted over it. */
const struct mount_entry *mount_table_find(const struct mount_table *table, const char *mount_point, dev_t device);

bool mount_entry_is_ours(const struct mount_entry *entry);

/* Whether `path` is `directory` or lies below it; both absolute and canonical. Pure. */
bool mount_path_is_inside(const char *path, const char *directory);

#endif
