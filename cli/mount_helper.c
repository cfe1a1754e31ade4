/* SPDX-License-Identifier: ISC */
/*
 * mount_helper.c - mount.coffer (mount_helper.h, mount(8) "EXTERNAL HELPERS"). Options are told apart by the table of
 * `coffer mount`, so whatever that learns can stand in fstab.
 */
#include "mount_helper.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "mount_options.h"
#include "scope.h"

/* For mount(8), systemd or nobody; a '=' at the end: with any value. */
static const char *const for_others[] = {
    "auto",   "noauto",  "user",     "nouser", "users", "owner",  "group",
    "nofail", "_netdev", "defaults", "rw",     "loud",  "silent", "comment=",
};

static bool is_for_others(const char *word)
{
    if (strncasecmp(word, "x-", 2) == 0) {
        return true;
    }
    for (size_t i = 0; i < sizeof(for_others) / sizeof(for_others[0]); i++) {
        size_t size = strlen(for_others[i]);
        if (for_others[i][size - 1] == '=' ? strncmp(word, for_others[i], size) == 0
                                           : strcmp(word, for_others[i]) == 0) {
            return true;
        }
    }
    return false;
}

static bool refuse(struct usage_error *error, const char *why, const char *word)
{
    snprintf(error->text, sizeof(error->text), "%s '%s'", why, word);
    return false;
}

/* Takes `argument` over. */
static bool add(struct mount_helper_line *line, char *argument)
{
    char **larger = argument ? realloc(line->arguments, ((size_t)line->count + 1) * sizeof(larger[0])) : NULL;

    if (!larger) {
        free(argument);
        return false;
    }
    line->arguments = larger;
    line->arguments[line->count++] = argument;
    return true;
}

static bool add_formatted(struct mount_helper_line *line, const char *before, const char *text)
{
    char *argument;

    return add(line, asprintf(&argument, "%s%s", before, text) < 0 ? NULL : argument);
}

/* The option of `coffer mount` that this word of fstab is, NULL for none. */
static const struct option *find_option(const char *word)
{
    size_t size = strcspn(word, "=");

    for (const struct option *option = command_mount.options; option->name; option++) {
        bool is_flag = option->kind == OPTION_KIND_FLAG;
        if (strlen(option->name) == size && strncmp(option->name, word, size) == 0 &&
            is_flag == (word[size] == '\0')) {
            return option;
        }
    }
    return NULL;
}

/* The words that are left for `--options`. */
struct rest {
    char *list;
};

static bool append(struct rest *rest, const char *word)
{
    char *longer;

    if (asprintf(&longer, "%s%s%s", rest->list ? rest->list : "", rest->list ? "," : "", word) < 0) {
        return false;
    }
    free(rest->list);
    rest->list = longer;
    return true;
}

static bool translate_word(const char *word, bool is_sloppy, struct mount_helper_line *line, struct rest *rest,
                           struct usage_error *error)
{
    char unknown[64];

    if (find_option(word)) {
        return add_formatted(line, "--", word);
    }
    if (strcmp(word, "ro") == 0) {
        return add_formatted(line, "--", "read-only");
    }
    if (strcmp(word, "allow_other") == 0) { /* as FUSE spells it */
        return add_formatted(line, "--", "allow-other");
    }
    if (word[0] == '\0' || is_for_others(word)) {
        return true;
    }
    if (!mount_options_check(word, MOUNT_OPTIONS_ANY, sizeof(unknown), unknown)) {
        return is_sloppy || refuse(error, "unknown option", word);
    }
    return append(rest, word);
}

/* An option of the table is given once; fstab and the command line of mount(8) may both say it. */
static bool is_there(const struct mount_helper_line *line, const char *argument)
{
    for (int i = 0; i < line->count; i++) {
        if (strcmp(line->arguments[i], argument) == 0) {
            return true;
        }
    }
    return false;
}

static bool translate_options(const char *options, bool is_sloppy, struct mount_helper_line *line,
                              struct rest *rest, struct usage_error *error)
{
    SCOPE_FREE char *copy = strdup(options);
    char *words = copy;

