/* SPDX-License-Identifier: ISC */
/* filesystem_kind.h - the file systems that can be made in a volume: their programs, limits and arguments. */
#ifndef FILESYSTEM_KIND_H
#define FILESYSTEM_KIND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Who can mount it once it is in a volume. */
enum filesystem_access {
    FILESYSTEM_FOR_ALL,
    FILESYSTEM_FOR_ROOT,
};

struct filesystem_wish;
struct filesystem_command;

struct filesystem_kind {
    const char *name;         /* as `create --fs` has it */
    const char *program;      /* its mkfs */
    const char *package;      /* Debian's, that has the program */
    uint64_t minimum;         /* bytes of cleartext; the program refuses less */
    uint64_t maximum_sectors; /* 0 = none */
    enum filesystem_access access;
    const char *magic; /* what it has at that offset once it is made */
    size_t magic_size;
    uint64_t magic_offset;
    bool (*adapt_label)(char *label);
    void (*build)(const struct filesystem_wish *wish, struct filesystem_command *command);
};

/* NULL for a name that is none of them. */
const struct filesystem_kind *filesystem_kind_find(const char *name);

/* Room for the label in the form that the file system takes. */
#define FILESYSTEM_LABEL_MAX 256

/* The label as this file system takes it ("secret" -> "SECRET" for vfat). False where it cannot take it. Pure. */
bool filesystem_kind_adapt_label(const struct filesystem_kind *kind, const char *label,
                                 char adapted[static FILESYSTEM_LABEL_MAX]);

struct filesystem_wish {
    const char *program; /* absolute */
    const char *path;    /* the block file */
    const char *label;   /* adapted; NULL = none */
    uint32_t sector_size;
    bool reads_as_zeros; /* all of it: nothing needs to be zeroed */
    uid_t uid;           /* whose the root directory becomes where the file system knows owners */
    gid_t gid;
};

#define FILESYSTEM_ARGUMENTS_MAX 24
#define FILESYSTEM_TEXT_MAX      128

struct filesystem_command {
    const char *arguments[FILESYSTEM_ARGUMENTS_MAX]; /* ends with NULL */
    size_t count;
    char text[FILESYSTEM_TEXT_MAX]; /* that some of them point into */
    char sector_text[16];
};

/* The command line. The strings of `wish` stay in use. Pure. */
void filesystem_kind_build(const struct filesystem_kind *kind, const struct filesystem_wish *wish,
                           struct filesystem_command *command);

#endif
