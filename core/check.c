/* SPDX-License-Identifier: ISC */
/*
 * check.c - what is right and wrong about a header, in words.
 *
 * Without a secret it sees what anyone sees: magic, parameters, and whether the key slots are what they were.
 * With one it sees all. Repairing is what opening for writing does anyway; here it is reported.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "format_coffer.h"
#include "scope.h"

static const char *const COPY_NAME[HEADER_COPIES] = { "front", "tail" };

struct report {
    coffer_finding_fn *finding;
    void *user;
    unsigned damaged;
};

static void say(struct report *report, enum coffer_finding finding, const char *format, ...) COFFER_PRINTF(3, 4);

static void say(struct report *report, enum coffer_finding finding, const char *format, ...)
{
    char text[256];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    report->damaged += finding == COFFER_FINDING_DAMAGE;
    report->finding(report->user, finding, text);
}

/* ---- without a secret ---- */

static void check_public(const struct unlock_image *image, struct report *report)
{
    static const char *const VERDICT[] = {
        [HEADER_USABLE] = "usable",
        [HEADER_NO_MAGIC] = "is not there",
        [HEADER_TOO_NEW] = "has a format that this version does not know",
        [HEADER_BOUNDS] = "names a cost that is out of bounds",
    };
    for (enum header_copy copy = HEADER_FRONT; copy < HEADER_COPIES; copy++) {
        if (image->verdict[copy] != HEADER_USABLE) {
            say(report, COFFER_FINDING_DAMAGE, "%s header: it %s", COPY_NAME[copy], VERDICT[image->verdict[copy]]);
        } else if (!header_slots_check(image->block[copy][0])) {
            say(report, COFFER_FINDING_DAMAGE, "%s header: its key slots are damaged", COPY_NAME[copy]);
        } else {
            say(report, COFFER_FINDING_GOOD, "%s header: present, key slots as written", COPY_NAME[copy]);
        }
    }
    if (image->verdict[HEADER_FRONT] == HEADER_USABLE && image->verdict[HEADER_TAIL] == HEADER_USABLE &&
        memcmp(image->preamble[HEADER_FRONT].uuid, image->preamble[HEADER_TAIL].uuid, 16) != 0) {
        say(report, COFFER_FINDING_DAMAGE, "the two headers belong to different volumes");
    }
}

/* ---- with a secret ---- */

static void check_slots(const struct copies *copies, struct report *report)
{
    for (unsigned slot = 0; slot < HEADER_SLOTS; slot++) {
        struct header_slot_record record;
        header_get_slot(&copies->body, slot, &record);
        bool front = copies_slot_is_listed(copies, HEADER_FRONT, slot);
        bool tail = copies_slot_is_listed(copies, HEADER_TAIL, slot);
        if (record.kind == CREDENTIAL_EMPTY || (front && tail)) {
            continue;
        }
        if (front || tail) {
            say(report, COFFER_FINDING_DAMAGE,
                "key slot %u: damaged in the %s header; opening with its secret repairs it", slot,
                COPY_NAME[front ? HEADER_TAIL : HEADER_FRONT]);
        } else {
            say(report, COFFER_FINDING_DAMAGE, "key slot %u: damaged in both headers, its secret is lost", slot);
        }
    }
}

static void check_private(const struct copies *copies, struct report *report)
{
    struct header_fields fields;
    header_get_fields(&copies->body, &fields);
    for (enum header_copy copy = HEADER_FRONT; copy < HEADER_COPIES; copy++) {
        if (!copies->good[copy]) {
            say(report, COFFER_FINDING_DAMAGE, "%s header: its sealed part is damaged or out of date",
                COPY_NAME[copy]);
        }
    }
    if (copies->old_tail != 0) {
        say(report, COFFER_FINDING_DAMAGE,
            "a growth of the volume was cut short; opening it for writing finishes it");
    }
    check_slots(copies, report);
    if ((fields.ro_compat & ~HEADER_RO_COMPAT_KNOWN) != 0) {
        say(report, COFFER_FINDING_NOTE, "it can only be read: it has features that this version does not know");
    }
    say(report, COFFER_FINDING_GOOD, "sealed part: opens, geometry possible, written %llu times",
        (unsigned long long)fields.seq);
}

