/* SPDX-License-Identifier: ISC */
/*
 * mount_record.h - what is known about one mount, as lines of JSON. The first line describes it; each further
 * line says what has changed. A server only ever appends, and a line counts when its newline is there, so that
 * a reader never sees half a change. Pure.
 */
#ifndef MOUNT_RECORD_H
#define MOUNT_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum mount_phase {
    MOUNT_STARTING, /* the volume is open, the mount not yet made */
    MOUNT_SERVING,
    MOUNT_CLOSING, /* unmounted, or about to be; what was written is being flushed */
    MOUNT_ENDED,
};

struct mount_record {
    char *volume;      /* absolute, canonical */
    char *mount_point; /* absolute, canonical */
    char *way;    /* "block", "fuse" (files, by this program), "loop", "dm", "udisks" (files, by the kernel) */
    char *format; /* "coffer" */
    char *source; /* of a mount of the kernel\'s: the block device, "/dev/loop3"; NULL = a FUSE mount of ours */
    pid_t server_pid;
    bool read_only;
    bool protects_hidden; /* the outer volume is served, and the hidden one in it kept from writes */
    bool is_private;      /* the mount point is a directory of ours, to be removed after the mount */
    dev_t volume_device;  /* together they find it again under a new name */
    ino_t volume_inode;
    uint64_t started; /* Unix time, s */
    enum mount_phase phase;
    dev_t device;     /* of the mount, from MOUNT_SERVING on, as the kernel's table has it */
    bool has_refused; /* a write into the hidden volume */
    char *failure;    /* after MOUNT_ENDED: why what was written may not be on the medium; NULL = all is well */
};

/* A line with its newline, to be freed; NULL without memory. */
char *mount_record_describe(const struct mount_record *record);
char *mount_record_say_serving(dev_t device);
char *mount_record_say_refused(void);
char *mount_record_say_closing(void);
char *mount_record_say_ended(const char *failure); /* NULL = all is well */

/* False for anything that is not such a record, of this version. The record then holds nothing. */
bool mount_record_parse(const char *text, size_t size, struct mount_record *record);

void mount_record_free(struct mount_record *record);

#endif
