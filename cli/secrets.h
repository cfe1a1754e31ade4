/* SPDX-License-Identifier: ISC */
/*
 * secrets.h - from the options and the terminal to a struct coffer_credential. Call it after the last fork()
 * of the process that will use the credential: locked memory does not survive one.
 */
#ifndef SECRETS_H
#define SECRETS_H

#include "coffer.h"
#include "options.h"
#include "status.h"

/* What a secret is for: it decides what is asked, how often, and which options messages name. */
enum secret_role {
    SECRET_PRESENT, /* opens a volume */
    SECRET_FIRST,   /* of a volume that is being made */
    /* From the options --new-...: */
    SECRET_ADDED,      /* a further one of a volume */
    SECRET_NEW_COPY,   /* of a volume that is being made as the copy of another */
    SECRET_COPY,       /* opens it, to go on */
    SECRET_NEW_HIDDEN, /* of a hidden volume that is being made */
    SECRET_HIDDEN,     /* opens the hidden volume */
    /* Beside one of the last two: */
    SECRET_OUTER, /* opens the outer volume */
};

/* Whether anything was given; if not, secrets_read asks on the terminal. */
bool secrets_given(const struct secret_options *given);

/* Checks what can be checked without reading anything: options that exclude each other, no terminal to ask on.
 * EXIT_DONE or reported. Cheap; call it before any work. */
enum exit_status secrets_check(const struct secret_options *given, enum secret_role role);

/* The secret of a volume, which is named in the prompt. A new one is asked for twice. With key files and no
 * passphrase option the passphrase is asked for where there is a terminal (an empty answer = none) and taken as
 * none where not, or where a key file is all. Two secrets from one descriptor are two lines: read them in the
 * order of their roles. On EXIT_DONE *credential belongs to the caller (coffer_credential_free). Failures are
 * reported. */
enum exit_status secrets_read(const struct secret_options *given, enum secret_role role, const char *volume,
                              struct coffer_credential **credential);

#endif
