/* SPDX-License-Identifier: ISC */
/*
 * command_header.c - `coffer header`: keeps both copies of a header in a file, and puts them back. Restoring brings
 * every secret of that time back, so it is said, and wants the name of the volume, before anything is written.
 * Exporting writes nothing into the volume.
 */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "command.h"
#include "confirm.h"
#include "content.h"
#include "existing.h"
#include "format_options.h"
#include "header_backup.h"
#include "json.h"
#include "secrets.h"
#include "size.h"
#include "ui.h"

struct header_options {
    struct common_options common;
    struct secret_options secret;
    struct secret_options new_secret;
    const char *confirm;
    long kdf_level;
    const char *hash;
    long pim;
};

static const struct option table[] = {
    OPTION_TEXT(struct header_options, confirm, "confirm", "NAME",
                "restore: the last part of VOLUME, instead of typing it before its header is overwritten"),
    OPTION_NUMBER(struct header_options, kdf_level, "kdf-level", "N", 0, 4,
                  "the level of an unmarked volume, where it is not one of those that are tried"),
    OPTION_NUMBER(struct header_options, pim, "pim", "N", 1, FORMAT_PIM_MAX,
                  "restore, of a volume that 'convert' took over: VeraCrypt's personal iterations multiplier"),
    OPTION_CHOICE(struct header_options, hash, "hash", FORMAT_HASHES_TCRYPT,
                  "restore, of a volume that 'convert' took over: the hash, for others not to be tried"),
    OPTIONS_SECRET(struct header_options),
    OPTIONS_NEW_SECRET(struct header_options),
    OPTIONS_COMMON(struct header_options),
    OPTIONS_END,
};

static const struct header_options defaults = { .kdf_level = -1 };

static struct json_object *describe(const char *action, const char *volume, const char *kind, const char *file)
{
    struct json_object *document = json_document("header");

    json_add_text(document, "action", action);
    json_add_path(document, "volume", volume);
    json_add_path(document, kind, file);
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

