/* SPDX-License-Identifier: ISC */
/*
 * check.c - what is right and wrong about a header, in words.
 *
 * Without a secret it sees what anyone sees: magic, parameters, and whether the key slots are what they were.
 * With one it sees all. Repairing is what opening for writing does anyway; here it is reported. Headers of other
 * formats are theirs to repair.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "check_foreign.h"
#include "credential.h"
#include "error.h"
#include "format_coffer.h"
#include "format_freeotfe.h"
#include "header_lock.h"
#include "report.h"
#include "scope.h"

static const char *const COPY_NAME[HEADER_COPIES] = { "front", "tail" };

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
            report_say(report, COFFER_FINDING_DAMAGE, "%s header: it %s", COPY_NAME[copy],
                       VERDICT[image->verdict[copy]]);
        } else if (!header_slots_check(image->block[copy][0])) {
            report_say(report, COFFER_FINDING_DAMAGE, "%s header: its key slots are damaged", COPY_NAME[copy]);
        } else {
            report_say(report, COFFER_FINDING_GOOD, "%s header: present, key slots as written", COPY_NAME[copy]);
        }
    }
    if (image->verdict[HEADER_FRONT] == HEADER_USABLE && image->verdict[HEADER_TAIL] == HEADER_USABLE &&
        memcmp(image->preamble[HEADER_FRONT].uuid, image->preamble[HEADER_TAIL].uuid, 16) != 0) {
        report_say(report, COFFER_FINDING_DAMAGE, "the two headers belong to different volumes");
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
        if (record.kind == CREDENTIAL_EMPTY || (front && tail) || (front && copies->stranger[HEADER_TAIL]) ||
            (tail && copies->stranger[HEADER_FRONT])) {
            continue;
        }
        if (front || tail) {
            report_say(report, COFFER_FINDING_DAMAGE,
                       "key slot %u: damaged in the %s header; opening with its secret repairs it", slot,
                       COPY_NAME[front ? HEADER_TAIL : HEADER_FRONT]);
        } else {
            report_say(report, COFFER_FINDING_DAMAGE, "key slot %u: damaged in both headers, its secret is lost",
                       slot);
        }
    }
}

static void check_private(const struct copies *copies, struct report *report)
{
    struct header_fields fields;
    header_get_fields(&copies->body, &fields);
    for (enum header_copy copy = HEADER_FRONT; copy < HEADER_COPIES; copy++) {
        if (copies->stranger[copy]) {
            report_say(report, COFFER_FINDING_DAMAGE,
                       "%s header: it is that of another volume, and left as it is; restoring a header backup "
                       "settles it",
                       COPY_NAME[copy]);
        } else if (!copies->good[copy]) {
            report_say(report, COFFER_FINDING_DAMAGE, "%s header: its sealed part is damaged or out of date",
                       COPY_NAME[copy]);
        }
    }
    if (copies->old_tail != 0) {
        report_say(report, COFFER_FINDING_DAMAGE,
                   "a growth of the volume was cut short; opening it for writing finishes it");
    }
    check_slots(copies, report);
    if ((fields.ro_compat & ~HEADER_RO_COMPAT_KNOWN) != 0) {
        report_say(report, COFFER_FINDING_NOTE,
                   "it can only be read: it has features that this version does not know");
    }
    report_say(report, COFFER_FINDING_GOOD, "sealed part: opens, geometry possible, written %llu times",
               (unsigned long long)fields.seq);
}

/* ---- our own ---- */

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
        report_say(report, COFFER_FINDING_NOTE, "the sealed part was not checked: that needs a secret");
        return COFFER_OK;
    }
    enum coffer_status status = format_coffer_find(image, credential, options, copies, error);
    if (status == COFFER_OK) {
        (void)copies_try_stranger(copies, credential,
                                  NULL); /* without the memory for it, the copy is just damaged */
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
        report_say(&after, COFFER_FINDING_DAMAGE, "it could not be repaired: %.200s", reason.text);
    }
    check_slots(copies, &after);
    if (copies->good[HEADER_FRONT] && copies->good[HEADER_TAIL] && after.damaged == 0) {
        report_say(&after, COFFER_FINDING_REPAIRED, "both headers are whole again");
    }
    report->damaged = after.damaged + !copies->good[HEADER_FRONT] + !copies->good[HEADER_TAIL];
    return COFFER_OK;
}

/* Our own, marked or not. */
static enum coffer_status check_own(struct storage *storage, const struct coffer_credential *credential,
                                    const struct coffer_open_options *options, struct report *report,
                                    struct coffer_error *error)
{
    struct coffer_error reason = COFFER_ERROR_INIT;
    bool looked = false;
    enum coffer_status status = look(storage, credential, options, report, &looked, &reason);
    if (looked && status == COFFER_DAMAGED) {
        report_say(report, COFFER_FINDING_DAMAGE, "%s; %s", reason.text,
                   reason.sys == ENODATA ? "once it is as large as it was, what is left opens"
                                         : "a header backup would bring it back");
        status = COFFER_OK;
    } else if (status == COFFER_OK && report->damaged > 0 && credential != NULL && !options->read_only) {
        status = repair(storage, credential, options, report, &reason);
    }
    return status == COFFER_OK ? COFFER_OK : error_set(error, status, reason.sys, "%s", reason.text);
}

