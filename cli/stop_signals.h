/* SPDX-License-Identifier: ISC */
/* stop_signals.h - SIGTERM, SIGINT, SIGHUP and SIGQUIT as requests, taken by a thread of their own. */
#ifndef STOP_SIGNALS_H
#define STOP_SIGNALS_H

#include <stdbool.h>

/* From now on none of them ends this process or a thread made later; they wait. A SIGHUP that was ignored from the
 * start (nohup) stays ignored. */
void stop_signals_block(void);

/* Runs stop(user) on another thread for the first of them, that of a past moment included; further ones are
 * swallowed. One watch at a time. False with errno. */
bool stop_signals_watch(void (*stop)(void *user), void *user);

/* Whether one has arrived since stop_signals_block. */
bool stop_signals_has_arrived(void);

/* Ends the thread; waits for a stop that is running. */
void stop_signals_end(void);

#endif
