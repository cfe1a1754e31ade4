/* SPDX-License-Identifier: ISC */
/*
 * files.h - a file system served in this process: what a driver (ext.c ...) gives and fuse/tree.c uses.
 *
 * A driver works on coffer_volume_* only: it neither mounts nor prints. Inodes are named by 64-bit numbers
 * that stay the same as long as the file system lives; `root` names the root directory. Names are bytes
 * without '/' and NUL. Functions return 0 or a positive count on success and a negative errno value on
 * failure; out parameters are written on success only.
 *
 * Threads.  Every operation except close may be called from many threads at once.
 *
 * Life of an inode.  An inode whose last name is gone stays readable and writable until evict tells that no
 * one will ask for it again; a driver that crashes before that gives its space back at recovery. evict is
 * called once for every inode that was handed out by lookup, make or link, whether it still has names or not.
 *
 * Durability.  What fsync and sync have returned for survives a crash of the process and a loss of power. Other
 * changes reach the medium in the order in which they were made, some seconds later at most.
 *
 * Permissions are the caller's: a driver stores owners and modes and checks none of them.
 */
#ifndef FILES_H
#define FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/types.h>
#include <time.h>

#include "coffer.h"

struct files;

struct files_attr {
    uint64_t ino;
    uint64_t generation; /* tells two lives of one inode number apart */
    mode_t mode;         /* type and permissions */
    uint32_t links;
    uint32_t uid, gid;
    dev_t device;        /* of a device node */
    uint64_t size;       /* bytes */
    uint64_t blocks;     /* of 512 bytes */
    uint32_t block_size; /* bytes; what suits transfers */
    struct timespec atime, mtime, ctime, birth;
};

/* What setattr changes. */
enum {
    FILES_MODE = 1 << 0,
    FILES_UID = 1 << 1,
    FILES_GID = 1 << 2,
    FILES_SIZE = 1 << 3,
    FILES_ATIME = 1 << 4,
    FILES_MTIME = 1 << 5,
    FILES_CTIME = 1 << 6, /* without it: now */
};

/* A new inode: type and permissions in `mode`, the target of a symbolic link, the number of a device. */
struct files_new {
    mode_t mode;
    uint32_t uid, gid;
    dev_t device;
    const char *target;
};

/* One entry of a directory; false stops the listing. `type` is a DT_ value, DT_UNKNOWN where it is not known. */
typedef bool files_entry_fn(void *user, const char *name, size_t size, uint64_t ino, unsigned char type);

struct files_ops {
    int (*lookup)(struct files *files, uint64_t dir, const char *name, struct files_attr *attr);
    int (*getattr)(struct files *files, uint64_t ino, struct files_attr *attr);
    /* Takes the fields named by `what` from `change`; attr may be NULL. */
    int (*setattr)(struct files *files, uint64_t ino, unsigned what, const struct files_attr *change,
                   struct files_attr *attr);
    /* Writes the target and a NUL. -ERANGE when it does not fit. */
    int (*readlink)(struct files *files, uint64_t ino, char *target, size_t size);
    /* Every entry of a directory, "." and ".." among them, as it is at one moment. */
    int (*list)(struct files *files, uint64_t dir, files_entry_fn *entry, void *user);

    /* A regular file, directory, symbolic link or special file. */
    int (*make)(struct files *files, uint64_t dir, const char *name, const struct files_new *inode,
                struct files_attr *attr);
    int (*link)(struct files *files, uint64_t ino, uint64_t dir, const char *name, struct files_attr *attr);
    int (*unlink)(struct files *files, uint64_t dir, const char *name);
    int (*rmdir)(struct files *files, uint64_t dir, const char *name);
    /* flags: RENAME_NOREPLACE and RENAME_EXCHANGE of <stdio.h>. */
    int (*rename)(struct files *files, uint64_t dir, const char *name, uint64_t new_dir, const char *new_name,
                  unsigned flags);
    void (*evict)(struct files *files, uint64_t ino);

