/* SPDX-License-Identifier: ISC */
/* confirm.h - the second deliberate act before something is destroyed: its name. */
#ifndef CONFIRM_H
#define CONFIRM_H

#include "status.h"

/* The last component of a path: what has to be typed, or given with --confirm. */
const char *confirm_name(const char *path);

/* `confirm` is what --confirm named, or NULL; then the name is asked for. `fate` completes "'PATH' would be ...",
 * `deed` "Type 'NAME' to ...". EXIT_DONE or reported. */
enum exit_status confirm_destruction(const char *path, const char *confirm, const char *fate, const char *deed);

#endif
