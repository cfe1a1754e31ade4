/* SPDX-License-Identifier: ISC */
/* report.h - what coffer_check finds, a line each, on its way to the callback. */
#ifndef CORE_REPORT_H
#define CORE_REPORT_H

#include "coffer.h"

struct report {
    coffer_finding_fn *finding;
    void *user;
    unsigned damaged; /* findings of damage so far */
};

void report_say(struct report *report, enum coffer_finding finding, const char *format, ...) COFFER_PRINTF(3, 4);

#endif
