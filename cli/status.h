/* SPDX-License-Identifier: ISC */
/* status.h - the exit statuses of the program, and the one place that maps the library's to them. */
#ifndef STATUS_H
#define STATUS_H

#include "coffer.h"
#include "explain.h"

enum exit_status {
    EXIT_DONE = 0,
    EXIT_OTHER = 1,        /* any failure without a number of its own */
    EXIT_USAGE = 2,        /* the command line cannot be carried out as it stands */
    EXIT_FOUND_DAMAGE = 3, /* `check` found damage */
    EXIT_NOT_FOUND = 10,   /* no such file, or not a volume */
    EXIT_IN_USE = 11,
    EXIT_WRONG_SECRET = 12,
    EXIT_DAMAGED = 13,
    EXIT_UNSUPPORTED = 14, /* too new, or of a kind that is refused by name */
    EXIT_NO_MEMORY = 15,
    EXIT_NOT_PERMITTED = 16, /* not permitted, or a facility is missing */
    EXIT_INTERRUPTED = 130,
};

enum exit_status status_exit(enum operation operation, enum coffer_status status);

#endif
