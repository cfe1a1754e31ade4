/* SPDX-License-Identifier: ISC */
/* fail.c - errors of drivers, in the words of coffer.h. */
#include "fail.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum coffer_status files_fail(struct coffer_error *error, enum coffer_status status, int sys, const char *format,
                              ...)
{
    if (error != NULL && error->status == COFFER_OK) {
        va_list args;
        va_start(args, format);
        vsnprintf(error->text, sizeof(error->text), format, args);
        va_end(args);
        error->status = status;
        error->sys = sys;
    }
    return status;
}

enum coffer_status files_fail_from(struct coffer_error *error, int result, const char *what)
{
    switch (result) {
    case -EUCLEAN:
        return files_fail(error, COFFER_DAMAGED, EUCLEAN, "%s: it contradicts itself", what);
    case -ENOMEM:
        return files_fail(error, COFFER_NO_MEMORY, ENOMEM, "%s: out of memory", what);
    default:
        return files_fail(error, COFFER_FAILED, -result, "%s: %s", what, strerrordesc_np(-result));
    }
}
