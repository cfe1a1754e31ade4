/* SPDX-License-Identifier: ISC */
/* fail.h - what a driver says when it cannot open, prepare or close a file system. */
#ifndef FAIL_H
#define FAIL_H

#include "coffer.h"

/* Fills `error` unless it is NULL or filled already, and returns `status`. The text is cut at 255 bytes. */
enum coffer_status files_fail(struct coffer_error *error, enum coffer_status status, int sys, const char *format,
                              ...) COFFER_PRINTF(4, 5);

/* The same for `result`, a negative errno value of a driver's own function: -EUCLEAN says that the volume is
 * damaged. `what` is what could not be done ("cannot open the ext file system"). */
enum coffer_status files_fail_from(struct coffer_error *error, int result, const char *what);

#endif
