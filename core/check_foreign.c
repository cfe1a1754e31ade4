/* SPDX-License-Identifier: ISC */
/* check_foreign.c - checks a volume of another program that has a magic, or was named: its header, and with a
 * secret its key. */
#include "check_foreign.h"

#include "error.h"
#include "scope.h"

/* What only a secret can show: that a key slot opens, and what the digest of the key says to that. */
static enum coffer_status check_opening(struct storage *storage, const struct format *format,
                                        const struct coffer_credential *credential,
                                        const struct coffer_open_options *options, struct report *report,
                                        struct coffer_error *error)
{
    struct coffer_error reason = COFFER_ERROR_INIT;
    struct format_opened *opened __attribute__((cleanup(free_opened))) = format_opened_new();
    if (opened == NULL) {
        return error_set_no_memory(error);
    }
    enum coffer_status status = format->open(storage, credential, options, opened, &reason);
    switch (status) {
    case COFFER_OK:
        if (!opened->info.is_unverified) {
            report_say(report, COFFER_FINDING_GOOD,
                       "key slot %u: opens with this secret, its key is the right one", opened->info.slot);
        } else if (!format->has_no_header) {
            report_say(report, COFFER_FINDING_NOTE, "nothing in it tells whether this secret is the right one");
        }
        return COFFER_OK;
    case COFFER_DAMAGED:
        report_say(report, COFFER_FINDING_DAMAGE, "%s", reason.text);
        return COFFER_OK;
    case COFFER_UNSUPPORTED:
        report_say(report, COFFER_FINDING_NOTE, "it cannot be opened here: %s", reason.text);
        return COFFER_OK;
    default:
        return error_set(error, status, reason.sys, "%s", reason.text);
    }
}

enum coffer_status check_foreign(struct storage *storage, const struct format *format,
                                 const struct coffer_credential *credential,
                                 const struct coffer_open_options *options, struct report *report,
                                 struct coffer_error *error)
{
    struct storage *detached __attribute__((cleanup(close_storage))) = NULL;
    enum coffer_status status = COFFER_OK;
    if (options->header != NULL) {
        status = storage_open(options->header, -1, true, STORAGE_UNLOCKED, &options->callbacks, &detached, error);
    }
    struct storage *place = detached != NULL ? detached : storage;
    if (status == COFFER_OK && format == &FORMAT_LUKS) {
        status = check_luks(place, report, error);
    } else if (status == COFFER_OK && format == &FORMAT_BITLK) {
        status = check_bitlk(place, report, error);
    } else if (status == COFFER_OK && format == &FORMAT_FVAULT) {
        status = check_fvault(place, report, error);
    } else if (status == COFFER_OK && format == &FORMAT_QCOW) {
        status = check_qcow(place, &options->callbacks, report, error);
    }
    if (status != COFFER_OK) {
        return status;
    }
    if (format->has_no_header) {
        report_say(
            report, COFFER_FINDING_NOTE,
            "it has no header: there is nothing to check, and nothing tells whether a key is the right one");
    } else if (credential == NULL) {
        report_say(report, COFFER_FINDING_NOTE, "whether the keys are right was not checked: that needs a secret");
    }
    return credential == NULL ? COFFER_OK : check_opening(storage, format, credential, options, report, error);
}
