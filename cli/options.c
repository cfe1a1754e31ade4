/* SPDX-License-Identifier: ISC */
/*
 * options.c - the parser behind the tables of options.h. It is strict: names are never abbreviated, so that a
 * script keeps its meaning when an option is added; nothing is given twice; a value is never guessed.
 */
#include "options.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "coffer.h"
#include "nearest.h"
#include "size.h"

COFFER_PRINTF(2, 3) static bool refuse(struct usage_error *error, const char *format, ...)
{
    va_list list;

    va_start(list, format);
    vsnprintf(error->text, sizeof(error->text), format, list);
    va_end(list);
    return false;
}

COFFER_PRINTF(2, 3) static void hint(struct usage_error *error, const char *format, ...)
{
    va_list list;

    va_start(list, format);
    vsnprintf(error->hint, sizeof(error->hint), format, list);
    va_end(list);
}

static const struct option *find(const struct option *table, const char *name, size_t size)
{
    for (; table->name; table++) {
        if (strncmp(table->name, name, size) == 0 && table->name[size] == '\0') {
            return table;
        }
    }
    return NULL;
}

static bool refuse_unknown(const struct option *table, const char *argument, struct usage_error *error)
{
    char word[64];
    const char *name = argument + strspn(argument, "-");
    struct nearest nearest = { .word = word };

    snprintf(word, sizeof(word), "%.*s", (int)strcspn(name, "="), name);
    for (; table->name; table++) {
        nearest_offer(&nearest, table->name);
    }
    if (nearest.best) {
        hint(error, "did you mean '--%s'?", nearest.best);
    } else {
        hint(error, "--help lists the options; an operand that begins with '-' goes after '--'");
    }
    return refuse(error, "unknown option '%.*s'", (int)strcspn(argument, "="), argument);
}

static bool is_choice(const char *choices, const char *value)
{
    size_t size = strlen(value);

    if (size == 0 || strchr(value, '|')) {
        return false;
    }
    for (const char *word = choices; word; word = strchr(word, '|')) {
        word += *word == '|';
        if (strncmp(word, value, size) == 0 && (word[size] == '|' || word[size] == '\0')) {
            return true;
        }
    }
    return false;
}

static bool set_choice(const struct option *option, const char *value, const char **member,
                       struct usage_error *error)
{
    if (!is_choice(option->argument, value)) {
        hint(error, "--%s %s", option->name, option->argument);
        return refuse(error, "option '--%s' does not know '%s'", option->name, value);
    }
    *member = value;
    return true;
}

static bool set_size(const struct option *option, const char *value, uint64_t *member, struct usage_error *error)
{
    uint64_t bytes;

    if (!size_parse(value, &bytes) || bytes == 0) {
        hint(error, "write 10G or 10GiB (10 * 2^30), 10GB (10^10) or a number of bytes, without a fraction");
        return refuse(error, "option '--%s': '%s' is not a size", option->name, value);
    }
    *member = bytes;
    return true;
}

static bool set_number(const struct option *option, const char *value, long *member, struct usage_error *error)
{
    char *end;

    errno = 0;
    long number = strtol(value, &end, 10);
    bool is_number = end != value && *end == '\0' && strspn(value, "0123456789") == strlen(value);
    if (!is_number || errno != 0 || number < option->minimum || number > option->maximum) {
        return refuse(error, "option '--%s': '%s' is not a number from %ld to %ld", option->name, value,
                      option->minimum, option->maximum);
    }
    *member = number;
    return true;
}

static bool add_to_list(const struct option *option, const char *value, struct option_list *list,
                        struct usage_error *error)
{
    if (list->count == OPTION_LIST_MAX) {
        return refuse(error, "option '--%s' is given more than %d times", option->name, OPTION_LIST_MAX);
    }
    list->items[list->count++] = value;
    return true;
}

static bool set(const struct option *option, const char *value, void *values, struct usage_error *error)
{
    void *member = (char *)values + option->offset;
    bool is_file = option->kind == OPTION_KIND_FILE || option->kind == OPTION_KIND_FILES;

    if (is_file && !*value) {
        return refuse(error, "option '--%s' needs the name of a file", option->name);
    }
    switch (option->kind) {
    case OPTION_KIND_FLAG:
        *(bool *)member = true;
        return true;
    case OPTION_KIND_TEXT:
    case OPTION_KIND_FILE:
        *(const char **)member = value;
        return true;
    case OPTION_KIND_FILES:
        return add_to_list(option, value, member, error);
    case OPTION_KIND_CHOICE:
        return set_choice(option, value, member, error);
    case OPTION_KIND_SIZE:
        return set_size(option, value, member, error);
    case OPTION_KIND_NUMBER:
        return set_number(option, value, member, error);
    }
    return refuse(error, "option '--%s' has no kind", option->name);
}

/* The value of an option: behind its '=', or the next argument, which is then used up. */
static bool take_value(const struct option *option, const char *equals, int count, char *const *arguments, int *at,
                       const char **value, struct usage_error *error)
{
    if (option->kind == OPTION_KIND_FLAG) {
        *value = "";
        return equals ? refuse(error, "option '--%s' takes no value", option->name) : true;
    }
    if (equals) {
        *value = equals + 1;
        return true;
    }
    bool has_next = *at + 1 < count;
    if (!has_next || strncmp(arguments[*at + 1], "--", 2) == 0) {
        hint(error, has_next ? "a value that begins with '--' is written --%s=%s" : "--%s %s", option->name,
             option->argument);
        return refuse(error, "option '--%s' needs a value", option->name);
    }
    *value = arguments[++*at];
    return true;
}

bool options_parse(const struct option *table, int count, char *const *arguments, void *values,
                   const char **operands, size_t *operand_count, struct usage_error *error)
{
    bool seen[OPTION_TABLE_MAX] = { false };
    bool only_operands = false;

    *error = (struct usage_error){ "", "" };
    *operand_count = 0;
    for (int i = 0; i < count; i++) {
        const char *argument = arguments[i];
        if (only_operands || argument[0] != '-' || argument[1] == '\0') {
            operands[(*operand_count)++] = argument;
            continue;
        }
        if (strcmp(argument, "--") == 0) {
            only_operands = true;
            continue;
        }
        size_t size = strcspn(argument, "=");
        const char *equals = argument[size] ? argument + size : NULL;
        const struct option *option = size > 2 && argument[1] == '-' ? find(table, argument + 2, size - 2) : NULL;
        const char *value = NULL;
        if (!option) {
            return refuse_unknown(table, argument, error);
        }
        if (seen[option - table] && option->kind != OPTION_KIND_FILES) {
            return refuse(error, "option '--%s' is given twice", option->name);
        }
        seen[option - table] = true;
        if (!take_value(option, equals, count, arguments, &i, &value, error) ||
            !set(option, value, values, error)) {
            return false;
        }
    }
    return true;
}
