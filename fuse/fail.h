/* SPDX-License-Identifier: ISC */
/*
 * fail.h - recording a failure of the FUSE layer in the caller's struct coffer_error. The first one wins.
 */
#ifndef FAIL_H
#define FAIL_H

#include "coffer.h"

/* Returns `status`, so that a failing function ends with "return fail(...)". `error` may be NULL. */
enum coffer_status fail(struct coffer_error *error, enum coffer_status status, int sys, const char *format, ...)
    COFFER_PRINTF(4, 5);

/* What the kernel is told: a positive errno that every kernel passes on, EIO where nothing better is known. */
int fail_errno(const struct coffer_error *error);

#endif
