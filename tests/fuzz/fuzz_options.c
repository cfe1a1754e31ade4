/* SPDX-License-Identifier: ISC */
/*
 * fuzz_options.c - command lines: the lines of the input are the command and its arguments. A line that is refused
 * is explained in text that ends; one that is accepted keeps the bounds of its table.
 */
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "options.h"

#define ARGUMENTS_MAX 256

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct command *pick(const char *name)
{
    const struct command *command = command_find(name);
    return command ? command : commands[0];
}

/* Numbers within their range, choices among their words: what a command relies on. */
static void check_values(const struct option *table, const void *values)
{
    for (const struct option *option = table; option->name; option++) {
        const char *member = (const char *)values + option->offset;
        long number;
        struct option_list list;
        if (option->kind == OPTION_KIND_NUMBER) {
            memcpy(&number, member, sizeof(number));
            if (number != 0 && number != -1 && (number < option->minimum || number > option->maximum)) {
                abort();
            }
        }
        if (option->kind == OPTION_KIND_FILES) {
            memcpy(&list, member, sizeof(list));
            if (list.count > OPTION_LIST_MAX) {
                abort();
            }
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    char *arguments[ARGUMENTS_MAX];
    const char *operands[ARGUMENTS_MAX];
    size_t operand_count = 0;
    int count = 0;
    if (!text) {
        abort();
    }
    memcpy(text, data, size);
    text[size] = 0;
    for (char *rest = text, *line; count < ARGUMENTS_MAX && (line = strsep(&rest, "\n"));) {
        arguments[count++] = line;
    }
    const struct command *command = pick(arguments[0]);
    void *values = malloc(command->options_size);
    if (!values) {
        abort();
    }
    memcpy(values, command->defaults, command->options_size);
    struct usage_error error = { .text = "", .hint = "" };
    if (options_parse(command->options, count - 1, arguments + 1, values, operands, &operand_count, &error)) {
        check_values(command->options, values);
        if (operand_count > (size_t)count) {
            abort();
        }
    } else if (error.text[0] == 0 || !memchr(error.text, 0, sizeof(error.text)) ||
               !memchr(error.hint, 0, sizeof(error.hint))) {
        abort();
    }
    free(values);
    free(text);
    return 0;
}
