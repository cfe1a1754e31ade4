/* SPDX-License-Identifier: ISC */
/*
 * create_volume.c - makes a volume, and a file system in it.
 *
 * Everything that can be refused is refused before anything is asked, everything is asked before anything is
 * written, and a file gets its name only when the file system is in it: a create that fails leaves nothing.
 */
#include <stdlib.h>
#include <string.h>

#include "create.h"
#include "create_cost.h"
#include "filesystem.h"
#include "header_backup.h"
#include "json.h"
#include "progress.h"
#include "recovery.h"
#include "secrets.h"
#include "size.h"
#include "target.h"
#include "ui.h"

#define GRANULE 4096 /* bytes: a volume's size is a multiple of it */
#define LARGE   (UINT64_C(1) << 40)

/* What the options come to. */
struct plan {
    struct target target;
    struct coffer_create_options create;
    struct filesystem_request filesystem;
    bool has_filesystem;
};

/* ---- before anything is asked --------------------------------------------------------------------------- */

static bool is_luks2(const struct create_options *options)
{
    return strcmp(options->format, "luks2") == 0;
}

/* The first option that LUKS2 has no place for. */
static const char *find_not_luks2(const struct create_options *options)
{
    return options->thin            ? "thin"
           : options->unmarked      ? "unmarked"
           : options->recovery_key  ? "recovery-key"
           : options->name          ? "name"
           : options->header_backup ? "header-backup"
                                    : NULL;
}

static enum exit_status check_combination(const struct create_options *options)
{
    const char *other = is_luks2(options) ? find_not_luks2(options) : NULL;

    if (other) {
        return ui_fail(EXIT_USAGE,
                       "'cryptsetup luksAddKey' and 'luksHeaderBackup' are for LUKS2 what some of them are here",
                       "'--%s' is not for '--format luks2'", other);
    }
    if (options->thin && options->thick) {
        return ui_fail(EXIT_USAGE, NULL, "'--thin' and '--thick' exclude each other");
    }
    if (options->thin && (options->fill || options->unmarked)) {
        return ui_fail(EXIT_USAGE, NULL,
                       "a volume that is filled takes all its space at once and cannot be '--thin'");
    }
    if (options->unmarked && options->label) {
        return ui_fail(EXIT_USAGE, NULL, "an unmarked volume can have no '--label' that everybody can read");
    }
    if (options->unmarked && (options->kdf_memory || options->kdf_passes)) {
        return ui_fail(EXIT_USAGE, "choose a level with --kdf-level",
                       "an unmarked volume cannot say what its key derivation costs");
    }
    if (!options->unmarked && options->kdf_level >= 0) {
        return ui_fail(EXIT_USAGE, "use --kdf-memory and --kdf-passes", "'--kdf-level' is for unmarked volumes");
    }
    return EXIT_DONE;
}

static enum exit_status settle_size(const struct create_options *options, struct plan *plan)
{
    const struct target *target = &plan->target;
    bool is_device = target->kind == TARGET_DEVICE;
    uint64_t size = options->size ? options->size : is_device ? target->size : 0;
    char text[SIZE_TEXT_MAX];

    if (size == 0) {
        return ui_fail(EXIT_USAGE, "--size 10G makes a volume of 10 GiB", "'create' needs '--size' for a file");
    }
    if (is_device && size > target->size) {
        return ui_fail(EXIT_USAGE, NULL, "cannot create '%s': the device has only %s", target->path,
                       size_format_exact(target->size, text));
    }
    plan->create.container_size = size / GRANULE * GRANULE;
    if (plan->create.container_size == 0) {
        return ui_fail(EXIT_USAGE, "10G is 10 GiB, a number without a unit is bytes",
                       "cannot create '%s': a volume of %s has no room for anything", target->path,
                       size_format_exact(size, text));
    }
    if (plan->create.container_size > LARGE) {
        ui_warn("above 1 TiB, data encrypted with one AES-XTS key is more than its standard recommends");
    }
    ui_notice("the volume will have %s%s", size_format_exact(plan->create.container_size, text),
              size % GRANULE ? ", a multiple of 4096" : "");
    return EXIT_DONE;
}

