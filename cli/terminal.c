/* SPDX-License-Identifier: ISC */
/*
 * terminal.c - questions on /dev/tty.
 *
 * While a line is read, every signal that would end or stop the process is only noted; then the terminal gets its
 * old settings back, the old handlers are put back and the signal is raised again. After a stop the question is
 * asked anew. The answer goes byte by byte into locked memory and nowhere else.
 */
#include "terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <termios.h>
#include <unistd.h>

#include "escape.h"
#include "scope.h"
#include "ui.h"

static const int caught[] = { SIGALRM, SIGHUP, SIGINT, SIGPIPE, SIGQUIT, SIGTERM, SIGTSTP, SIGTTIN, SIGTTOU };

#define CAUGHT (sizeof(caught) / sizeof(caught[0]))

static volatile sig_atomic_t arrived[NSIG];

struct question {
    int fd;
    bool is_echo_off;
    struct termios before;
    struct sigaction handlers[CAUGHT];
};

enum line_end {
    LINE_DONE,
    LINE_END_OF_INPUT,
    LINE_TOO_LONG,
    LINE_HAS_NUL,
    LINE_SIGNAL,
    LINE_FAILED, /* errno */
};

static void note(int number)
{
    arrived[number] = 1;
}

static bool has_signal(void)
{
    for (size_t i = 0; i < CAUGHT; i++) {
        if (arrived[caught[i]]) {
            return true;
        }
    }
    return false;
}

static void catch_signals(struct question *question)
{
    struct sigaction action = { .sa_handler = note }; /* without SA_RESTART: read returns */

    for (size_t i = 0; i < CAUGHT; i++) {
        arrived[caught[i]] = 0;
        sigaction(caught[i], NULL, &question->handlers[i]);
        /* what is ignored stays ignored: nohup, and our own SIGPIPE */
        if (question->handlers[i].sa_handler != SIG_IGN) {
            sigaction(caught[i], &action, NULL);
        }
    }
}

static bool set_attributes(const struct question *question, const struct termios *attributes)
{
    /* a process in the background gets SIGTTOU here: then it has to stop, not to insist */
    while (tcsetattr(question->fd, TCSAFLUSH, attributes) != 0) {
        if (errno != EINTR || arrived[SIGTTOU]) {
            return false;
        }
    }
    return true;
}

static bool turn_echo_off(struct question *question)
{
    struct termios quiet;

    if (tcgetattr(question->fd, &question->before) != 0) {
        return false;
    }
    quiet = question->before;
    quiet.c_lflag &= ~(tcflag_t)(ECHO | ECHONL);
    question->is_echo_off = set_attributes(question, &quiet);
    return question->is_echo_off;
}

static void restore(struct question *question)
{
    if (question->is_echo_off) {
        set_attributes(question, &question->before);
    }
    for (size_t i = 0; i < CAUGHT; i++) {
        sigaction(caught[i], &question->handlers[i], NULL);
    }
}

/* Lets the signals do now what they came for. Returns when the process was stopped and goes on, or when a handler
 * of the program took the signal. */
static void raise_again(void)
{
    for (size_t i = 0; i < CAUGHT; i++) {
        if (arrived[caught[i]]) {
            kill(getpid(), caught[i]);
        }
    }
}

static bool is_stop_signal(int number)
{
    return number == SIGTSTP || number == SIGTTIN || number == SIGTTOU;
}

static bool has_only_stopped(void)
{
    for (size_t i = 0; i < CAUGHT; i++) {
        if (arrived[caught[i]] && !is_stop_signal(caught[i])) {
            return false;
        }
    }
    return true;
}

/* Reads to the newline, which is not kept. A line that cannot be used is read to its end all the same, or its rest
 * would land in the shell. */
static enum line_end read_line(int fd, char *line, size_t capacity, size_t *size)
{
    enum line_end end = LINE_DONE;
    char surplus;

    *size = 0;
    for (;;) {
        char *byte = *size < capacity ? line + *size : &surplus;
        ssize_t got = has_signal() ? -1 : read(fd, byte, 1);
        if (has_signal()) {
            return LINE_SIGNAL;
        }
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return LINE_FAILED;
        }
        if (got == 0) {
            return *size > 0 || end != LINE_DONE ? end : LINE_END_OF_INPUT;
        }
        if (*byte == '\n') {
            return end;
        }
        if (*byte == '\0') {
            end = LINE_HAS_NUL;
        } else if (byte == &surplus) {
            end = LINE_TOO_LONG;
        }
        *size += byte != &surplus;
    }
}

static bool write_text(int fd, const char *text)
{
    size_t size = strlen(text);

    return write(fd, text, size) == (ssize_t)size;
}

