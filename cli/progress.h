/* SPDX-License-Identifier: ISC */
/*
 * progress.h - long work: shows how far it is, and stops it at a safe point.
 *
 * Between progress_begin and progress_end SIGINT, SIGTERM and SIGHUP only ask to stop: the callback then
 * returns false, and slow system calls fail with EINTR, so a loop around waitpid can look at
 * progress_is_stopped. SIGUSR1 prints one line. One work at a time, on one thread.
 */
#ifndef PROGRESS_H
#define PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "coffer.h"

void progress_begin(void);
void progress_end(void);

/* Whether one of the signals has arrived since progress_begin. */
bool progress_is_stopped(void);

/* Give it as `progress` in struct coffer_callbacks; `user` is not used. From the first second on: a bar with
 * rate and ETA on a terminal; with --json a line {"message_type":"progress",...} a second; else nothing. */
coffer_progress_fn progress_report;

/* The same for key derivations, which count rounds: without sizes and rates. Signals are as they were, also
 * without progress_begin: while a key is derived, there is nothing to undo. What it shows last stays until
 * ui_clear_transient. */
coffer_progress_fn progress_report_rounds;

/* The line that is shown, "random fill [####----]  50%  1 GiB of 2 GiB, 500 MiB/s, 0:00:02 left". Pure. */
#define PROGRESS_BAR 24
void progress_format(const char *what, uint64_t done, uint64_t total, int64_t elapsed_ns, size_t size, char *text);
void progress_format_rounds(const char *what, uint64_t done, uint64_t total, int64_t elapsed_ns, size_t size,
                            char *text); /* "key slot 0 [####----]  50%, 0:00:02 left" */

#endif
