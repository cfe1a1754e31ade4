/* SPDX-License-Identifier: ISC */
/*
 * recovery.h - giving a recovery code to a person. On a terminal it is shown once and typed again, before anything is
 * written; otherwise it is a part of the result, after everything was written.
 */
#ifndef RECOVERY_H
#define RECOVERY_H

#include <stdbool.h>

#include "coffer.h"
#include "status.h"

struct json_object;

struct recovery {
    struct coffer_credential *credential; /* the new secret */
    struct coffer_secret *text;
    bool is_known; /* to the person who has typed it */
};

/* Makes a code for `volume`; shows it and asks for it where somebody is there. EXIT_DONE or reported; after either,
 * recovery_end. */
enum exit_status recovery_begin(const char *volume, struct recovery *recovery);

/* Somebody still has to be given the code: it goes to stdout. */
bool recovery_is_owed(const struct recovery *recovery);

/* The code as a line of the result, unless it is known or there is none. */
void recovery_print(struct recovery *recovery);

/* Prints the document with the code as its member `recovery_code`, unless it is known or there is none. */
void recovery_print_json(struct recovery *recovery, struct json_object *document);

/* Wipes it. */
void recovery_end(struct recovery *recovery);

#endif
