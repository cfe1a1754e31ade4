/* SPDX-License-Identifier: ISC */
/* fill_error.h - failures of ours in the words of the library, for whoever asks for one or the other. */
#ifndef FILL_ERROR_H
#define FILL_ERROR_H

#include "coffer.h"

/* `sys`: an errno, or 0. Returns `status`. */
enum coffer_status fill_error(struct coffer_error *error, enum coffer_status status, int sys, const char *format,
                              ...) COFFER_PRINTF(4, 5);

#endif
