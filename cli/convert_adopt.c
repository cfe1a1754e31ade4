/* SPDX-License-Identifier: ISC */
/*
 * convert_adopt.c - takes an AES volume of VeraCrypt or TrueCrypt over where it is. Nothing of its data moves; its old
 * headers are kept in a file that brings them back.
 */
#include <errno.h>

#include "confirm.h"
#include "convert.h"
#include "create_cost.h"
#include "existing.h"
#include "json.h"
#include "progress.h"
#include "secrets.h"
#include "ui.h"

static enum exit_status check_combination(const struct convert_options *options)
{
    if (!options->header_backup) {
        return ui_fail(EXIT_USAGE,
                       "--header-backup FILE keeps the old headers, and 'coffer header restore' puts them back",
                       "'--adopt' needs '--header-backup'");
    }
    if (options->thick || options->fill || options->unmarked || options->new_kdf_level >= 0 ||
        options->sector_size || options->force) {
        return ui_fail(EXIT_USAGE, NULL,
                       "'--adopt' makes nothing new: '--thick', '--fill', '--unmarked', '--new-kdf-level', "
                       "'--sector-size' and '--force' are for copies");
    }
    if (options->kdf_level >= 0 || options->format.header || options->format.backup_header) {
        return ui_fail(EXIT_USAGE, NULL,
                       "'--adopt' takes the header at the start of a volume of VeraCrypt or TrueCrypt");
    }
    return EXIT_DONE;
}

static enum exit_status check(const struct convert_options *options, const char *path)
{
    struct coffer_info info;

    enum exit_status status = check_combination(options);
    status = status ? status : secrets_check(&options->secret, SECRET_PRESENT);
    status = status ? status : existing_look(path, &info);
    if (status == EXIT_DONE && info.format && info.front_ok) { /* only the tail: one that was cut short */
        return ui_fail(EXIT_USAGE, NULL, "cannot take over '%s': it is a %s volume already", path, info.format);
    }
    status = status ? status : existing_check_unmounted(path, OPERATION_ADOPT);
    if (status != EXIT_DONE) {
        return status;
    }
    ui_warn("'%s' will be a volume of coffer: VeraCrypt will not open it any more, and everybody will see that it "
            "is an "
            "encrypted volume",
            path);
    return confirm_destruction(path, options->confirm, "given another header", "take it over");
}

static enum exit_status adopt(const struct convert_options *options, const char *path,
                              const struct coffer_credential *secret, const struct coffer_credential *new_secret)
{
    struct coffer_open_options how = COFFER_OPEN_OPTIONS_INIT;
    struct coffer_create_options create = COFFER_CREATE_OPTIONS_INIT;
    struct coffer_error error = COFFER_ERROR_INIT;

    format_options_apply(&options->format, &how);
    how.callbacks.notice = ui_library_notice;
    how.callbacks.progress = progress_report;
    create.label = options->label;
    create.slot_name = options->name;
    create_cost_settle(options->kdf_memory, options->kdf_passes, -1, &create);
    progress_begin();
    enum coffer_status status =
        coffer_adopt(path, secret, new_secret, options->header_backup, &how, &create, &error);
    progress_end();
    return status == COFFER_OK ? EXIT_DONE : ui_fail_library(OPERATION_ADOPT, path, &error);
}

static void print_result(const struct convert_options *options, const char *path)
{
    if (ui_is_json()) {
        struct json_object *document = json_document("convert");
        json_add_path(document, "volume", path);
        json_add_text(document, "format", "coffer");
        json_add_bool(document, "adopted", true);
        json_add_path(document, "backup", options->header_backup);
        json_print(document);
    } else if (!ui_is_quiet()) {
        ui_print("'%s': a volume of coffer now, its data where it was, its old headers in '%s'", path,
                 options->header_backup);
        ui_notice(
            "'%s' opens the data with every old secret: keep it as you keep the secrets, and destroy it when it "
            "is not needed any more",
            options->header_backup);
    }
}

/* Without a new secret the old one stays. */
enum exit_status convert_adopt(const struct convert_options *options, const char *path)
{
    struct coffer_credential *secret = NULL, *new_secret = NULL;

    enum exit_status status = check(options, path);
    status = status ? status : secrets_read(&options->secret, SECRET_PRESENT, path, &secret);
    if (status == EXIT_DONE && secrets_given(&options->new_secret)) {
        status = secrets_read(&options->new_secret, SECRET_NEW_COPY, path, &new_secret);
    }
    status = status ? status : adopt(options, path, secret, new_secret);
    coffer_credential_free(secret);
    coffer_credential_free(new_secret);
    if (status == EXIT_DONE) {
        print_result(options, path);
    }
    return status;
}
