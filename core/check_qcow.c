/* SPDX-License-Identifier: ISC */
/*
 * check_qcow.c - what is right and wrong about a disk image of QEMU, without a secret.
 *
 * It is what opening it asks for: a header whose fields fit each other, tables that name parts of the file that are
 * there and do not overlap, and a LUKS header. Reference counts, snapshots and leaks are for 'qemu-img check'.
 */
#include <stdlib.h>
#include <string.h>

#include "check_foreign.h"
#include "error.h"
#include "qcow.h"
#include "scope.h"
#include "storage_window.h"

static void free_header(struct luks_header **header)
{
    free(*header);
}

/* Damage becomes a finding, what is not supported a note; the rest is an error. */
static enum coffer_status take_result(struct report *report, const char *what, enum coffer_status status,
                                      const struct coffer_error *reason, struct coffer_error *error)
{
    switch (status) {
    case COFFER_OK:
        return COFFER_OK;
    case COFFER_DAMAGED:
        report_say(report, COFFER_FINDING_DAMAGE, "%s: %s", what, reason->text);
        return COFFER_OK;
    case COFFER_UNSUPPORTED:
        report_say(report, COFFER_FINDING_NOTE, "it cannot be opened here: %s", reason->text);
        return COFFER_OK;
    default:
        return error_set(error, status, reason->sys, "%s", reason->text);
    }
}

static void report_header(const struct qcow *qcow, struct report *report)
{
    report_say(report, COFFER_FINDING_GOOD,
               "image: the fields of its header fit each other (QCOW has no checksum)");
    if (qcow->corrupt) {
        report_say(report, COFFER_FINDING_DAMAGE, "image: QEMU has marked it as corrupt");
    }
    if (qcow->dirty) {
        report_say(report, COFFER_FINDING_NOTE,
                   "image: it was not closed; its reference counts may be wrong, which reading does not need");
    }
    if (qcow->snapshots > 0) {
        report_say(report, COFFER_FINDING_NOTE,
                   "image: it has snapshots, %u of them; only its present state is read", qcow->snapshots);
    }
}

static enum coffer_status check_tables(struct storage *storage, const struct qcow *qcow,
                                       const struct coffer_callbacks *callbacks, struct report *report,
                                       struct coffer_error *error)
{
    struct coffer_error reason = COFFER_ERROR_INIT;
    struct format_opened *opened __attribute__((cleanup(free_opened))) = format_opened_new();
    if (opened == NULL) {
        return error_set_no_memory(error);
    }
    enum coffer_status status = qcow_map(storage, qcow, callbacks, opened, &reason);
    if (status == COFFER_OK) {
        report_say(report, COFFER_FINDING_GOOD, "tables: all that they name is there, and nothing overlaps");
    }
    return take_result(report, "tables", status, &reason, error);
}

static enum coffer_status check_luks_inside(struct storage *storage, const struct qcow *qcow,
                                            struct report *report, struct coffer_error *error)
{
    struct storage_window window;
    struct storage *inside = storage_window_init(&window, storage, qcow->luks_offset, qcow->luks_size);
    struct luks_header *header __attribute__((cleanup(free_header))) = calloc(1, sizeof(*header));
    return header != NULL ? check_luks1_header(inside, header, report, error) : error_set_no_memory(error);
}

enum coffer_status check_qcow(struct storage *storage, const struct coffer_callbacks *callbacks,
                              struct report *report, struct coffer_error *error)
{
    struct qcow qcow;
    struct coffer_error reason = COFFER_ERROR_INIT;
    if (!qcow_find(storage)) {
        return error_set(error, COFFER_NOT_FOUND, 0, "it is not a disk image of QEMU (QCOW)");
    }
    enum coffer_status status = qcow_read(storage, &qcow, &reason);
    if (status != COFFER_OK) {
        return take_result(report, "image", status, &reason, error);
    }
    if (qcow.refused[0] != '\0') {
        report_say(report, COFFER_FINDING_NOTE, "it cannot be opened here: %s", qcow.refused);
        return COFFER_OK;
    }
    report_header(&qcow, report);
    status = check_tables(storage, &qcow, callbacks, report, error);
    return status == COFFER_OK && qcow.encryption == QCOW_LUKS ? check_luks_inside(storage, &qcow, report, error)
                                                               : status;
}
