/* SPDX-License-Identifier: ISC */
/* commands.c - the table of commands. */
#include "command.h"

#include <stdio.h>
#include <string.h>

#include "nearest.h"
#include "ui.h"

/* clang-format off */
const struct command *const commands[] = {
    &command_create,
    &command_mount,
    &command_unmount,
    &command_list,
    &command_info,
    &command_help,
    &command_version,
    NULL,
};
/* clang-format on */

const struct command *command_find(const char *name)
{
    for (const struct command *const *command = commands; *command; command++) {
        if (strcmp((*command)->name, name) == 0) {
            return *command;
        }
    }
    return NULL;
}

enum exit_status command_fail_unknown(const char *name)
{
    struct nearest nearest = { .word = name };
    char hint[64] = "'coffer help' lists the commands";

    for (const struct command *const *command = commands; *command; command++) {
        nearest_offer(&nearest, (*command)->name);
    }
    if (nearest.best) {
        snprintf(hint, sizeof(hint), "did you mean '%s'?", nearest.best);
    }
    return ui_fail(EXIT_USAGE, hint, "unknown command '%s'", name);
}
