/* SPDX-License-Identifier: ISC */
/* check_bitlk.c - which of the three copies of BitLocker's metadata are whole, by their checksums. */
#include <stdlib.h>

#include "bitlk.h"
#include "check_foreign.h"
#include "error.h"

static void free_bitlk(struct bitlk **bitlk)
{
    free(*bitlk);
}

enum coffer_status check_bitlk(struct storage *storage, struct report *report, struct coffer_error *error)
{
    bool whole[BITLK_AREAS];
    struct coffer_error reason = COFFER_ERROR_INIT;
    struct bitlk *bitlk __attribute__((cleanup(free_bitlk))) = calloc(1, sizeof(*bitlk));
    if (bitlk == NULL) {
        return error_set_no_memory(error);
    }
    enum coffer_status status = bitlk_read(storage, bitlk, &reason);
    if (status == COFFER_DAMAGED) {
        report_say(report, COFFER_FINDING_DAMAGE, "%s", reason.text);
        return COFFER_OK;
    }
    if (status != COFFER_OK) {
        return error_set(error, status, reason.sys, "%s", reason.text);
    }
    status = bitlk_check_copies(storage, bitlk, whole, error);
    for (unsigned i = 0; i < BITLK_AREAS && status == COFFER_OK; i++) {
        if (whole[i]) {
            report_say(report, COFFER_FINDING_GOOD, "metadata %u of %u: its checksum is right", i + 1,
                       BITLK_AREAS);
        } else {
            report_say(report, COFFER_FINDING_DAMAGE, "metadata %u of %u: it is damaged, or not there", i + 1,
                       BITLK_AREAS);
        }
    }
    return status;
}
