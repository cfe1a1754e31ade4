/* SPDX-License-Identifier: ISC */
/*
 * main.c - from the command line to one command and to the exit status. Everything that holds for all commands is
 * here: the hygiene of the process, parsing, --help, the start of the library, the last look at stdout.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "device_open.h"
#include "mount_helper.h"
#include "process.h"
#include "scope.h"
#include "terminal.h"
#include "ui.h"

/* Before anything is parsed: a failure to parse, too, is a line of JSON where one was asked for. */
static bool asks_for_json(int count, char *const *arguments)
{
    for (int i = 0; i < count && strcmp(arguments[i], "--") != 0; i++) {
        if (strcmp(arguments[i], "--json") == 0) {
            return true;
        }
    }
    return false;
}

static enum exit_status fail_operands(const struct command *command, const char *const *operands, size_t count)
{
    if (count > command->maximum) {
        return ui_fail(EXIT_USAGE, NULL, "'%s' does not know what to do with '%s'", command->name,
                       operands[command->maximum]);
    }
    return ui_fail(EXIT_USAGE, NULL, "'%s' needs %s", command->name, command->operands);
}

static enum exit_status run(const struct command *command, int count, char *const *arguments)
{
    SCOPE_FREE const char **operands = calloc((size_t)count + 1, sizeof(*operands));
    SCOPE_FREE void *options = malloc(command->options_size);
    struct usage_error usage;
    struct coffer_error error = COFFER_ERROR_INIT;
    size_t operand_count;

    if (!operands || !options) {
        return ui_fail_no_memory();
    }
    memcpy(options, command->defaults, command->options_size);
    if (!options_parse(command->options, count, arguments, options, operands, &operand_count, &usage)) {
        return ui_fail(EXIT_USAGE, usage.hint, "%s", usage.text);
    }
    const struct common_options *common = options;
    ui_setup(common);
    if (common->help) {
        return command_print_help(command);
    }
    if (operand_count < command->minimum || operand_count > command->maximum) {
        return fail_operands(command, operands, operand_count);
    }
    if (!command->without_library && coffer_init(&error) != COFFER_OK) {
        return ui_fail_library(OPERATION_START, NULL, &error);
    }
    return command->run(options, operands, operand_count);
}

/* `coffer --help` and `coffer --version` are what people try first. */
static const char *command_name(const char *argument)
{
    if (strcmp(argument, "--help") == 0) {
        return command_help.name;
    }
    return strcmp(argument, "--version") == 0 ? command_version.name : argument;
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

/* Under the name by which mount(8) calls it. */
static int run_as_mount_helper(int count, char *const *arguments)
{
    struct mount_helper_line line;
    struct usage_error error;
    enum exit_status status = EXIT_DONE;

    if (!mount_helper_translate(count, arguments, terminal_is_there(), &line, &error)) {
        return mount_helper_status(
            ui_finish(ui_fail(EXIT_USAGE, "'man coffer' says what can stand in fstab", "%s", error.text)));
    }
    if (!line.is_rehearsal) {
        status = run(&command_mount, line.count, line.arguments);
    }
    mount_helper_free(&line);
    return mount_helper_status(ui_finish(status));
}

int main(int argc, char **argv)
{
    if (!process_harden()) {
        return (int)ui_finish(
            ui_fail(EXIT_OTHER, NULL, "cannot protect the process from being read: %s", explain_errno(errno)));
    }
    if (argc > 0 && strcmp(base_name(argv[0]), MOUNT_HELPER_NAME) == 0) {
        return run_as_mount_helper(argc - 1, argv + 1);
    }
    coffer_set_open_device(device_open_by_udisks);
    ui_setup(&(struct common_options){ .json = argc > 1 && asks_for_json(argc - 1, argv + 1) });
    if (argc < 2) {
        return (int)ui_finish(ui_fail(EXIT_USAGE, "'coffer help' lists the commands", "there is no command"));
    }
    const char *name = command_name(argv[1]);
    const struct command *command = command_find(name);
    return (int)ui_finish(command ? run(command, argc - 2, argv + 2) : command_fail_unknown(name));
}
