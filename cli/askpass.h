/* SPDX-License-Identifier: ISC */
/* askpass.h - a passphrase from whoever answers the questions of the system: systemd-ask-password(1) and its agents. */
#ifndef ASKPASS_H
#define ASKPASS_H

#include <sys/types.h>

#include "status.h"

struct askpass {
    int fd; /* the answer, one line, can be read from it; -1 = none */
    pid_t pid;
};

#define ASKPASS_NONE \
    {                \
        .fd = -1     \
    }

/* Begins to ask; `volume` is the name by which an agent can tell questions apart. EXIT_DONE or reported. */
enum exit_status askpass_begin(const char *volume, const char *prompt, struct askpass *ask);

/* After the answer was read, or instead. EXIT_DONE or reported: nobody answered. */
enum exit_status askpass_end(struct askpass *ask);

#endif
