/* SPDX-License-Identifier: ISC */
/* error.h - recording a failure: the first one wins. */
#ifndef CORE_ERROR_H
#define CORE_ERROR_H

#include "coffer.h"

/* Fills `error` unless it is NULL or filled already, and returns `status`. The text is cut at 255 bytes. */
enum coffer_status error_set(struct coffer_error *error, enum coffer_status status, int sys, const char *format,
                             ...) COFFER_PRINTF(4, 5);

/* The same for a failed system call: `what` ("cannot read the header") or NULL where the caller's words say it,
 * the status that suits `sys` (ENOENT: NOT_FOUND, EACCES: NOT_PERMITTED, ENOMEM: NO_MEMORY, else FAILED) and
 * its words. */
enum coffer_status error_set_system(struct coffer_error *error, int sys, const char *what);

enum coffer_status error_set_no_memory(struct coffer_error *error);

#endif
