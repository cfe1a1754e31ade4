/* SPDX-License-Identifier: ISC */
/*
 * error.c - recording a failure.
 *
 * The first failure is the cause; what fails afterwards, while things are taken down, must not hide it.
 */
#include "error.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum coffer_status error_set(struct coffer_error *error, enum coffer_status status, int sys, const char *format,
                             ...)
{
    if (error == NULL || error->status != COFFER_OK) {
        return status;
    }
    error->status = status;
    error->sys = sys;
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(error->text, sizeof(error->text), format, arguments);
    va_end(arguments);
    return status;
}

static enum coffer_status status_of(int sys)
{
    switch (sys) {
    case ENOENT:
    case ENOTDIR:
    case ENXIO:
    case ENODEV:
        return COFFER_NOT_FOUND;
    case EACCES:
    case EPERM:
    case EROFS:
        return COFFER_NOT_PERMITTED;
    case ENOMEM:
        return COFFER_NO_MEMORY;
    case EBUSY:
    case ETXTBSY:
        return COFFER_IN_USE;
    default:
        return COFFER_FAILED;
    }
}

enum coffer_status error_set_system(struct coffer_error *error, int sys, const char *what)
{
    char words[128];
    /* The GNU strerror_r: it may return a static string instead of filling the buffer. */
    const char *text = strerror_r(sys, words, sizeof(words));
    /* "No such file" becomes "no such file", as all our texts are; "RFS specific error" stays. */
    bool is_word = text[0] != '\0' && islower((unsigned char)text[1]);
    char first = is_word ? (char)tolower((unsigned char)text[0]) : text[0];
    return error_set(error, status_of(sys), sys, "%s%s%c%s", what == NULL ? "" : what, what == NULL ? "" : ": ",
                     first, text + 1);
}

enum coffer_status error_set_no_memory(struct coffer_error *error)
{
    return error_set(error, COFFER_NO_MEMORY, ENOMEM, "out of memory");
}
