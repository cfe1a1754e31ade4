/* SPDX-License-Identifier: ISC */
/*
 * check_luks.c - what is right and wrong about a LUKS header, without a secret.
 *
 * LUKS2 has a checksum over each of its two copies. LUKS1 has none: its fields are held against each other. The key
 * material of a slot is noise in both, so a sector of it that is all one byte was written by something else.
 */
#include <stdlib.h>
#include <string.h>

#include "check_foreign.h"
#include "error.h"
#include "luks.h"

static void free_header(struct luks_header **header)
{
    free(*header);
}

/* ---- key material ---- */

enum material { MATERIAL_GOOD, MATERIAL_WIPED, MATERIAL_OUTSIDE };

static bool is_one_byte(const uint8_t sector[LUKS_UNIT])
{
    return memcmp(sector, sector + 1, LUKS_UNIT - 1) == 0;
}

static enum material look_at_material(struct storage *storage, const struct luks_slot *slot)
{
    uint8_t sector[LUKS_UNIT];
    uint64_t used = (uint64_t)slot->key_size * LUKS_STRIPES / LUKS_UNIT * LUKS_UNIT;
    if (slot->area_offset > storage->size || used > storage->size - slot->area_offset) {
        return MATERIAL_OUTSIDE;
    }
    for (uint64_t at = 0; at < used; at += LUKS_UNIT) {
        if (storage_read(storage, sector, sizeof(sector), slot->area_offset + at) != 0) {
            return MATERIAL_OUTSIDE;
        }
        if (is_one_byte(sector)) {
            return MATERIAL_WIPED;
        }
    }
    return MATERIAL_GOOD;
}

static void check_slots(struct storage *storage, const struct luks_header *header, struct report *report)
{
    unsigned good = 0;
    for (unsigned i = 0; i < LUKS_SLOTS_MAX; i++) {
        if (!header->slot[i].used) {
            continue;
        }
        switch (look_at_material(storage, &header->slot[i])) {
        case MATERIAL_GOOD:
            good++;
            break;
        case MATERIAL_WIPED:
            report_say(report, COFFER_FINDING_DAMAGE, "key slot %u: its key material was overwritten", i);
            break;
        case MATERIAL_OUTSIDE:
            report_say(report, COFFER_FINDING_DAMAGE, "key slot %u: its key material cannot be read", i);
            break;
        }
    }
    if (good > 0) {
        report_say(report, COFFER_FINDING_GOOD, "key slots: the key material of %u looks as it should", good);
    } else if (report->damaged == 0) {
        report_say(report, COFFER_FINDING_NOTE, "key slots: none is in use, so nothing opens it");
    }
}

static void check_segments(const struct storage *storage, const struct luks_header *header, struct report *report)
{
    for (unsigned i = 0; i < header->segments; i++) {
        const struct luks_segment *segment = &header->segment[i];
        if (segment->offset < header->end) {
            report_say(report, COFFER_FINDING_NOTE, "data: in another file, the header is a detached one");
            return;
        }
        if (segment->offset >= storage->size || segment->size > storage->size - segment->offset) {
            report_say(report, COFFER_FINDING_DAMAGE, "data: beyond the end, the volume was cut short");
            return;
        }
    }
}

static void check_rest(struct storage *storage, const struct luks_header *header, struct report *report)
{
    check_slots(storage, header, report);
    check_segments(storage, header, report);
    if (header->refused[0] != '\0') {
        report_say(report, COFFER_FINDING_NOTE, "it cannot be opened here: %s", header->refused);
    }
}

/* ---- versions ---- */

enum coffer_status check_luks1_header(struct storage *storage, struct luks_header *header, struct report *report,
                                      struct coffer_error *error)
{
    struct coffer_error reason = COFFER_ERROR_INIT;
    enum coffer_status status = luks1_read(storage, header, &reason);
    if (status == COFFER_DAMAGED) {
        report_say(report, COFFER_FINDING_DAMAGE, "header: %s", reason.text);
        memset(header, 0, sizeof(*header)); /* nothing else can be said about it */
        return COFFER_OK;
    }
    if (status != COFFER_OK) {
        return error_set(error, status, reason.sys, "%s", reason.text);
    }
    report_say(report, COFFER_FINDING_GOOD, "header: its fields fit each other (LUKS1 has no checksum)");
    check_slots(storage, header, report);
    return COFFER_OK;
}

static enum coffer_status check_version1(struct storage *storage, struct luks_header *header,
                                         struct report *report, struct coffer_error *error)
{
    enum coffer_status status = check_luks1_header(storage, header, report, error);
    if (status == COFFER_OK) {
        check_segments(storage, header, report);
    }
    return status;
}

static enum coffer_status check_version2(struct storage *storage, struct luks_header *header,
                                         struct report *report, struct coffer_error *error)
{
    static const char *const NAME[2] = { "first", "second" };
    uint64_t seq[2] = { 0, 0 };
    bool good[2];
    for (unsigned which = 0; which < 2; which++) {
        struct coffer_error reason = COFFER_ERROR_INIT;
        enum coffer_status status = luks2_read_copy(storage, which, header, &reason);
        if (status != COFFER_OK && status != COFFER_DAMAGED) {
            return error_set(error, status, reason.sys, "%s", reason.text);
        }
        good[which] = status == COFFER_OK;
        seq[which] = header->seq;
        if (good[which]) {
            report_say(report, COFFER_FINDING_GOOD, "%s header: checksum and JSON are right, sequence number %llu",
                       NAME[which], (unsigned long long)seq[which]);
        } else {
            report_say(report, COFFER_FINDING_DAMAGE, "%s header: %s", NAME[which], reason.text);
        }
    }
    if (good[0] && good[1] && seq[0] != seq[1]) {
        report_say(report, COFFER_FINDING_DAMAGE, "%s header: it is older than the other",
                   NAME[seq[0] > seq[1] ? 1 : 0]);
    }
    enum coffer_status status = good[0] || good[1] ? luks2_read(storage, header, error) : COFFER_OK;
    if (status == COFFER_OK && (good[0] || good[1])) {
        check_rest(storage, header, report);
    }
    return status;
}

enum coffer_status check_luks(struct storage *storage, struct report *report, struct coffer_error *error)
{
    uint8_t front[LUKS_MAGIC_SIZE + 2];
    struct luks_header *header __attribute__((cleanup(free_header))) = calloc(1, sizeof(*header));
    if (header == NULL) {
        return error_set_no_memory(error);
    }
    int result = storage_read(storage, front, sizeof(front), 0);
    if (result != 0) {
        return error_set_system(error, -result, "cannot read the header");
    }
    if (memcmp(front, "LUKS\xba\xbe", LUKS_MAGIC_SIZE) != 0 && !luks2_has_second(storage)) {
        return error_set(error, COFFER_NOT_FOUND, 0, "it is not a LUKS volume");
    }
    bool is_first_version = memcmp(front, "LUKS\xba\xbe\0\1", sizeof(front)) == 0;
    return (is_first_version ? check_version1 : check_version2)(storage, header, report, error);
}
