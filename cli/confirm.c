/* SPDX-License-Identifier: ISC */
/* confirm.c - wants the name of what would be destroyed. Without a terminal and without --confirm nothing is. */
#include "confirm.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "terminal.h"
#include "ui.h"

const char *confirm_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

static enum exit_status ask(const char *path, const char *name, const char *fate, const char *deed)
{
    char prompt[NAME_MAX + 128];
    bool confirmed = false;

    if (!terminal_is_there()) {
        return ui_fail(EXIT_USAGE, NULL, "'%s' would be %s: without a terminal that takes --confirm '%s'", path,
                       fate, name);
    }
    snprintf(prompt, sizeof(prompt), "Type '%s' to %s", name, deed);
    enum exit_status status = terminal_confirm(prompt, name, &confirmed);
    if (status != EXIT_DONE || confirmed) {
        return status;
    }
    return ui_fail(EXIT_OTHER, NULL, "'%s' was not confirmed; nothing has been written", path);
}

enum exit_status confirm_destruction(const char *path, const char *confirm, const char *fate, const char *deed)
{
    const char *name = confirm_name(path);

    if (!confirm) {
        return ask(path, name, fate, deed);
    }
    if (strcmp(confirm, name) != 0) {
        return ui_fail(EXIT_USAGE, NULL, "--confirm names '%s', but '%s' would be %s", confirm, name, fate);
    }
    return EXIT_DONE;
}
