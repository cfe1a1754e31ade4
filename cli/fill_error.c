/* SPDX-License-Identifier: ISC */
/* fill_error.c - a struct coffer_error from a format. */
#include "fill_error.h"

#include <stdarg.h>
#include <stdio.h>

enum coffer_status fill_error(struct coffer_error *error, enum coffer_status status, int sys, const char *format,
                              ...)
{
    va_list list;

    error->status = status;
    error->sys = sys;
    va_start(list, format);
    vsnprintf(error->text, sizeof(error->text), format, list);
    va_end(list);
    return status;
}
