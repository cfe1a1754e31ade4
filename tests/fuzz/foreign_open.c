/* SPDX-License-Identifier: ISC */
/* foreign_open.c - what must hold of every volume of another program, whatever is in it. */
#include "foreign_open.h"

#include <stdlib.h>
#include <string.h>

#include "check_foreign.h"

#define MUST_END(text)                               \
    do {                                             \
        if (memchr(text, 0, sizeof(text)) == NULL) { \
            abort();                                 \
        }                                            \
    } while (0)

static void check_info(const struct coffer_info *info)
{
    MUST_END(info->label);
    MUST_END(info->cipher);
    MUST_END(info->kdf);
    MUST_END(info->opens_with);
    MUST_END(info->refused);
}

static void check_map(const struct format *format, const struct format_opened *opened, uint64_t store_size)
{
    uint64_t end = 0;
    if (opened->segments > FORMAT_SEGMENTS_MAX) {
        abort();
    }
    for (size_t i = 0; i < opened->segments; i++) {
        const struct segment *segment = &opened->segment[i];
        bool is_inside = segment->kind == SEGMENT_ZERO || (segment->storage_offset <= store_size &&
                                                           segment->size <= store_size - segment->storage_offset);
        bool is_allowed = segment->kind == SEGMENT_CIPHER || format == &FORMAT_BITLK ||
                          (format == &FORMAT_QCOW && segment->kind == SEGMENT_ZERO);
        if (segment->start != end || segment->size == 0 || !is_inside || !is_allowed) {
            abort();
        }
        end += segment->size;
    }
    if (end != opened->data_size) {
        abort();
    }
}

static void take_finding(void *user, enum coffer_finding finding, const char *text)
{
    (void)user;
    (void)finding;
    if (text[0] == '\0') {
        abort();
    }
}

/* What is checked is not written to, and what is known is always found again. */
static void check_volume(const struct format *format, struct memory_store *store)
{
    struct coffer_error error = COFFER_ERROR_INIT;
    struct report report = { .finding = take_finding };
    const struct coffer_open_options options = COFFER_OPEN_OPTIONS_INIT;
    enum coffer_status status = check_foreign(&store->storage, format, NULL, &options, &report, &error);
    MUST_END(error.text);
    if (error.status != status || status == COFFER_NOT_FOUND || store->writes > 0) {
        abort();
    }
}

void foreign_open(const struct format *format, struct memory_store *store)
{
    struct coffer_info info = { .size = sizeof(info) };
    struct coffer_error error = COFFER_ERROR_INIT;
    enum coffer_status status = COFFER_OK;
    const struct coffer_open_options options = COFFER_OPEN_OPTIONS_INIT;
    bool is_known = format->recognise != NULL && format->recognise(&store->storage, &info, &status, &error);
    MUST_END(error.text);
    if (error.status != status || (!is_known && status != COFFER_OK)) {
        abort();
    }
    check_info(&info);

    struct coffer_credential *nothing = coffer_credential_new();
    struct format_opened *opened = format_opened_new();
    if (nothing == NULL || opened == NULL) {
        abort();
    }
    error = (struct coffer_error)COFFER_ERROR_INIT;
    status = format->open(&store->storage, nothing, &options, opened, &error);
    MUST_END(error.text);
    if (error.status != status || (is_known && status == COFFER_NOT_FOUND) || store->writes > 0) {
        abort();
    }
    check_info(&opened->info);
    /* The map is made before the secret is tried. */
    if (status == COFFER_OK || status == COFFER_INVALID || status == COFFER_WRONG_SECRET) {
        check_map(format, opened, store->storage.size);
    }
    format_opened_free(opened);
    coffer_credential_free(nothing);
    if (is_known) {
        check_volume(format, store);
    }
}
