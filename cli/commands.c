/* SPDX-License-Identifier: ISC */
/* commands.c - the table of commands. */
#include "command.h"

#include <stdio.h>
#include <string.h>

#include "nearest.h"
#include "scope.h"
#include "ui.h"

/* clang-format off */
const struct command *const commands[] = {
    &command_create,
    &command_mount,
    &command_unmount,
    &command_list,
    &command_info,
    &command_key,
    &command_check,
    &command_header,
    &command_resize,
    &command_convert,
    &command_bench,
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

enum exit_status command_fail_unknown_action(const struct command *command, const char *action)
{
    SCOPE_FREE char *words = strndup(command->operands, strcspn(command->operands, " "));
    struct nearest nearest = { .word = action };
    char hint[128];

    if (!words) {
        return ui_fail_no_memory();
    }
    snprintf(hint, sizeof(hint), "coffer %s %s", command->name, command->operands);
    char *rest = words;
    for (const char *word = strsep(&rest, "|"); word; word = strsep(&rest, "|")) {
        nearest_offer(&nearest, word);
    }
    if (nearest.best) {
        snprintf(hint, sizeof(hint), "did you mean '%s'?", nearest.best);
    }
    return ui_fail(EXIT_USAGE, hint, "'%s' does not know '%s'", command->name, action);
}