static enum exit_status make_plan(const struct create_options *options, const char *path, struct plan *plan)
{
    *plan = (struct plan){ .create = COFFER_CREATE_OPTIONS_INIT };
    enum exit_status status = check_combination(options);
    if (status == EXIT_DONE) {
        status = secrets_check(&options->secret, SECRET_FIRST);
    }
    if (status == EXIT_DONE) {
        status = target_inspect(path, &plan->target);
    }
    if (status == EXIT_DONE) {
        status = target_check_force(&plan->target, options->force);
    }
    if (status == EXIT_DONE) {
        status = settle_size(options, plan);
    }
    if (status == EXIT_DONE && options->header_backup) {
        status = header_backup_check(path, options->header_backup, OPERATION_BACKUP);
    }
    if (status != EXIT_DONE) {
        return status;
    }
    bool is_full = options->thick || options->fill || options->unmarked || is_luks2(options);
    plan->create.thin = options->thin || (!is_full && plan->target.kind != TARGET_DEVICE);
    plan->create.format = options->format;
    plan->create.fill = options->fill;
    plan->create.unmarked = options->unmarked;
    plan->create.replace = plan->target.kind == TARGET_FILE && options->force;
    plan->create.label = options->label;
    plan->create.slot_name = options->name;
    plan->create.sector_size = filesystem_sector_size(options->fs, options->sector_size);
    plan->create.callbacks.notice = ui_library_notice;
    plan->create.callbacks.progress = progress_report;
    create_cost_settle(options->kdf_memory, options->kdf_passes, options->kdf_level, &plan->create);
    plan->has_filesystem = strcmp(options->fs, "none") != 0;
    plan->filesystem = (struct filesystem_request){
        .type = strcmp(options->fs, "auto") == 0 ? "ext4" : options->fs,
        .label = options->label,
        .container_size = plan->create.container_size,
        .sector_size = plan->create.sector_size,
    };
    return plan->has_filesystem ? filesystem_check(&plan->filesystem) : EXIT_DONE;
}

/* ---- the result ----------------------------------------------------------------------------------------- */

static void print_json_result(const struct plan *plan, const struct coffer_info *info, struct recovery *recovery)
{
    struct json_object *document = json_document("create");

    json_add_path(document, "volume", plan->target.path);
    json_add_text(document, "format", info->format);
    json_add_number(document, "container_size", plan->create.container_size);
    json_add_number(document, "data_size", info->data_size);
    json_add_number(document, "sector_size", info->sector_size);
    json_add_bool(document, "thin", info->thin);
    json_add_bool(document, "filled", info->filled);
    json_add_bool(document, "marked", info->marked);
    if (info->marked) {
        json_add_uuid(document, "uuid", info->uuid);
    }
    json_add_text(document, "filesystem", plan->has_filesystem ? plan->filesystem.type : NULL);
    recovery_print_json(recovery, document);
}

static void print_result(const struct plan *plan, const struct coffer_info *info, struct recovery *recovery)
{
    char size[SIZE_TEXT_MAX];

    if (ui_is_json()) {
        print_json_result(plan, info, recovery);
        return;
    }
    recovery_print(recovery);
    if (!ui_is_quiet()) {
        ui_print("'%s': %s, %s%s%s, %s", plan->target.path, size_format(info->data_size, size),
                 plan->create.format && strcmp(plan->create.format, "luks2") == 0 ? "LUKS2, " : "",
                 info->thin ? "thin" : "thick", info->marked ? "" : ", unmarked",
                 plan->has_filesystem ? plan->filesystem.type : "without a file system");
    }
}

/* ---- the work ------------------------------------------------------------------------------------------- */

/* Where nobody looked at the progress: during the key derivation, between two steps. */
static enum exit_status check_stopped(const struct plan *plan)
{
    return progress_is_stopped()
               ? ui_fail(EXIT_INTERRUPTED, NULL, "cannot create '%s': stopped", plan->target.path)
               : EXIT_DONE;
}

