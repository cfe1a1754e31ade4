/* SPDX-License-Identifier: ISC */
/*
 * failure.h - recording a failure of the FUSE layer in the caller's struct coffer_error. The first one wins.
 */
#ifndef FAILURE_H
#define FAILURE_H

#include "coffer.h"

/* Returns `status`, so that a failing function ends with "return failure_set(...)". `error` may be NULL. */
enum coffer_status failure_set(struct coffer_error *error, enum coffer_status status, int sys, const char *format,
                               ...) COFFER_PRINTF(4, 5);

/* What the kernel is told: a positive errno that every kernel passes on, EIO where nothing better is known. */
int failure_errno(const struct coffer_error *error);

#endif
