/* SPDX-License-Identifier: ISC */
/* process.h - what this process and its children may leak, settled before anything else happens. */
#ifndef PROCESS_H
#define PROCESS_H

#include <stdbool.h>

/* umask 077, no core dumps, not to be traced or dumped by other processes of the user, descriptors 0-2 open
 * (one that was closed fails every read and write, as before), SIGPIPE and SIGXFSZ ignored (the errors of the
 * calls say as much) and SIGCHLD not. False, with errno, when one of these is refused: then the program must not
 * touch a secret. */
bool process_harden(void);

#endif
