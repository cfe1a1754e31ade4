/* SPDX-License-Identifier: ISC */
/*
 * terminal.h - questions on the controlling terminal, /dev/tty, never on standard input. Echo is restored
 * whatever signal arrives, and the signal is then raised again. Not for programs with more than one thread
 * running.
 */
#ifndef TERMINAL_H
#define TERMINAL_H

#include <stdbool.h>

#include "coffer.h"
#include "status.h"

/* Whether there is a terminal to ask on. */
bool terminal_is_there(void);

/* Shows "PROMPT: " and reads a line without echo. *answer (the caller's) has no newline and may be empty. More
 * than COFFER_PASSPHRASE_MAX bytes, a NUL byte, end of input, no terminal: reported, not EXIT_DONE. */
enum exit_status terminal_ask_secret(const char *prompt, struct coffer_secret **answer);

/* The same with echo, for what stands on the screen already. */
enum exit_status terminal_ask_visibly(const char *prompt, struct coffer_secret **answer);

/* Shows `secret`, which has to be harmless text, on a line of its own with blank lines around it. */
enum exit_status terminal_show(struct coffer_secret *secret);

/* Shows "PROMPT: " and reads a line with echo. True when it is exactly `expected`. */
enum exit_status terminal_confirm(const char *prompt, const char *expected, bool *confirmed);

#endif
