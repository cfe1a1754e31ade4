/* SPDX-License-Identifier: ISC */
/* existing.c - what can be known about a volume without its secret: what it is, and whether it is mounted here. */
#include "existing.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "foreign.h"
#include "mapped.h"
#include "mount_state.h"
#include "scope.h"
#include "secrets.h"
#include "ui.h"

/* Whether it may be opened all the same: as an unmarked volume, or as what the user says that it is, whatever it looks
 * like. A LUKS2 volume of which only the second header is left looks damaged. */
static bool may_go_on(const struct coffer_error *error, bool is_named)
{
    bool is_there = error->sys == 0;
    bool looks_wrong = error->status == COFFER_DAMAGED || error->status == COFFER_UNSUPPORTED;
    return is_there && (error->status == COFFER_NOT_FOUND || (is_named && looks_wrong));
}

/* named: the format that the user says it has; NULL = none. */
static enum exit_status look(const char *path, const char *named, struct coffer_info *info)
{
    struct coffer_info found = { .size = sizeof(found) };
    struct coffer_error error = COFFER_ERROR_INIT;

    if (coffer_probe(path, &found, &error) != COFFER_OK && !may_go_on(&error, named != NULL)) {
        return ui_fail_library(OPERATION_OPEN, path, &error);
    }
    if (found.refused[0] && (!named || strcmp(named, found.format) == 0)) {
        return ui_fail(EXIT_UNSUPPORTED, NULL, "cannot open '%s': %s", path, found.refused);
    }
    if (info) {
        *info = found;
    }
    return EXIT_DONE;
}

enum exit_status existing_look(const char *path, struct coffer_info *info)
{
    return look(path, NULL, info);
}

enum exit_status existing_look_at_ours(const char *path, enum operation operation, struct coffer_info *info)
{
    struct coffer_info found;

    enum exit_status status = existing_look(path, &found);
    if (status != EXIT_DONE) {
        return status;
    }
    if (found.format && strcmp(found.format, "coffer") != 0) {
        return foreign_refuse(path, operation, found.format);
    }
    if (info) {
        *info = found;
    }
    return EXIT_DONE;
}

enum exit_status existing_read_secret(const struct secret_options *given, const struct format_options *format,
                                      const char *path, struct coffer_credential **credential)
{
    struct coffer_info info = { .size = sizeof(info) };
    const char *header = format->header ? format->header : path;
    struct coffer_open_options how = COFFER_OPEN_OPTIONS_INIT;

    struct secret_options settled = format_options_settle_secret(format, given);

    format_options_apply(format, &how);
    enum exit_status status = look(header, how.type, &info);
    if (status != EXIT_DONE) {
        return status;
    }
    if (!info.needs_no_secret || secrets_given(given)) {
        return secrets_read(&settled, SECRET_PRESENT, path, credential);
    }
    *credential = coffer_credential_new();
    return *credential ? EXIT_DONE : ui_fail_no_memory();
}

char *existing_find_mount(const char *path, bool read_only)
{
    struct mount_states states;
    struct stat status;
    char *found = NULL;

    if (stat(path, &status) < 0 || mount_states_load(&states) != EXIT_DONE) {
        return NULL;
    }
    for (size_t i = 0; i < states.count && !found; i++) {
        const struct mount_record *record = &states.items[i].record;
        bool can_share = read_only && record->read_only;
        bool is_there = states.items[i].is_alive || mapped_is_there(&states.items[i]);
        if (is_there && !can_share && record->volume_device == status.st_dev &&
            record->volume_inode == status.st_ino) {
            found = strdup(record->mount_point);
        }
    }
    mount_states_free(&states);
    return found;
}

enum exit_status existing_check_unmounted(const char *path, enum operation operation)
{
    SCOPE_FREE char *place = existing_find_mount(path, false);

    return place ? ui_fail(EXIT_IN_USE, "unmount it first", "%s '%s': it is mounted at '%s'",
                           explain_failure(operation), path, place)
                 : EXIT_DONE;
}