    /* Bytes read (fewer at the end of the file only) or written (all, or an error). */
    ssize_t (*read)(struct files *files, uint64_t ino, void *data, size_t size, uint64_t offset);
    ssize_t (*write)(struct files *files, uint64_t ino, const void *data, size_t size, uint64_t offset);
    /* mode: 0 or FALLOC_FL_KEEP_SIZE, _PUNCH_HOLE, _ZERO_RANGE of <fcntl.h>; -EOPNOTSUPP for others. */
    int (*allocate)(struct files *files, uint64_t ino, int mode, uint64_t offset, uint64_t size);
    /* whence: SEEK_DATA or SEEK_HOLE; -ENXIO when there is none. */
    int (*seek)(struct files *files, uint64_t ino, uint64_t offset, int whence, uint64_t *found);
    int (*fsync)(struct files *files, uint64_t ino, bool data_only);

    int (*statfs)(struct files *files, struct statvfs *out);
    /* size 0 asks for the size; -ERANGE when it does not fit, -ENODATA when there is none. */
    ssize_t (*getxattr)(struct files *files, uint64_t ino, const char *name, void *value, size_t size);
    ssize_t (*listxattr)(struct files *files, uint64_t ino, char *names, size_t size);
    int (*setxattr)(struct files *files, uint64_t ino, const char *name, const void *value, size_t size,
                    int flags);
    int (*removexattr)(struct files *files, uint64_t ino, const char *name);

    int (*sync)(struct files *files);
    /* Brings everything to the medium, marks the file system clean and frees `files`, whatever it returns.
     * Reports the first write of contents or structure that failed since the start. */
    enum coffer_status (*close)(struct files *files, struct coffer_error *error);
};

/* Every driver's handle begins with this. */
struct files {
    const struct files_ops *ops;
    const char *type; /* "ext4"; static */
    uint64_t root;
    bool read_only;
    bool folds_case; /* names that differ only in case are one name: nobody may remember which is which */
    char note[128];  /* why it is read only although it was not asked for; empty otherwise */
};

struct files_options {
    bool read_only;
    bool discard;      /* give freed space back to the volume */
    bool checked;      /* the file system's own checker has just passed: a mark that it leaves is not believed */
    uint32_t uid, gid; /* where the file system keeps no owners, everything is theirs */
};

/* ---- What is built in ---- */

/* The libraries that drivers use, with their versions, by 0, 1 ...; NULL after the last. */
const char *files_component(unsigned index);
/* The licence of a program that links them. */
const char *files_licence(void);

/* ---- Drivers -------------------------------------------------------------------------------------------- */

/* ext2, ext3, ext4 on libext2fs. What it can read but not safely write it opens read only and says why in
 * `note`. The volume stays the caller's and must outlive the handle.
 * Errors: NOT_FOUND (no ext file system), UNSUPPORTED (cannot even be read), DAMAGED, NO_MEMORY, FAILED with
 * sys = EUCLEAN: it was not closed properly, run e2fsck first. With read_only such a file system is opened
 * as its last complete transaction left it. */
enum coffer_status files_open_ext(struct coffer_volume *volume, const struct files_options *options,
                                  struct files **files, struct coffer_error *error);

/* NTFS on libntfs-3g. What it can read but not safely write it opens read only and says why in `note`. A volume
 * whose last user here was interrupted is first brought to its last complete commit; with read_only it is shown so.
 * Errors: NOT_FOUND (no NTFS), DAMAGED, NO_MEMORY, FAILED. */
enum coffer_status files_open_ntfs(struct coffer_volume *volume, const struct files_options *options,
                                   struct files **files, struct coffer_error *error);

/* FAT12, FAT16, FAT32. Errors: NOT_FOUND (no FAT file system), UNSUPPORTED, DAMAGED, NO_MEMORY, FAILED with sys =
 * EUCLEAN: it was not closed properly, run fsck.fat first and say so (`checked`). */
enum coffer_status files_open_fat(struct coffer_volume *volume, const struct files_options *options,
                                  struct files **files, struct coffer_error *error);

/* exFAT. What it can read but not safely write it opens read only and says why in `note`. What a crash has left is put
 * in order first; EUCLEAN as with FAT says that it is more than that, and the checker is fsck.exfat. UNSUPPORTED for
 * TexFAT. */
enum coffer_status files_open_exfat(struct coffer_volume *volume, const struct files_options *options,
                                    struct files **files, struct coffer_error *error);

#endif