    for (char *word = strsep(&words, ","); word; word = strsep(&words, ",")) {
        if (!translate_word(word, is_sloppy, line, rest, error)) {
            return false;
        }
    }
    return copy != NULL;
}

/* What mount(8) gives: names first or last, letters alone or together. */
struct given {
    const char *names[2];
    int name_count;
    const char *options;
    bool is_read_only, is_sloppy, is_verbose;
};

static bool take_letters(const char *letters, struct given *given, struct mount_helper_line *line,
                         struct usage_error *error)
{
    for (const char *letter = letters; *letter; letter++) {
        given->is_read_only |= *letter == 'r';
        given->is_sloppy |= *letter == 's';
        given->is_verbose |= *letter == 'v';
        line->is_rehearsal |= *letter == 'f';
        if (!strchr("rwnsvf", *letter)) {
            return refuse(error, "unknown option", letters);
        }
    }
    return true;
}

static bool take_arguments(int count, char *const *arguments, struct given *given, struct mount_helper_line *line,
                           struct usage_error *error)
{
    for (int i = 0; i < count; i++) {
        const char *argument = arguments[i];
        if (argument[0] != '-') {
            if (given->name_count == 2) {
                return refuse(error, "too many names:", argument);
            }
            given->names[given->name_count++] = argument;
        } else if (strcmp(argument, "-o") == 0 || strcmp(argument, "-t") == 0 || strcmp(argument, "-N") == 0) {
            if (i + 1 == count) {
                return refuse(error, "there is nothing behind", argument);
            }
            i++;
            given->options = argument[1] == 'o' ? arguments[i] : given->options;
        } else if (!take_letters(argument + 1, given, line, error)) {
            return false;
        }
    }
    return given->name_count == 2 || refuse(error, "mount.coffer needs", "VOLUME DIR");
}

static bool has_secret(const struct mount_helper_line *line)
{
    static const char *const secrets[] = { "--passphrase-", "--key-file=", "--raw-key-file=", "--askpass" };

    for (int i = 0; i < line->count; i++) {
        for (size_t j = 0; j < sizeof(secrets) / sizeof(secrets[0]); j++) {
            if (strncmp(line->arguments[i], secrets[j], strlen(secrets[j])) == 0) {
                return true;
            }
        }
    }
    return false;
}

static bool finish(const struct given *given, struct mount_helper_line *line, const struct rest *rest)
{
    if (given->is_read_only && !is_there(line, "--read-only") && !add_formatted(line, "", "--read-only")) {
        return false;
    }
    return (!given->is_verbose || add_formatted(line, "", "--verbose")) &&
           (!rest->list || add_formatted(line, "--options=", rest->list)) && add_formatted(line, "", "--") &&
           add_formatted(line, "", given->names[0]) && add_formatted(line, "", given->names[1]);
}

bool mount_helper_translate(int count, char *const *arguments, bool has_terminal, struct mount_helper_line *line,
                            struct usage_error *error)
{
    struct given given = { .name_count = 0 };
    struct rest rest = { NULL };

    *line = (struct mount_helper_line){ .count = 0 };
    *error = (struct usage_error){ .text = "out of memory" };
    bool is_done = take_arguments(count, arguments, &given, line, error) &&
                   translate_options(given.options ? given.options : "", given.is_sloppy, line, &rest, error) &&
                   (has_terminal || has_secret(line) || add_formatted(line, "", "--askpass")) &&
                   finish(&given, line, &rest);
    free(rest.list);
    if (!is_done) {
        mount_helper_free(line);
    }
    return is_done;
}

void mount_helper_free(struct mount_helper_line *line)
{
    for (int i = 0; i < line->count; i++) {
        free(line->arguments[i]);
    }
    free(line->arguments);
    *line = (struct mount_helper_line){ .count = 0 };
}

int mount_helper_status(enum exit_status status)
{
    enum { MOUNT_USAGE = 1, MOUNT_INTERRUPTED = 8, MOUNT_FAILED = 32 };

    switch (status) {
    case EXIT_DONE:
        return 0;
    case EXIT_USAGE:
        return MOUNT_USAGE;
    case EXIT_INTERRUPTED:
        return MOUNT_INTERRUPTED;
    default:
        return MOUNT_FAILED;
    }
}
