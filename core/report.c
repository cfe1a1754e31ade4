/* SPDX-License-Identifier: ISC */
/* report.c - one finding of coffer_check after the other; damage is counted. */
#include "report.h"

#include <stdarg.h>
#include <stdio.h>

void report_say(struct report *report, enum coffer_finding finding, const char *format, ...)
{
    char text[256];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    report->damaged += finding == COFFER_FINDING_DAMAGE;
    report->finding(report->user, finding, text);
}
