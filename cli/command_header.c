/* SPDX-License-Identifier: ISC */
/*
 * command_header.c - `coffer header`: keeps both copies of a header in a file, and puts them back. Restoring brings
 * every secret of that time back, so it is said, and wants the name of the volume, before anything is written.
 */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "command.h"
#include "confirm.h"
#include "content.h"
#include "existing.h"
#include "header_backup.h"
#include "json.h"
#include "secrets.h"
#include "size.h"
#include "ui.h"

struct header_options {
    struct common_options common;
    struct secret_options secret;
    const char *confirm;
    long kdf_level;
};

static const struct option table[] = {
    OPTION_TEXT(struct header_options, confirm, "confirm", "NAME",
                "restore: the last part of VOLUME, instead of typing it before its header is overwritten"),
    OPTION_NUMBER(struct header_options, kdf_level, "kdf-level", "N", 0, 4,
                  "the level of an unmarked volume, where it is not one of those that are tried"),
    OPTIONS_SECRET(struct header_options),
    OPTIONS_COMMON(struct header_options),
    OPTIONS_END,
};

static const struct header_options defaults = { .kdf_level = -1 };

static struct json_object *describe(const char *action, const char *volume, const char *backup)
{
    struct json_object *document = json_document("header");

    json_add_text(document, "action", action);
    json_add_path(document, "volume", volume);
    json_add_path(document, "backup", backup);
    return document;
}

/* ---- backup --------------------------------------------------------------------------------------------- */

/* A marked volume needs no secret: then *credential stays NULL. */
static enum exit_status read_secret_for_backup(const struct header_options *options, const char *volume,
                                               struct coffer_credential **credential)
{
    struct coffer_info info;

    enum exit_status status = existing_look_at_ours(volume, OPERATION_BACKUP, &info);
    if (status != EXIT_DONE) {
        return status;
    }
    if (info.marked && (!info.front_ok || !info.front_slots_ok || !info.tail_ok || !info.tail_slots_ok)) {
        ui_warn("one copy of the header is damaged, and so it is in the backup: 'coffer check --repair' first");
    }
    if (info.marked && !secrets_given(&options->secret)) {
        return EXIT_DONE;
    }
    return secrets_read(&options->secret, SECRET_PRESENT, volume, credential);
}

static enum exit_status back_up(const struct header_options *options, const char *volume, const char *backup)
{
    struct coffer_credential *credential = NULL;

    if (options->confirm) {
        return ui_fail(EXIT_USAGE, NULL, "'--confirm' is for 'header restore'");
    }
    enum exit_status status = header_backup_check(volume, backup);
    status = status ? status : read_secret_for_backup(options, volume, &credential);
    status = status ? status : header_backup_write(volume, backup, credential, (int)options->kdf_level);
    coffer_credential_free(credential);
    if (status != EXIT_DONE) {
        return status;
    }
    if (ui_is_json()) {
        struct json_object *document = describe("backup", volume, backup);
        json_add_number(document, "size", COFFER_HEADER_BACKUP_SIZE);
        json_print(document);
    } else if (!ui_is_quiet()) {
        ui_print("'%s': the header of '%s', 128 KiB", backup, volume);
    }
    return EXIT_DONE;
}

/* ---- restore -------------------------------------------------------------------------------------------- */

static enum exit_status check_backup(const char *backup)
{
    struct stat status;

    if (stat(backup, &status) < 0) {
        return ui_fail(errno == EACCES ? EXIT_NOT_PERMITTED : EXIT_OTHER, NULL, "cannot read the backup '%s': %s",
                       backup, explain_errno(errno));
    }
    if (!S_ISREG(status.st_mode)) {
        return ui_fail(EXIT_USAGE, NULL, "'%s' is no header backup: it is not a file", backup);
    }
    if (status.st_size != COFFER_HEADER_BACKUP_SIZE) {
        return ui_fail(EXIT_USAGE, NULL, "'%s' is no header backup: it has %lld bytes, not %u", backup,
                       (long long)status.st_size, COFFER_HEADER_BACKUP_SIZE);
    }
    return EXIT_DONE;
}

