/* SPDX-License-Identifier: ISC */
/*
 * ui.h - everything that the program says.
 *
 * Results go to stdout, all else to stderr. One call is one line: the text is formatted, made harmless as a
 * whole (control characters, escape sequences, invalid UTF-8 and direction marks become visible escapes), and
 * only then ended with a newline. So names of files, labels and other hostile text may be passed as they are.
 * A line of stderr is one write, so that lines of several processes do not mix. Nothing here may be called
 * from a signal handler.
 */
#ifndef UI_H
#define UI_H

#include <stdbool.h>

#include "coffer.h"
#include "explain.h"
#include "options.h"
#include "status.h"

void ui_setup(const struct common_options *common);
bool ui_is_json(void);
bool ui_is_quiet(void);
bool ui_is_verbose(void);

/* One line of the result. */
void ui_print(const char *format, ...) COFFER_PRINTF(1, 2);

/* False when something that was printed so far cannot be written; ui_finish reports it. */
bool ui_flush(void);

/* ui_print for text that is harmless as it is: JSON. */
void ui_put_line(const char *text);

/* The same from where it lies, without a copy in other memory. */
void ui_put_secret(struct coffer_secret *text);

/* Reports why the program fails, at most once per run: "coffer: error: ...", then "coffer: hint: ..." unless
 * `hint` is NULL or empty; with --json one line
 * {"message_type":"exit_error","code":12,"message":"...","hint":"..."}. Returns `status`, so that a command
 * can say `return ui_fail(...)`. */
enum exit_status ui_fail(enum exit_status status, const char *hint, const char *format, ...) COFFER_PRINTF(3, 4);

/* The same for a failure of the library: "cannot open 'a.coffer': no key slot opens with this secret".
 * `path` may be NULL. Returns the exit status that belongs to error->status. */
enum exit_status ui_fail_library(enum operation operation, const char *path, const struct coffer_error *error);

enum exit_status ui_fail_no_memory(void);

/* Something that did not fail but that the user should act on: shown even with --quiet. */
void ui_warn(const char *format, ...) COFFER_PRINTF(1, 2);

/* Something worth a line: hidden by --quiet. */
void ui_notice(const char *format, ...) COFFER_PRINTF(1, 2);

/* Shown with --verbose only. */
void ui_detail(const char *format, ...) COFFER_PRINTF(1, 2);

/* A hint before it is known whether anything fails; a failure then brings none of its own. */
void ui_hint(const char *format, ...) COFFER_PRINTF(1, 2);

/* Takes the library's notices: give it as `notice` in struct coffer_callbacks. */
coffer_notice_fn ui_library_notice;

/* A line of progress that was asked for: shown even with --quiet. */
void ui_say_progress(const char *text);

/* A line that is written over and over at the bottom of a terminal, for progress; any other line replaces it.
 * `text` has to be harmless. */
void ui_show_transient(const char *text);
void ui_clear_transient(void);

/* One line of JSON on stderr. */
struct json_object;
void ui_write_json_line(struct json_object *object);

/* Writes what is buffered. A result that did not reach stdout is a failure: returns EXIT_OTHER, reported,
 * instead of EXIT_DONE; any other status is passed through. main calls it last. A command whose parent exits
 * for it (mount) has nothing to call. */
enum exit_status ui_finish(enum exit_status status);

#endif
