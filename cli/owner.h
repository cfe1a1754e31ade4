/* SPDX-License-Identifier: ISC */
/* owner.h - `mount --owner`: to whom the files seem to belong. */
#ifndef OWNER_H
#define OWNER_H

#include <stdbool.h>
#include <sys/types.h>

#include "serve.h"
#include "status.h"

#define OWNER_KEEP "keep" /* those that the volume names */

/* `text` is the name or the number of a user, whose main group goes with them, or OWNER_KEEP. NULL: on a mount that
 * only an ordinary user can see that user, for the numbers in the volume may come from another machine; else as for
 * OWNER_KEEP. EXIT_DONE or reported. */
enum exit_status owner_parse(const char *text, bool allow_other, struct serve_owner *owner);

#endif
