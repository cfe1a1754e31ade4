/* SPDX-License-Identifier: ISC */
/*
 * Failures in two languages: struct coffer_error for whoever called us, errno for the kernel.
 */
#include "failure.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

/* The kernel takes an error beyond this for a broken server and hides it behind EIO anyway. */
#define ERRNO_LIMIT 512

enum coffer_status failure_set(struct coffer_error *error, enum coffer_status status, int sys, const char *format,
                               ...)
{
    if (!error || error->status != COFFER_OK) {
        return status;
    }
    error->status = status;
    error->sys = sys;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(error->text, sizeof(error->text), format, arguments);
    va_end(arguments);
    return status;
}

int failure_errno(const struct coffer_error *error)
{
    if (error->sys > 0 && error->sys < ERRNO_LIMIT) {
        return error->sys;
    }
    switch (error->status) {
    case COFFER_INVALID:
        return EINVAL;
    case COFFER_UNSUPPORTED:
        return EOPNOTSUPP;
    case COFFER_NO_MEMORY:
        return ENOMEM;
    default:
        return EIO;
    }
}
