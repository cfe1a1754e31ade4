/* SPDX-License-Identifier: ISC */
/*
 * command_help.c - `coffer help`, and the description of all commands for completions and tests. Everything is
 * read from the tables, so it cannot say what is not so.
 */
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "json.h"
#include "ui.h"

struct help_options {
    struct common_options common;
    bool complete;
};

static const struct option table[] = {
    OPTION_FLAG(struct help_options, complete, "complete", "describe all commands and options, for programs"),
    OPTIONS_COMMON(struct help_options),
    OPTIONS_END,
};

static const struct help_options defaults;

static const char *kind_name(enum option_kind kind)
{
    switch (kind) {
    case OPTION_KIND_FLAG:
        return "flag";
    case OPTION_KIND_TEXT:
        return "text";
    case OPTION_KIND_FILE:
        return "file";
    case OPTION_KIND_FILES:
        return "files";
    case OPTION_KIND_CHOICE:
        return "choice";
    case OPTION_KIND_SIZE:
        return "size";
    case OPTION_KIND_NUMBER:
        return "number";
    }
    return "";
}

static struct json_object *describe_option(const struct option *option)
{
    struct json_object *object = json_object_new_object();

    json_add_text(object, "name", option->name);
    json_add_text(object, "kind", kind_name(option->kind));
    json_add_text(object, "argument", option->argument);
    json_add_text(object, "summary", option->summary);
    return object;
}

static struct json_object *describe_command(const struct command *command)
{
    struct json_object *object = json_object_new_object();
    struct json_object *options = json_object_new_array();

    for (const struct option *option = command->options; option->name; option++) {
        json_object_array_add(options, describe_option(option));
    }
    json_add_text(object, "name", command->name);
    json_add_text(object, "operands", command->operands);
    json_add_text(object, "summary", command->summary);
    json_add(object, "options", options);
    return object;
}

static enum exit_status print_json(const struct command *only)
{
    struct json_object *document = json_document("help");
    struct json_object *list = json_object_new_array();

    for (const struct command *const *command = commands; *command; command++) {
        if (!only || only == *command) {
            json_object_array_add(list, describe_command(*command));
        }
    }
    json_add(document, "commands", list);
    json_print(document);
    return EXIT_DONE;
}

/* Lines of fields between colons, of which only the last may hold one:
 *     command:NAME:OPERANDS:SUMMARY
 *     option:COMMAND:NAME:KIND:ARGUMENT:SUMMARY */
static enum exit_status print_for_completion(void)
{
    for (const struct command *const *at = commands; *at; at++) {
        const struct command *command = *at;
        ui_print("command:%s:%s:%s", command->name, command->operands, command->summary);
        for (const struct option *option = command->options; option->name; option++) {
            ui_print("option:%s:%s:%s:%s:%s", command->name, option->name, kind_name(option->kind),
                     option->argument ? option->argument : "", option->summary);
        }
    }
    return EXIT_DONE;
}

static enum exit_status print_commands(void)
{
    ui_print("coffer keeps files in an encrypted container");
    ui_print("%s", "");
    ui_print("usage: coffer COMMAND [OPTION...] [OPERAND...]");
    ui_print("%s", "");
    for (const struct command *const *command = commands; *command; command++) {
        ui_print("  %-10s %s", (*command)->name, (*command)->summary);
    }
    ui_print("%s", "");
    ui_print("'coffer help COMMAND' shows the options of a command, 'man coffer' the whole manual");
    return EXIT_DONE;
}

enum exit_status command_print_help(const struct command *command)
{
    char usage[128];

    if (ui_is_json()) {
        return print_json(command);
    }
    ui_print("coffer %s: %s", command->name, command->summary);
    ui_print("%s", "");
    ui_print("usage: coffer %s [OPTION...]%s%s", command->name, *command->operands ? " " : "", command->operands);
    ui_print("%s", "");
    for (const struct option *option = command->options; option->name; option++) {
        snprintf(usage, sizeof(usage), "--%s%s%s", option->name, option->argument ? " " : "",
                 option->argument ? option->argument : "");
        if (strlen(usage) <= 26) {
            ui_print("  %-26s %s", usage, option->summary);
        } else {
            ui_print("  %s", usage);
            ui_print("  %-26s %s", "", option->summary);
        }
    }
    return EXIT_DONE;
}

static enum exit_status run(const void *values, const char *const *operands, size_t count)
{
    const struct help_options *options = values;
    const struct command *command = NULL;

    if (count > 0) {
        command = command_find(operands[0]);
        if (!command) {
            return command_fail_unknown(operands[0]);
        }
    }
    if (ui_is_json()) {
        return print_json(command);
    }
    if (options->complete) {
        return print_for_completion();
    }
    return command ? command_print_help(command) : print_commands();
}

const struct command command_help = {
    .name = "help",
    .summary = "shows what the commands and their options do",
    .operands = "[COMMAND]",
    .maximum = 1,
    .options = table,
    .defaults = &defaults,
    .options_size = sizeof(defaults),
    .run = run,
};