    enum exit_status status = header_backup_check(volume, backup, OPERATION_BACKUP);
    status = status ? status : read_secret_for_backup(options, volume, &credential);
    status = status ? status : header_backup_write(volume, backup, credential, (int)options->kdf_level);
    coffer_credential_free(credential);
    if (status != EXIT_DONE) {
        return status;
    }
    if (ui_is_json()) {
        struct json_object *document = describe("backup", volume, "backup", backup);
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
    if (status.st_size != COFFER_HEADER_BACKUP_SIZE && status.st_size != COFFER_ADOPT_BACKUP_SIZE) {
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

/* Whether anybody can see that the backup is one of this volume. */
static bool shows_its_own(const char *volume, const char *backup)
{
    struct coffer_info there = { .size = sizeof(there) };
    struct coffer_info kept = { .size = sizeof(kept) };

    return coffer_probe(volume, &there, NULL) == COFFER_OK && coffer_probe(backup, &kept, NULL) == COFFER_OK &&
           memcmp(there.uuid, kept.uuid, sizeof(there.uuid)) == 0;
}

/* Shows what is there. The header may be destroyed, so that it is no volume to anybody any more. */
static enum exit_status warn(const char *volume, const char *backup)
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
    if (!shows_its_own(volume, backup)) {
        ui_warn("nothing shows that the backup belongs to '%s': the header of another volume there would be lost",
                volume);
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
    how.pim = (uint32_t)options->pim;
    how.hash = options->hash;
    how.callbacks.notice = ui_library_notice;
    if (coffer_header_restore(volume, backup, credential, &how, &error) != COFFER_OK) {
        return ui_fail_library(OPERATION_RESTORE, volume, &error);
    }
    if (ui_is_json()) {
        json_print(describe("restore", volume, "backup", backup));
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
    status = status ? status : warn(volume, backup);
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

/* ---- export-luks2 --------------------------------------------------------------------------------------- */

static enum exit_status export_with(const struct header_options *options, const char *volume, const char *header,
                                    const struct coffer_credential *credential,
                                    const struct coffer_credential *new_secret)
{
    struct coffer_open_options how = COFFER_OPEN_OPTIONS_INIT;
    struct coffer_error error = COFFER_ERROR_INIT;
    struct coffer_volume *opened;

    how.read_only = true;
    how.kdf_level = (int)options->kdf_level;
    how.callbacks.notice = ui_library_notice;
    if (coffer_volume_open(volume, credential, &how, &opened, &error) != COFFER_OK) {
        return ui_fail_library(OPERATION_OPEN, volume, &error);
    }
    enum coffer_status status =
        coffer_volume_export_luks2(opened, header, new_secret ? new_secret : credential, &error);
    coffer_volume_close(opened, NULL); /* nothing was written that could fail now */
    return status == COFFER_OK ? EXIT_DONE : ui_fail_library(OPERATION_EXPORT, volume, &error);
}

static enum exit_status read_secrets(const struct header_options *options, const char *volume,
                                     struct coffer_credential **credential, struct coffer_credential **new_secret)
{
    enum exit_status status = existing_look(volume, NULL);
    status = status ? status : secrets_read(&options->secret, SECRET_PRESENT, volume, credential);
    if (status != EXIT_DONE || !secrets_given(&options->new_secret)) {
        return status;
    }
    return secrets_read(&options->new_secret, SECRET_ADDED, volume, new_secret);
}

static enum exit_status export_luks2(const struct header_options *options, const char *volume, const char *header)
{
    struct coffer_credential *credential = NULL;
    struct coffer_credential *new_secret = NULL;

    enum exit_status status = header_backup_check(volume, header, OPERATION_EXPORT);
    status = status ? status : read_secrets(options, volume, &credential, &new_secret);
    status = status ? status : export_with(options, volume, header, credential, new_secret);
    coffer_credential_free(credential);
    coffer_credential_free(new_secret);
    if (status != EXIT_DONE) {
        return status;
    }
    ui_notice("'%s' opens the data with its own passphrase for ever, whatever happens to that of the volume",
              header);
    if (ui_is_json()) {
        json_print(describe("export-luks2", volume, "header", header));
    } else if (!ui_is_quiet()) {
        ui_print("'%s': a LUKS2 header for '%s': cryptsetup open --header '%s' '%s' NAME", header, volume, header,
                 volume);
    }
    return EXIT_DONE;
}

/* ---- the command ---------------------------------------------------------------------------------------- */

typedef enum exit_status action_fn(const struct header_options *options, const char *volume, const char *file);

static const struct action {
    const char *name;
    action_fn *run;
    bool confirms, sets_secret; /* takes --confirm, --new-... */
} actions[] = {
    { "backup", back_up, false, false },
    { "restore", restore, true, false },
    { "export-luks2", export_luks2, false, true },
};

static enum exit_status run_action(const struct action *action, const struct header_options *options,
                                   const char *const *operands)
{
    if (options->confirm && !action->confirms) {
        return ui_fail(EXIT_USAGE, NULL, "'--confirm' is for 'header restore'");
    }
    if (secrets_given(&options->new_secret) && !action->sets_secret) {
        return ui_fail(EXIT_USAGE, NULL, "a new secret is for 'header export-luks2'");
    }
    return action->run(options, operands[1], operands[2]);
}

static enum exit_status run(const void *values, const char *const *operands, size_t count)
{
    (void)count;
    for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++) {
        if (strcmp(operands[0], actions[i].name) == 0) {
            return run_action(&actions[i], values, operands);
        }
    }
    return command_fail_unknown_action(&command_header, operands[0]);
}

const struct command command_header = {
    .name = "header",
    .summary = "keeps a backup of a volume's header, puts it back, or makes one for cryptsetup",
    .operands = "backup|restore|export-luks2 VOLUME FILE",
    .minimum = 3,
    .maximum = 3,
    .options = table,
    .defaults = &defaults,
    .options_size = sizeof(defaults),
    .run = run,
};
