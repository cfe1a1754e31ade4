/* SPDX-License-Identifier: ISC */
/*
 * progress.c - the display of long work and the polite end of it. Signal handlers only set flags; everything is
 * shown from the callback, which the library calls at least ten times a second. One thread.
 */
#include "progress.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "json.h"
#include "size.h"
#include "ui.h"

#define NS_PER_S      1000000000
#define SHOW_AFTER_NS NS_PER_S
#define SHOW_EVERY_NS (NS_PER_S / 5)
#define JSON_EVERY_NS NS_PER_S
#define STOP_SIGNALS  3
#define TEXT_MAX      160

static const int stop_signals[STOP_SIGNALS] = { SIGINT, SIGTERM, SIGHUP };
static volatile sig_atomic_t is_stopped;
static volatile sig_atomic_t wants_line;

static struct {
    struct sigaction saved_stop[STOP_SIGNALS];
    struct sigaction saved_line;
    char what[48]; /* of the last call: a new one starts the clock anew */
    int64_t started_ns, shown_ns;
} progress;

static void ask_to_stop(int signal)
{
    (void)signal;
    is_stopped = 1;
}

static void ask_for_line(int signal)
{
    (void)signal;
    wants_line = 1;
}

void progress_begin(void)
{
    struct sigaction stop = { .sa_handler = ask_to_stop }; /* without SA_RESTART: waiting ends too */
    struct sigaction line = { .sa_handler = ask_for_line, .sa_flags = SA_RESTART };

    is_stopped = 0;
    wants_line = 0;
    progress.what[0] = '\0';
    for (size_t i = 0; i < STOP_SIGNALS; i++) {
        struct sigaction *saved = &progress.saved_stop[i];
        sigaction(stop_signals[i], NULL, saved);
        if (saved->sa_handler != SIG_IGN) { /* nohup, or a shell's background job */
            sigaction(stop_signals[i], &stop, NULL);
        }
    }
    sigaction(SIGUSR1, &line, &progress.saved_line);
}

void progress_end(void)
{
    for (size_t i = 0; i < STOP_SIGNALS; i++) {
        sigaction(stop_signals[i], &progress.saved_stop[i], NULL);
    }
    sigaction(SIGUSR1, &progress.saved_line, NULL);
    ui_clear_transient();
}

bool progress_is_stopped(void)
{
    return is_stopped != 0;
}

static int64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * NS_PER_S + now.tv_nsec;
}

static uint64_t rate_of(uint64_t done, int64_t elapsed_ns)
{
    return elapsed_ns > 0 ? (uint64_t)((double)done * NS_PER_S / (double)elapsed_ns) : 0;
}

static uint64_t seconds_left(uint64_t done, uint64_t total, int64_t elapsed_ns)
{
    return done > 0 ? (uint64_t)((double)elapsed_ns / NS_PER_S * (double)(total - done) / (double)done) : 0;
}

/* "random fill [####----]  50%". */
static void format_bar(const char *what, uint64_t done, uint64_t total, size_t size, char *text)
{
    char bar[PROGRESS_BAR + 1];
    double part = total > 0 && done < total ? (double)done / (double)total : 1;

    memset(bar, '-', PROGRESS_BAR);
    memset(bar, '#', (size_t)(part * PROGRESS_BAR));
    bar[PROGRESS_BAR] = '\0';
    snprintf(text, size, "%s [%s] %3u%%", what, bar, (unsigned)(part * 100));
}

static void append_time_left(uint64_t done, uint64_t total, int64_t elapsed_ns, size_t size, char *text)
{
    uint64_t left = done < total ? seconds_left(done, total, elapsed_ns) : 0;
    size_t used = strlen(text);

    snprintf(text + used, size - used, ", %" PRIu64 ":%02" PRIu64 ":%02" PRIu64 " left", left / 3600,
             left / 60 % 60, left % 60);
}

void progress_format(const char *what, uint64_t done, uint64_t total, int64_t elapsed_ns, size_t size, char *text)
{
    char done_text[SIZE_TEXT_MAX];
    char total_text[SIZE_TEXT_MAX];
    char rate_text[SIZE_TEXT_MAX];

    format_bar(what, done, total, size, text);
    size_t used = strlen(text);
    snprintf(text + used, size - used, "  %s of %s, %s/s", size_format(done, done_text),
             size_format(total, total_text), size_format(rate_of(done, elapsed_ns), rate_text));
    append_time_left(done, total, elapsed_ns, size, text);
}

void progress_format_rounds(const char *what, uint64_t done, uint64_t total, int64_t elapsed_ns, size_t size,
                            char *text)
{
    format_bar(what, done, total, size, text);
    append_time_left(done, total, elapsed_ns, size, text);
}

static void show_json(const char *what, uint64_t done, uint64_t total, int64_t elapsed_ns, bool bytes)
{
    struct json_object *line = json_object_new_object();

    json_add_text(line, "message_type", "progress");
    json_add_text(line, "what", what);
    json_add_number(line, "done", done);
    json_add_number(line, "total", total);
    if (bytes) {
        json_add_number(line, "bytes_per_second", rate_of(done, elapsed_ns));
    }
    ui_write_json_line(line);
    json_object_put(line);
}

/* A line longer than the terminal is wide would wrap, and could not be written over. */
static void cut_to_width(char *text)
{
    struct winsize window;

    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &window) == 0 && window.ws_col > 1 && strlen(text) >= window.ws_col) {
        text[window.ws_col - 1] = '\0';
    }
}

static void show_text(const char *what, uint64_t done, uint64_t total, int64_t elapsed_ns, bool bytes, bool wanted)
{
    char text[TEXT_MAX];

    (bytes ? progress_format : progress_format_rounds)(what, done, total, elapsed_ns, sizeof(text), text);
    if (wanted) {
        ui_say_progress(text);
    } else {
        cut_to_width(text);
        ui_show_transient(text);
    }
}

static bool report(const char *what, uint64_t done, uint64_t total, bool bytes)
{
    int64_t now = now_ns();
    bool wanted = wants_line != 0;

    if (strncmp(progress.what, what, sizeof(progress.what) - 1) != 0) {
        snprintf(progress.what, sizeof(progress.what), "%s", what);
        progress.started_ns = progress.shown_ns = now;
    }
    int64_t elapsed = now - progress.started_ns;
    bool shows_by_itself = !ui_is_quiet() && (ui_is_json() || isatty(STDERR_FILENO));
    int64_t pause = ui_is_json() ? JSON_EVERY_NS : SHOW_EVERY_NS;
    bool is_due = shows_by_itself && elapsed >= SHOW_AFTER_NS && now - progress.shown_ns >= pause;
    if (wanted || is_due) {
        wants_line = 0;
        progress.shown_ns = now;
        if (ui_is_json()) {
            show_json(what, done, total, elapsed, bytes);
        } else {
            show_text(what, done, total, elapsed, bytes, wanted);
        }
    }
    return !progress_is_stopped();
}

bool progress_report(void *user, const char *what, uint64_t done, uint64_t total)
{
    (void)user;
    return report(what, done, total, true);
}

bool progress_report_rounds(void *user, const char *what, uint64_t done, uint64_t total)
{
    (void)user;
    return report(what, done, total, false);
}
