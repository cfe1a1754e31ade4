/* SPDX-License-Identifier: ISC */
/*
 * check_freeotfe.c - the critical data block of a volume of FreeOTFE. Only the secret that opens it can tell that
 * it is there; its check value is what is verified, over all that it says.
 */
#include "check_foreign.h"
#include "error.h"
#include "scope.h"

enum coffer_status check_freeotfe(struct storage *storage, const struct coffer_credential *credential,
                                  const struct coffer_open_options *options, struct report *report,
                                  struct coffer_error *error)
{
    struct coffer_error reason = COFFER_ERROR_INIT;
    struct format_opened *opened __attribute__((cleanup(free_opened))) = format_opened_new();
    if (opened == NULL) {
        return error_set_no_memory(error);
    }
    enum coffer_status status = FORMAT_FREEOTFE.open(storage, credential, options, opened, &reason);
    if (status == COFFER_OK) {
        report_say(report, COFFER_FINDING_GOOD, "critical data block: opens, its check value is right (%s, %s)",
                   opened->info.cipher, opened->info.kdf);
        report_say(report, COFFER_FINDING_NOTE, "there is no second one: without it, or a keyfile, all is lost");
    } else if (status == COFFER_DAMAGED) {
        report_say(report, COFFER_FINDING_DAMAGE, "%s", reason.text);
    } else if (status == COFFER_UNSUPPORTED) {
        report_say(report, COFFER_FINDING_NOTE, "it cannot be opened here: %s", reason.text);
    } else {
        return error_set(error, status, reason.sys, "%s", reason.text);
    }
    return COFFER_OK;
}
