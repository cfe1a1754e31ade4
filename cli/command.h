/* SPDX-License-Identifier: ISC */
/*
 * command.h - the commands of the program. Each is one file, command_NAME.c, that defines one struct command;
 * main.c lists them. main parses the command line by the command's table, handles --help, sets up ui.h by the
 * common options and calls run.
 */
#ifndef COMMAND_H
#define COMMAND_H

#include <stdbool.h>
#include <stddef.h>

#include "options.h"
#include "status.h"

/* `options` is the command's own struct, filled; `operands` has `count` entries, within the command's bounds.
 * Returns what the program exits with; a failure has been reported through ui.h before that, exactly once. */
typedef enum exit_status command_fn(const void *options, const char *const *operands, size_t count);

struct command {
    const char *name;
    const char *summary;     /* one line, lower case, no period */
    const char *operands;    /* for the usage line: "VOLUME DIR" */
    size_t minimum, maximum; /* how many operands */
    const struct option *options;
    const void *defaults; /* the struct of options before anything is parsed */
    size_t options_size;  /* its size */
    bool without_library; /* main does not call coffer_init: not needed, or done after a fork */
    command_fn *run;
};

extern const struct command command_create;
extern const struct command command_mount;
extern const struct command command_unmount;
extern const struct command command_list;
extern const struct command command_info;
extern const struct command command_key;
extern const struct command command_check;
extern const struct command command_header;
extern const struct command command_resize;
extern const struct command command_convert;
extern const struct command command_bench;
extern const struct command command_help;
extern const struct command command_version;

/* In commands.c: all of them in the order in which `coffer help` lists them; ends with NULL. */
extern const struct command *const commands[];

/* NULL when there is none of this name. */
const struct command *command_find(const char *name);

/* Reports that there is no such command, and which one may have been meant. */
enum exit_status command_fail_unknown(const char *name);

/* The same for the first operand of a command whose operands begin with the words that it knows, "list|add VOLUME". */
enum exit_status command_fail_unknown_action(const struct command *command, const char *action);

/* What `coffer NAME --help` and `coffer help NAME` show; in command_help.c. */
enum exit_status command_print_help(const struct command *command);

#endif