static enum exit_status fail_to_find(const char *volume, int number)
{
    enum exit_status status = number == ENOENT || number == ENOTDIR ? EXIT_NOT_FOUND
                              : number == EACCES || number == EPERM ? EXIT_NOT_PERMITTED
                                                                    : EXIT_OTHER;

    return ui_fail(status, NULL, "%s '%s': %s", explain_failure(OPERATION_RESTORE), volume, explain_errno(number));
}

/* Shows what is there. The header may be destroyed, so that it is no volume to anybody any more. */
static enum exit_status warn(const char *volume)
{
    struct stat status;
    char content[96];
    char size[SIZE_TEXT_MAX];

    if (stat(volume, &status) < 0) {
        return fail_to_find(volume, errno);
    }
    if (!S_ISREG(status.st_mode) && !S_ISBLK(status.st_mode)) {
        return ui_fail(EXIT_USAGE, NULL, "%s '%s': it is neither a file nor a block device",
                       explain_failure(OPERATION_RESTORE), volume);
    }
    int number = content_describe(volume, sizeof(content), content);
    if (number != 0) {
        return fail_to_find(volume, number);
    }
    const char *what = content[0] ? content : "without a known content";
    if (S_ISREG(status.st_mode)) {
        ui_warn("the header of '%s', a file of %s, %s, will be replaced", volume,
                size_format((uint64_t)status.st_size, size), what);
    } else {
        ui_warn("the header of '%s', a device, %s, will be replaced", volume, what);
    }
    ui_warn("every secret of the time of the backup opens the volume again, those removed since included");
    return EXIT_DONE;
}

static enum exit_status restore_with(const struct header_options *options, const char *volume, const char *backup,
                                     const struct coffer_credential *credential)
{
    struct coffer_open_options how = COFFER_OPEN_OPTIONS_INIT;
    struct coffer_error error = COFFER_ERROR_INIT;

    how.kdf_level = (int)options->kdf_level;
    how.callbacks.notice = ui_library_notice;
    if (coffer_header_restore(volume, backup, credential, &how, &error) != COFFER_OK) {
        return ui_fail_library(OPERATION_RESTORE, volume, &error);
    }
    if (ui_is_json()) {
        json_print(describe("restore", volume, backup));
    } else if (!ui_is_quiet()) {
        ui_print("'%s': the header is that of '%s' again", volume, backup);
    }
    return EXIT_DONE;
}

static enum exit_status restore(const struct header_options *options, const char *volume, const char *backup)
{
    struct coffer_credential *credential;

    enum exit_status status = secrets_check(&options->secret, SECRET_PRESENT);
    status = status ? status : check_backup(backup);
    status = status ? status : existing_check_unmounted(volume, OPERATION_RESTORE);
    status = status ? status : warn(volume);
    status = status
                 ? status
                 : confirm_destruction(volume, options->confirm, "given another header", "overwrite its header");
    status = status ? status : secrets_read(&options->secret, SECRET_PRESENT, backup, &credential);
    if (status != EXIT_DONE) {
        return status;
    }
    status = restore_with(options, volume, backup, credential);
    coffer_credential_free(credential);
    return status;
}

/* ---- the command ---------------------------------------------------------------------------------------- */

static enum exit_status run(const void *values, const char *const *operands, size_t count)
{
    (void)count;
    if (strcmp(operands[0], "backup") == 0) {
        return back_up(values, operands[1], operands[2]);
    }
    if (strcmp(operands[0], "restore") == 0) {
        return restore(values, operands[1], operands[2]);
    }
    return command_fail_unknown_action(&command_header, operands[0]);
}

const struct command command_header = {
    .name = "header",
    .summary = "keeps a backup of a volume's header, or puts it back",
    .operands = "backup|restore VOLUME FILE",
    .minimum = 3,
    .maximum = 3,
    .options = table,
    .defaults = &defaults,
    .options_size = sizeof(defaults),
    .run = run,
};