/* ---- the whole ---- */

static enum coffer_status look(struct storage *storage, const struct coffer_credential *credential,
                               const struct coffer_open_options *options, struct report *report, bool *looked,
                               struct coffer_error *error)
{
    struct unlock_image *image __attribute__((cleanup(free_image))) = unlock_read(storage);
    struct copies *copies __attribute__((cleanup(free_copies))) = copies_new();
    if (image == NULL || copies == NULL) {
        return error_set_no_memory(error);
    }
    if (unlock_is_marked(image)) {
        if (unlock_judge(image, error) == COFFER_UNSUPPORTED) {
            return COFFER_UNSUPPORTED; /* not damage: an old backup would destroy it */
        }
        check_public(image, report);
        *looked = true;
    } else if (credential == NULL) {
        return error_set(error, COFFER_NOT_FOUND, 0, "it is not a volume of a known format");
    }
    if (credential == NULL) {
        say(report, COFFER_FINDING_NOTE, "the sealed part was not checked: that needs a secret");
        return COFFER_OK;
    }
    enum coffer_status status = format_coffer_find(image, credential, options, copies, error);
    if (status == COFFER_OK) {
        check_private(copies, report);
    }
    return status;
}

static enum coffer_status repair(struct storage *storage, const struct coffer_credential *credential,
                                 const struct coffer_open_options *options, struct report *report,
                                 struct coffer_error *error)
{
    struct unlock_image *image __attribute__((cleanup(free_image))) = unlock_read(storage);
    struct copies *copies __attribute__((cleanup(free_copies))) = copies_new();
    if (image == NULL || copies == NULL) {
        return error_set_no_memory(error);
    }
    struct report after = { report->finding, report->user, 0 };
    struct coffer_error reason = COFFER_ERROR_INIT;
    bool healed;
    enum coffer_status status = format_coffer_find(image, credential, options, copies, error);
    if (status != COFFER_OK) {
        return status;
    }
    if (copies_heal(copies, credential, &healed, &reason) != COFFER_OK) {
        say(&after, COFFER_FINDING_DAMAGE, "it could not be repaired: %.200s", reason.text);
    }
    check_slots(copies, &after);
    if (copies->good[HEADER_FRONT] && copies->good[HEADER_TAIL] && after.damaged == 0) {
        say(&after, COFFER_FINDING_REPAIRED, "both headers are whole again");
    }
    report->damaged = after.damaged + !copies->good[HEADER_FRONT] + !copies->good[HEADER_TAIL];
    return COFFER_OK;
}

enum coffer_status coffer_check(const char *path, const struct coffer_credential *credential,
                                const struct coffer_open_options *options, coffer_finding_fn *finding, void *user,
                                bool *damaged, struct coffer_error *error)
{
    struct storage *storage __attribute__((cleanup(close_storage))) = NULL;
    struct report report = { finding, user, 0 };
    bool looked = false;
    enum coffer_status status =
        storage_open(path, -1, options->read_only, STORAGE_UNLOCKED, &options->callbacks, &storage, error);
    if (status != COFFER_OK) {
        return status;
    }
    int held = storage->ops->hold_header(storage, true);
    if (held != 0) {
        return error_set(error, COFFER_IN_USE, -held, "its header is being changed elsewhere");
    }
    struct coffer_error reason = COFFER_ERROR_INIT;
    status = look(storage, credential, options, &report, &looked, &reason);
    if (looked && status == COFFER_DAMAGED) {
        say(&report, COFFER_FINDING_DAMAGE, "%s; a header backup would bring it back", reason.text);
        status = COFFER_OK;
    } else if (status == COFFER_OK && report.damaged > 0 && credential != NULL && !options->read_only) {
        status = repair(storage, credential, options, &report, &reason);
    }
    if (status != COFFER_OK) {
        return error_set(error, status, reason.sys, "%s", reason.text);
    }
    *damaged = report.damaged > 0;
    return COFFER_OK;
}