/* One question, from the prompt to the restored terminal. */
static enum line_end ask_once(int fd, const char *prompt, bool echo, char *line, size_t capacity, size_t *size)
{
    struct question question = { .fd = fd };
    enum line_end end = LINE_FAILED;

    catch_signals(&question);
    if (echo || turn_echo_off(&question)) {
        end = write_text(fd, prompt) ? read_line(fd, line, capacity, size) : LINE_FAILED;
        if (!echo) {
            write_text(fd, "\n");
        }
    }
    if (has_signal()) {
        end = LINE_SIGNAL;
    }
    int saved = errno;
    restore(&question);
    errno = saved;
    return end;
}

static enum exit_status explain_end(enum line_end end)
{
    switch (end) {
    case LINE_DONE:
        return EXIT_DONE;
    case LINE_END_OF_INPUT:
        return ui_fail(EXIT_USAGE, NULL, "the terminal gave no answer");
    case LINE_TOO_LONG:
        return ui_fail(EXIT_USAGE, NULL, "what was typed is longer than %d bytes", COFFER_PASSPHRASE_MAX);
    case LINE_HAS_NUL:
        return ui_fail(EXIT_USAGE, NULL, "what was typed contains a NUL byte");
    case LINE_SIGNAL:
        return ui_fail(EXIT_INTERRUPTED, NULL, "interrupted");
    case LINE_FAILED:
        break;
    }
    return ui_fail(EXIT_USAGE, NULL, "cannot ask on the terminal: %s", explain_errno(errno));
}

static enum exit_status ask(const char *prompt, bool echo, char *line, size_t capacity, size_t *size)
{
    SCOPE_FD int fd = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);

    if (fd < 0) {
        return ui_fail(EXIT_USAGE, NULL, "there is no terminal to ask on");
    }
    for (;;) {
        enum line_end end = ask_once(fd, prompt, echo, line, capacity, size);
        if (end != LINE_SIGNAL) {
            return explain_end(end);
        }
        explicit_bzero(line, capacity);
        raise_again();
        if (!has_only_stopped()) {
            return explain_end(end);
        }
    }
}

static char *format_prompt(const char *prompt)
{
    char *text = escape_text(prompt);
    char *line = NULL;

    if (text && asprintf(&line, "%s: ", text) < 0) {
        line = NULL;
    }
    free(text);
    return line;
}

bool terminal_is_there(void)
{
    SCOPE_FD int fd = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);

    return fd >= 0;
}

static enum exit_status ask_for_secret(const char *prompt, bool echo, struct coffer_secret **answer)
{
    struct coffer_secret *secret = coffer_secret_new(COFFER_PASSPHRASE_MAX);
    char *line = format_prompt(prompt);
    size_t size = 0;
    enum exit_status status;

    if (!secret || !line) {
        status = ui_fail_no_memory();
    } else {
        status = ask(line, echo, (char *)coffer_secret_data(secret), COFFER_PASSPHRASE_MAX, &size);
    }
    free(line);
    if (status != EXIT_DONE) {
        coffer_secret_free(secret);
        return status;
    }
    coffer_secret_set_size(secret, size);
    *answer = secret;
    return EXIT_DONE;
}

enum exit_status terminal_ask_secret(const char *prompt, struct coffer_secret **answer)
{
    return ask_for_secret(prompt, false, answer);
}

enum exit_status terminal_ask_visibly(const char *prompt, struct coffer_secret **answer)
{
    return ask_for_secret(prompt, true, answer);
}

enum exit_status terminal_show(struct coffer_secret *secret)
{
    SCOPE_FD int fd = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);
    static const char before[] = "\n    ";
    static const char after[] = "\n\n";
    const struct iovec pieces[] = {
        { (void *)(uintptr_t)before, sizeof(before) - 1 },
        { coffer_secret_data(secret), coffer_secret_size(secret) },
        { (void *)(uintptr_t)after, sizeof(after) - 1 },
    };
    size_t size = pieces[0].iov_len + pieces[1].iov_len + pieces[2].iov_len;

    if (fd < 0) {
        return ui_fail(EXIT_USAGE, NULL, "there is no terminal to show it on");
    }
    return writev(fd, pieces, 3) == (ssize_t)size
               ? EXIT_DONE
               : ui_fail(EXIT_OTHER, NULL, "cannot write to the terminal: %s", explain_errno(errno));
}

enum exit_status terminal_confirm(const char *prompt, const char *expected, bool *confirmed)
{
    char answer[1024];
    char *line = format_prompt(prompt);
    size_t size = 0;

    if (!line) {
        return ui_fail_no_memory();
    }
    enum exit_status status = ask(line, true, answer, sizeof(answer), &size);
    free(line);
    if (status == EXIT_DONE) {
        *confirmed = size == strlen(expected) && memcmp(answer, expected, size) == 0;
    }
    return status;
}
