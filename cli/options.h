/* SPDX-License-Identifier: ISC */
/*
 * options.h - command lines from one declarative table per command.
 *
 * A command has a struct for its options and a table that says which option fills which member. The parser,
 * `coffer help`, the completions and the test of the man page all read that table, so an option exists
 * everywhere or nowhere:
 *
 *     struct mount_options {
 *         struct common_options common;     always the first member
 *         struct secret_options secret;
 *         bool block;
 *     };
 *     static const struct option table[] = {
 *         OPTION_FLAG(struct mount_options, block, "block", "show one file, DIR/volume, instead of files"),
 *         OPTIONS_SECRET(struct mount_options),
 *         OPTIONS_COMMON(struct mount_options),
 *         OPTIONS_END,
 *     };
 *
 * Values point into argv. An option is given once, unless it is a list. The parser prints nothing.
 */
#ifndef OPTIONS_H
#define OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum option_kind {
    OPTION_KIND_FLAG,   /* bool */
    OPTION_KIND_TEXT,   /* const char * */
    OPTION_KIND_FILE,   /* const char *, completed as a file name */
    OPTION_KIND_FILES,  /* struct option_list; may be repeated */
    OPTION_KIND_CHOICE, /* const char *, one of the words in `argument`, "auto|ext4|none" */
    OPTION_KIND_SIZE,   /* uint64_t, bytes; more than 0 */
    OPTION_KIND_NUMBER, /* long, minimum .. maximum */
};

struct option {
    const char *name; /* without the dashes; NULL ends a table */
    enum option_kind kind;
    const char *argument; /* "FILE"; NULL for a flag */
    const char *summary;  /* one line, lower case, no period */
    size_t offset;        /* of the member in the struct of the command's options */
    long minimum, maximum;
};

#define OPTION_TABLE_MAX 64 /* entries of one table; a test holds the tables to it */
#define OPTION_LIST_MAX  64

struct option_list {
    const char *items[OPTION_LIST_MAX];
    size_t count;
};

/* The offset of `member`, which has to be of type `wanted`: a table that names another does not compile. */
#define OPTION_MEMBER(type, member, wanted) \
    (offsetof(type, member) + 0 * sizeof(_Generic(&((type *)0)->member, wanted * : 1)))

/* clang-format off */
#define OPTION_FLAG(type, member, name, summary) \
    { name, OPTION_KIND_FLAG, NULL, summary, OPTION_MEMBER(type, member, bool), 0, 0 }
#define OPTION_TEXT(type, member, name, argument, summary) \
    { name, OPTION_KIND_TEXT, argument, summary, OPTION_MEMBER(type, member, const char *), 0, 0 }
#define OPTION_FILE(type, member, name, argument, summary) \
    { name, OPTION_KIND_FILE, argument, summary, OPTION_MEMBER(type, member, const char *), 0, 0 }
#define OPTION_FILES(type, member, name, argument, summary) \
    { name, OPTION_KIND_FILES, argument, summary, OPTION_MEMBER(type, member, struct option_list), 0, 0 }
#define OPTION_CHOICE(type, member, name, choices, summary) \
    { name, OPTION_KIND_CHOICE, choices, summary, OPTION_MEMBER(type, member, const char *), 0, 0 }
#define OPTION_SIZE(type, member, name, summary) \
    { name, OPTION_KIND_SIZE, "SIZE", summary, OPTION_MEMBER(type, member, uint64_t), 0, 0 }
#define OPTION_NUMBER(type, member, name, argument, minimum, maximum, summary) \
    { name, OPTION_KIND_NUMBER, argument, summary, OPTION_MEMBER(type, member, long), minimum, maximum }
#define OPTIONS_END { NULL, OPTION_KIND_FLAG, NULL, NULL, 0, 0, 0 }
/* clang-format on */

/* What every command understands. It is the first member, `common`, of every struct of options. */
struct common_options {
    bool json;
    bool quiet;
    bool verbose;
    bool help;
};

/* clang-format off */
#define OPTIONS_COMMON(type) \
    OPTION_FLAG(type, common.json, "json", "write one JSON document instead of text"), \
    OPTION_FLAG(type, common.quiet, "quiet", "say nothing but errors and warnings"), \
    OPTION_FLAG(type, common.verbose, "verbose", "say more about what is done"), \
    OPTION_FLAG(type, common.help, "help", "show how the command is used")
/* clang-format on */

/* Where the secret comes from that opens a volume; member `secret`. Nothing given: asked on the terminal. */
struct secret_options {
    const char *passphrase_file; /* "-" = standard input */
    long passphrase_fd;          /* 0 = none */
    struct option_list key_files;
    const char *raw_key_file;
    uint64_t key_file_offset, key_file_size; /* bytes; only commands with OPTIONS_FORMAT set them */
    bool askpass;                            /* by agents of the system; only mount sets it */
    bool key_file_is_all;                    /* beside key files no passphrase is asked for; not an option */
};

#define OPTION_FD_MIN 3
#define OPTION_FD_MAX 1048576

/* clang-format off */
#define OPTIONS_SECRET(type) \
    OPTION_FILE(type, secret.passphrase_file, "passphrase-file", "FILE", \
                "the passphrase is the first line of FILE ('-' = standard input)"), \
    OPTION_NUMBER(type, secret.passphrase_fd, "passphrase-fd", "N", OPTION_FD_MIN, OPTION_FD_MAX, \
                  "the passphrase is the first line of the open descriptor N"), \
    OPTION_FILES(type, secret.key_files, "key-file", "FILE", "a key file ('-' = standard input); may be repeated"), \
    OPTION_FILE(type, secret.raw_key_file, "raw-key-file", "FILE", \
                "32 raw bytes that take the place of passphrase and key files")
/* clang-format on */

/* The same for a second secret: one that is set while the first one opens; member `new_secret`. */
/* clang-format off */
#define OPTIONS_NEW_SECRET(type) \
    OPTION_FILE(type, new_secret.passphrase_file, "new-passphrase-file", "FILE", \
                "the new passphrase is the first line of FILE ('-' = standard input)"), \
    OPTION_NUMBER(type, new_secret.passphrase_fd, "new-passphrase-fd", "N", OPTION_FD_MIN, OPTION_FD_MAX, \
                  "the new passphrase is the first line of the open descriptor N"), \
    OPTION_FILES(type, new_secret.key_files, "new-key-file", "FILE", "a new key file; may be repeated"), \
    OPTION_FILE(type, new_secret.raw_key_file, "new-raw-key-file", "FILE", \
                "32 raw bytes as the new secret")
/* clang-format on */

/* What is wrong with a command line: one line each, `hint` may be empty. Both may hold hostile text. */
struct usage_error {
    char text[256];
    char hint[256];
};

/* Splits the `count` arguments (without the command's name) into `values`, the command's struct of options, and
 * operands, for which `operands` has room for `count` pointers. "--" ends the options; "-" is an operand.
 * On false `error` says why and `values` may be partly filled. */
bool options_parse(const struct option *table, int count, char *const *arguments, void *values,
                   const char **operands, size_t *operand_count, struct usage_error *error);

#endif