/* A recovery code that nobody got opens the volume all the same: it is handed over before there is a volume. */
static enum exit_status hand_over(const struct plan *plan, const struct coffer_info *info,
                                  struct recovery *recovery)
{
    if (!recovery_is_owed(recovery)) {
        return EXIT_DONE;
    }
    print_result(plan, info, recovery);
    return ui_flush() ? EXIT_DONE : EXIT_OTHER; /* ui_finish says why */
}

static enum exit_status complete(const struct plan *plan, struct coffer_volume *volume, struct coffer_info *info,
                                 struct recovery *recovery)
{
    struct coffer_error error = COFFER_ERROR_INIT;

    enum exit_status status = check_stopped(plan);
    if (status == EXIT_DONE && plan->has_filesystem) {
        status = filesystem_make(&plan->filesystem, volume);
    }
    if (status == EXIT_DONE) {
        status = check_stopped(plan);
    }
    if (status != EXIT_DONE) {
        return status;
    }
    if (coffer_volume_info(volume, info, &error) != COFFER_OK) {
        return ui_fail_library(OPERATION_CREATE, plan->target.path, &error);
    }
    status = hand_over(plan, info, recovery);
    if (status != EXIT_DONE) {
        return status;
    }
    if (coffer_volume_publish(volume, &error) != COFFER_OK) {
        return ui_fail_library(OPERATION_CREATE, plan->target.path, &error);
    }
    return EXIT_DONE;
}

static enum exit_status make_volume(const struct plan *plan, const struct coffer_credential *credential,
                                    struct coffer_info *info, struct recovery *recovery)
{
    struct coffer_error error = COFFER_ERROR_INIT;
    struct coffer_volume *volume;

    if (coffer_volume_create(plan->target.path, credential, &plan->create, &volume, &error) != COFFER_OK) {
        return ui_fail_library(OPERATION_CREATE, plan->target.path, &error);
    }
    enum exit_status status = complete(plan, volume, info, recovery);
    if (coffer_volume_close(volume, &error) != COFFER_OK && status == EXIT_DONE) {
        return ui_fail_library(OPERATION_CLOSE, plan->target.path, &error);
    }
    return status;
}

/* The volume is there: what fails from here on does not undo it. */
static enum exit_status keep_backup(const struct create_options *options, const char *path,
                                    const struct coffer_credential *credential)
{
    enum exit_status status = header_backup_write(path, options->header_backup,
                                                  options->unmarked ? credential : NULL, (int)options->kdf_level);
    if (status != EXIT_DONE) {
        ui_warn("'%s' is made, only the backup of its header is missing", path);
    }
    return status;
}

static enum exit_status make_and_print(const struct create_options *options, struct plan *plan,
                                       const struct coffer_credential *credential, struct recovery *recovery)
{
    struct coffer_info info = { .size = sizeof(info) };

    plan->create.second_secret = recovery->credential;
    progress_begin();
    enum exit_status status = make_volume(plan, credential, &info, recovery);
    progress_end();
    if (status != EXIT_DONE) {
        return status;
    }
    if (options->header_backup) {
        status = keep_backup(options, plan->target.path, credential);
    }
    if (!recovery_is_owed(recovery)) {
        print_result(plan, &info, recovery);
    }
    return status;
}

enum exit_status create_volume(const struct create_options *options, const char *path)
{
    struct coffer_credential *credential = NULL;
    struct recovery recovery = { .credential = NULL };
    struct plan plan;

    enum exit_status status = make_plan(options, path, &plan);
    if (status == EXIT_DONE) {
        status = target_confirm(&plan.target, options->confirm);
    }
    if (status == EXIT_DONE) {
        status = secrets_read(&options->secret, SECRET_FIRST, path, &credential);
    }
    if (status == EXIT_DONE && options->recovery_key) {
        status = recovery_begin(path, &recovery);
    }
    if (status == EXIT_DONE) {
        status = make_and_print(options, &plan, credential, &recovery);
    }
    recovery_end(&recovery);
    coffer_credential_free(credential);
    return status;
}