/* ---- which format ---- */

static bool is_tcrypt(const struct format *format)
{
    return format == &FORMAT_VERACRYPT || format == &FORMAT_TRUECRYPT;
}

/* Formats without any magic. */
static bool is_unmarked(const struct format *format)
{
    return is_tcrypt(format) || format == &FORMAT_FREEOTFE;
}

/* By its name, or by an option that only one has. NULL: not at all. */
static const struct format *named(const struct coffer_open_options *options)
{
    if (options->type != NULL) {
        return format_by_name(options->type);
    }
    if (format_freeotfe_is_named(options)) {
        return &FORMAT_FREEOTFE;
    }
    bool names_tcrypt = options->pim != 0 || options->hash != NULL || options->system || options->backup_header;
    return names_tcrypt ? &FORMAT_VERACRYPT : NULL;
}

static bool is_nothing(enum coffer_status status)
{
    return status == COFFER_WRONG_SECRET || status == COFFER_NOT_FOUND;
}

/* Only the secret can tell whose it is: what is tried without being named, the quick ones first. */
static enum coffer_status check_unnamed(struct storage *storage, const struct coffer_credential *credential,
                                        const struct coffer_open_options *options, struct report *report,
                                        const struct format **format, struct coffer_error *error)
{
    struct coffer_error reason = COFFER_ERROR_INIT;
    bool only_own = options->type != NULL || options->kdf_level >= 0;
    *format = &FORMAT_COFFER;
    enum coffer_status status = check_own(storage, credential, options, report, &reason);
    if (is_nothing(status) && !only_own && format_freeotfe_fits(credential)) {
        *format = &FORMAT_FREEOTFE;
        reason = (struct coffer_error)COFFER_ERROR_INIT;
        status = check_freeotfe(storage, credential, options, report, &reason);
    }
    if (is_nothing(status) && !only_own && credential_fits_tcrypt(credential)) {
        *format = &FORMAT_VERACRYPT;
        return check_tcrypt(storage, credential, options, report, error);
    }
    return status == COFFER_OK ? COFFER_OK : error_set(error, status, reason.sys, "%s", reason.text);
}

static enum coffer_status check_unmarked(struct storage *storage, const struct coffer_credential *credential,
                                         const struct coffer_open_options *options, struct report *report,
                                         const struct format **format, struct coffer_error *error)
{
    const struct format *only = named(options);
    if (credential == NULL) {
        return error_set(error, COFFER_NOT_FOUND, 0, "it is not a volume of a known format");
    }
    if (only == &FORMAT_FREEOTFE) {
        *format = only;
        return check_freeotfe(storage, credential, options, report, error);
    }
    if (is_tcrypt(only)) {
        *format = only;
        return check_tcrypt(storage, credential, options, report, error);
    }
    return check_unnamed(storage, credential, options, report, format, error);
}

static const struct format *recognise(struct storage *storage, const struct coffer_open_options *options)
{
    struct coffer_info info = { .size = sizeof(info) };
    enum coffer_status status;
    if (options->type != NULL || format_freeotfe_is_named(options)) {
        const struct format *format = named(options);
        return is_unmarked(format) ? NULL : format;
    }
    if (options->header != NULL) {
        return &FORMAT_LUKS;
    }
    return format_recognise(storage, NULL, &info, &status, NULL);
}

/* ---- the whole ---- */

static enum coffer_status check_store(struct storage *storage, const struct coffer_credential *credential,
                                      const struct coffer_open_options *options, struct report *report,
                                      const struct format **format, struct coffer_error *error)
{
    *format = recognise(storage, options);
    if (*format == &FORMAT_COFFER) {
        return check_own(storage, credential, options, report, error);
    }
    if (*format != NULL) {
        return check_foreign(storage, *format, credential, options, report, error);
    }
    return check_unmarked(storage, credential, options, report, format, error);
}

enum coffer_status coffer_check(const char *path, const struct coffer_credential *credential,
                                const struct coffer_open_options *options, coffer_finding_fn *finding, void *user,
                                struct coffer_check_result *result, struct coffer_error *error)
{
    struct storage *storage __attribute__((cleanup(close_storage))) = NULL;
    struct report report = { finding, user, 0 };
    const struct format *format = NULL;
    enum coffer_status status =
        storage_open(path, -1, options->read_only, STORAGE_UNLOCKED, &options->callbacks, &storage, error);
    status = status == COFFER_OK ? header_lock(storage, error) : status;
    if (status == COFFER_OK) {
        status = check_store(storage, credential, options, &report, &format, error);
    }
    if (status == COFFER_OK) {
        *result = (struct coffer_check_result){ .damaged = report.damaged > 0, .format = format->name };
    }
    return status;
}
