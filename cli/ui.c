/* SPDX-License-Identifier: ISC */
/*
 * ui.c - lines for people, and the few JSON lines on stderr for programs. The state is what main set up from the
 * command line, whether the one error has been said, and whether a line of progress is standing on the terminal.
 */
#include "ui.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "device_open.h"
#include "escape.h"
#include "json.h"
#include "scope.h"

static struct {
    struct common_options common;
    bool has_failed;
    bool has_hinted; /* one is enough */
    bool has_transient;
    int output_error; /* errno of the first line of the result that got lost */
} ui;

void ui_setup(const struct common_options *common)
{
    ui.common = *common;
}

bool ui_is_json(void)
{
    return ui.common.json;
}

bool ui_is_quiet(void)
{
    return ui.common.quiet;
}

bool ui_is_verbose(void)
{
    return ui.common.verbose;
}

/* The formatted text, harmless; NULL without memory. */
COFFER_PRINTF(1, 0) static char *format_line(const char *format, va_list list)
{
    SCOPE_FREE char *raw = NULL;

    return vasprintf(&raw, format, list) < 0 ? (raw = NULL) : escape_text(raw);
}

static bool write_to(int fd, const char *text, size_t size)
{
    while (size > 0) {
        ssize_t written = write(fd, text, size);
        if (written < 0 && errno == EINTR) {
            continue;
        }
        if (written <= 0) {
            return false;
        }
        text += written;
        size -= (size_t)written;
    }
    return true;
}

static void write_all(const char *text, size_t size)
{
    write_to(STDERR_FILENO, text, size); /* if that fails, there is nowhere left to complain */
}

void ui_clear_transient(void)
{
    if (ui.has_transient) {
        write_all("\r\x1b[K", 4);
        ui.has_transient = false;
    }
}

void ui_show_transient(const char *text)
{
    SCOPE_FREE char *line = NULL;

    if (asprintf(&line, "\r%s\x1b[K", text) < 0) {
        line = NULL;
        return;
    }
    write_all(line, strlen(line));
    ui.has_transient = true;
}

void ui_write_json_line(struct json_object *object)
{
    SCOPE_FREE char *line = NULL;
    const char *text =
        json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);

    if (!text || asprintf(&line, "%s\n", text) < 0) {
        line = NULL;
        return;
    }
    write_all(line, strlen(line));
}

static void write_json_message(const char *type, const char *message)
{
    struct json_object *object = json_object_new_object();

    json_add_text(object, "message_type", type);
    json_add_text(object, "message", message);
    ui_write_json_line(object);
    json_object_put(object);
}

/* ui_finish reports the first one: one error for all lines. */
static void keep_output_error(bool succeeded)
{
    if (!succeeded && ui.output_error == 0) {
        ui.output_error = errno;
    }
}

static void flush_output(void)
{
    keep_output_error(fflush(stdout) == 0);
}

bool ui_flush(void)
{
    flush_output();
    return ui.output_error == 0;
}

/* One line of stderr; `text` is harmless already. */
static void write_line(const char *type, const char *text)
{
    SCOPE_FREE char *line = NULL;

    flush_output(); /* so that what was said first stands first where both go to one place */
    ui_clear_transient();
    if (ui.common.json) {
        write_json_message(type, text);
        return;
    }
    if (asprintf(&line, "coffer: %s: %s\n", type, text) < 0) {
        line = NULL;
        return;
    }
    write_all(line, strlen(line));
}

COFFER_PRINTF(2, 0) static void say(const char *type, const char *format, va_list list)
{
    SCOPE_FREE char *text = format_line(format, list);

    write_line(type, text ? text : "out of memory");
}

void ui_put_line(const char *text)
{
    ui_clear_transient();
    keep_output_error(puts(text) != EOF);
}

void ui_put_secret(struct coffer_secret *text)
{
    ui_clear_transient();
    flush_output();
    keep_output_error(write_to(STDOUT_FILENO, (const char *)coffer_secret_data(text), coffer_secret_size(text)) &&
                      write_to(STDOUT_FILENO, "\n", 1));
}

void ui_print(const char *format, ...)
{
    va_list list;

    va_start(list, format);
    SCOPE_FREE char *text = format_line(format, list);
    va_end(list);
    ui_put_line(text ? text : "out of memory");
}

void ui_warn(const char *format, ...)
{
    va_list list;

    va_start(list, format);
    say("warning", format, list);
    va_end(list);
}

void ui_notice(const char *format, ...)
{
    va_list list;

    if (ui.common.quiet) {
        return;
    }
    va_start(list, format);
    say("notice", format, list);
    va_end(list);
}

void ui_detail(const char *format, ...)
{
    va_list list;

    if (!ui.common.verbose) {
        return;
    }
    va_start(list, format);
    say("detail", format, list);
    va_end(list);
}

void ui_hint(const char *format, ...)
{
    va_list list;

    va_start(list, format);
    ui.has_hinted = true;
    say("hint", format, list);
    va_end(list);
}

void ui_say_progress(const char *text)
{
    write_line("progress", text);
}

void ui_library_notice(void *user, const char *text)
{
    (void)user;
    ui_notice("%s", text);
}

static void fail_json(enum exit_status status, const char *text, const char *hint)
{
    struct json_object *object = json_object_new_object();

    json_add_text(object, "message_type", "exit_error");
    json_add_number(object, "code", (uint64_t)status);
    json_add_text(object, "message", text);
    if (hint) {
        json_add_text(object, "hint", hint);
    }
    ui_clear_transient();
    ui_write_json_line(object);
    json_object_put(object);
}

enum exit_status ui_fail(enum exit_status status, const char *hint, const char *format, ...)
{
    va_list list;

    va_start(list, format);
    SCOPE_FREE char *text = format_line(format, list);
    va_end(list);
    SCOPE_FREE char *safe_hint = hint && *hint && !ui.has_hinted ? escape_text(hint) : NULL;
    const char *said = text ? text : "out of memory";
    if (ui.has_failed) {
        write_line("warning", said); /* what went wrong while giving up is not the reason for it */
        return status;
    }
    ui.has_failed = true;
    if (ui.common.json) {
        fail_json(status, said, safe_hint);
        return status;
    }
    write_line("error", said);
    if (safe_hint) {
        write_line("hint", safe_hint);
    }
    return status;
}

enum exit_status ui_fail_no_memory(void)
{
    return ui_fail(EXIT_NO_MEMORY, NULL, "out of memory");
}

enum exit_status ui_fail_library(enum operation operation, const char *path, const struct coffer_error *error)
{
    enum exit_status status = status_exit(operation, error->status);
    const char *hint = explain_hint(operation, error);
    const char *failure = explain_failure(operation);

    if (path) {
        hint = hint || error->sys != EACCES ? hint : device_open_hint(path);
        return ui_fail(status, hint, "%s '%s': %s", failure, path, error->text);
    }
    return ui_fail(status, hint, "%s: %s", failure, error->text);
}

enum exit_status ui_finish(enum exit_status status)
{
    ui_clear_transient();
    flush_output();
    /* some file systems report a full disk only here */
    keep_output_error(close(STDOUT_FILENO) == 0);
    if (ui.output_error == 0) {
        return status;
    }
    ui_fail(EXIT_OTHER, NULL, "cannot write to standard output: %s", explain_errno(ui.output_error));
    return status == EXIT_DONE ? EXIT_OTHER : status;
}
