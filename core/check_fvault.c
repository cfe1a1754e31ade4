/* SPDX-License-Identifier: ISC */
/*
 * check_fvault.c - which of the headers, labels and copies of FileVault's metadata are whole.
 *
 * The metadata is a log: a label may still name an older one that has been written over in part, which is no damage
 * as long as another copy has all.
 */
#include "check_foreign.h"
#include "error.h"
#include "fvault.h"

static void report_one(struct report *report, const char *what, unsigned number, unsigned of, bool is_whole)
{
    report_say(report, is_whole ? COFFER_FINDING_GOOD : COFFER_FINDING_DAMAGE, "%s %u of %u: %s", what, number, of,
               is_whole ? "its checksum is right" : "it is damaged, or not there");
}

static unsigned count_copies(const struct fvault_condition *condition, bool complete)
{
    unsigned count = 0;
    for (unsigned i = 0; i < FVAULT_LABELS; i++) {
        for (unsigned copy = 0; copy < FVAULT_COPIES; copy++) {
            count += complete ? condition->label[i].copy[copy] : condition->label[i].has_copy[copy];
        }
    }
    return count;
}

static void report_all(const struct fvault_condition *condition, struct report *report)
{
    unsigned labels = 0, named = count_copies(condition, false), complete = count_copies(condition, true);
    report_one(report, "header", 1, 2, condition->header[0]);
    report_one(report, "header", 2, 2, condition->header[1]);
    for (unsigned i = 0; i < FVAULT_LABELS; i++) {
        labels += condition->label[i].is_named;
    }
    for (unsigned i = 0, number = 0; i < FVAULT_LABELS; i++) {
        if (condition->label[i].is_named) {
            report_one(report, "label", ++number, labels, condition->label[i].is_whole);
        }
    }
    if (complete == 0) {
        report_say(report, COFFER_FINDING_DAMAGE, "metadata: no copy of it is complete");
        return;
    }
    report_say(report, complete == named ? COFFER_FINDING_GOOD : COFFER_FINDING_NOTE,
               "metadata: %u of the %u copies that the labels name %s complete", complete, named,
               complete == 1 ? "is" : "are");
}

enum coffer_status check_fvault(struct storage *storage, struct report *report, struct coffer_error *error)
{
    struct fvault_condition condition;
    struct coffer_error reason = COFFER_ERROR_INIT;
    enum coffer_status status = fvault_check(storage, &condition, &reason);
    if (status == COFFER_DAMAGED) {
        report_say(report, COFFER_FINDING_DAMAGE, "%s", reason.text);
        return COFFER_OK;
    }
    if (status != COFFER_OK) {
        return error_set(error, status, reason.sys, "%s", reason.text);
    }
    report_all(&condition, report);
    return COFFER_OK;
}
