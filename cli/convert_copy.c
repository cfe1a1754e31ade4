/* SPDX-License-Identifier: ISC */
/*
 * convert_copy.c - copies a volume of any format that can be opened into a new one of ours.
 *
 * The new volume has its name from the start and is marked as unfinished, inside its seal, until everything has been
 * copied and read back: until then nothing opens it. So an end of any kind on the way leaves what the same command
 * goes on with, and needs nothing but the two volumes and their secrets for it. The source is only read.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "convert.h"
#include "create_cost.h"
#include "existing.h"
#include "json.h"
#include "progress.h"
#include "remembered.h"
#include "secrets.h"
#include "size.h"
#include "target.h"
#include "ui.h"

#define GRANULE     4096                  /* a volume's size is a multiple of it */
#define FRONT       (UINT64_C(1) << 20)   /* before the data area */
#define TAIL        (UINT64_C(128) << 10) /* behind it */
#define FRONT_LUKS2 (UINT64_C(16) << 20)
#define MINIMUM     (UINT64_C(64) << 10) /* of the data area */
#define LARGE       (UINT64_C(1) << 40)

struct work {
    const struct convert_options *options;
    const char *source, *path;
    struct target target;
    bool resumes;
    struct coffer_credential *secret, *new_secret;
    struct coffer_volume *from, *to;
    struct coffer_info from_info, to_info;
};

/* ---- before anything is asked --------------------------------------------------------------------------- */

static bool are_the_same(const char *a, const char *b)
{
    struct stat first, second;

    return stat(a, &first) == 0 && stat(b, &second) == 0 &&
           ((first.st_dev == second.st_dev && first.st_ino == second.st_ino) ||
            (S_ISBLK(first.st_mode) && S_ISBLK(second.st_mode) && first.st_rdev == second.st_rdev));
}

static bool is_luks2(const struct work *work)
{
    return strcmp(work->options->new_format, "luks2") == 0;
}

static enum exit_status check_combination(const struct work *work)
{
    const struct convert_options *options = work->options;

    if (options->unmarked && (options->label || options->kdf_memory || options->kdf_passes)) {
        return ui_fail(EXIT_USAGE, "choose a level with --new-kdf-level",
                       "an unmarked volume has neither a '--label' nor a cost of its own");
    }
    if (!options->unmarked && options->new_kdf_level >= 0) {
        return ui_fail(EXIT_USAGE, "use --kdf-memory and --kdf-passes", "'--new-kdf-level' is for '--unmarked'");
    }
    if (is_luks2(work) && (options->unmarked || options->name)) {
        return ui_fail(EXIT_USAGE, NULL, "'--%s' is not for '--format luks2'",
                       options->unmarked ? "unmarked" : "name");
    }
    if (are_the_same(work->source, work->path)) {
        return ui_fail(EXIT_USAGE, NULL, "'%s' and '%s' are the same", work->source, work->path);
    }
    return EXIT_DONE;
}

/* Whether what is there may be what an earlier run left. */
static bool may_resume(const struct work *work)
{
    struct coffer_info info = { .size = sizeof(info) };

    if (work->options->force || work->target.kind == TARGET_NEW) {
        return false;
    }
    return work->options->unmarked || (coffer_probe(work->path, &info, NULL) == COFFER_OK &&
                                       strcmp(info.format, is_luks2(work) ? "luks" : "coffer") == 0);
}

static enum exit_status check(struct work *work)
{
    enum exit_status status = check_combination(work);
    status = status ? status : secrets_check(&work->options->secret, SECRET_PRESENT);
    status = status ? status : secrets_check(&work->options->new_secret, SECRET_NEW_COPY);
    status = status ? status : target_inspect(work->path, &work->target);
    status = status ? status : existing_check_unmounted(work->path, OPERATION_CONVERT);
    if (status != EXIT_DONE) {
        return status;
    }
    work->resumes = may_resume(work);
    if (work->resumes) {
        return EXIT_DONE;
    }
    status = target_check_force(&work->target, work->options->force);
    return status ? status : target_confirm(&work->target, work->options->confirm);
}

/* ---- the two volumes ------------------------------------------------------------------------------------ */

static enum exit_status open_source(struct work *work)
{
    struct coffer_open_options how = COFFER_OPEN_OPTIONS_INIT;
    struct coffer_error error = COFFER_ERROR_INIT;

    how.read_only = true;
    how.kdf_level = (int)work->options->kdf_level;
    format_options_apply(&work->options->format, &how);
    how.callbacks.notice = ui_library_notice;
    how.callbacks.progress = progress_report;
    work->from_info.size = sizeof(work->from_info);
    if (remembered_open(work->source, work->secret, &how, false, &work->from, &error) != COFFER_OK ||
        coffer_volume_info(work->from, &work->from_info, &error) != COFFER_OK) {
        return ui_fail_library(OPERATION_OPEN, work->source, &error);
    }
    format_options_warn_unverified(&work->from_info);
    return EXIT_DONE;
}

static uint32_t sector_size(const struct work *work)
{
    if (work->options->sector_size) {
        return (uint32_t)strtoul(work->options->sector_size, NULL, 10);
    }
    return work->from_info.sector_size == 4096 ? 4096 : 512; /* larger ones may be too large for what is inside */
}

/* As large as it takes: the data area holds the source's, in whole pages. */
static uint64_t container_size(const struct work *work)
{
    uint64_t data = (work->from_info.data_size + GRANULE - 1) / GRANULE * GRANULE;

    data = data < MINIMUM ? MINIMUM : data;
    return is_luks2(work) ? data + FRONT_LUKS2 : data + FRONT + TAIL;
}

static enum exit_status check_room(const struct work *work, uint64_t size)
{
    char needed[SIZE_TEXT_MAX], there[SIZE_TEXT_MAX];

    if (work->target.kind == TARGET_DEVICE && work->target.size < size) {
        return ui_fail(EXIT_OTHER, NULL, "cannot convert into '%s': it takes %s, and the device has only %s",
                       work->path, size_format_exact(size, needed), size_format_exact(work->target.size, there));
    }
    if (size > LARGE) {
        ui_warn("above 1 TiB, data encrypted with one AES-XTS key is more than its standard recommends");
    }
    return EXIT_DONE;
}

static enum exit_status create(struct work *work)
{
    const struct convert_options *options = work->options;
    struct coffer_create_options how = COFFER_CREATE_OPTIONS_INIT;
    struct coffer_error error = COFFER_ERROR_INIT;
    bool is_full = options->thick || options->fill || options->unmarked || is_luks2(work) ||
                   work->target.kind == TARGET_DEVICE;

    how.container_size = container_size(work);
    enum exit_status status = check_room(work, how.container_size);
    if (status != EXIT_DONE) {
        return status;
    }
    how.format = options->new_format;
    if (work->target.kind == TARGET_DEVICE) {
        how.container_size = 0; /* all of it */
    }
    how.sector_size = sector_size(work);
    how.thin = !is_full;
    how.fill = options->fill;
    how.unmarked = options->unmarked;
    how.unfinished = true;
    how.replace = work->target.kind == TARGET_FILE;
    how.label = options->label;
    how.slot_name = options->name;
    how.callbacks.notice = ui_library_notice;
    how.callbacks.progress = progress_report;
    create_cost_settle(options->kdf_memory, options->kdf_passes, options->new_kdf_level, &how);
    if (coffer_volume_create(work->path, work->new_secret, &how, &work->to, &error) != COFFER_OK ||
        coffer_volume_publish(work->to, &error) != COFFER_OK) {
        return ui_fail_library(OPERATION_CREATE, work->path, &error);
    }
    return EXIT_DONE;
}

static struct coffer_open_options how_to_open_copy(const struct work *work)
{
    struct coffer_open_options how = COFFER_OPEN_OPTIONS_INIT;

    how.kdf_level = (int)work->options->new_kdf_level;
    how.unfinished = true;
    how.callbacks.notice = ui_library_notice;
    how.callbacks.progress = progress_report;
    return how;
}

static enum exit_status resume(struct work *work)
{
    struct coffer_open_options how = how_to_open_copy(work);
    struct coffer_error error = COFFER_ERROR_INIT;

    enum coffer_status opened = coffer_volume_open(work->path, work->new_secret, &how, &work->to, &error);
    if (opened == COFFER_INVALID && error.sys == EEXIST) {
        return ui_fail(EXIT_OTHER, "choose another name; --force overwrites it", "cannot convert into '%s': %s",
                       work->path, error.text);
    }
    if (opened != COFFER_OK) {
        return ui_fail_library(OPERATION_CONVERT, work->path, &error);
    }
    ui_notice("'%s' was not finished: what is there is compared, and the rest copied", work->path);
    return EXIT_DONE;
}

/* ---- the work ------------------------------------------------------------------------------------------- */

static enum exit_status copy(struct work *work)
{
    struct coffer_callbacks callbacks = { .notice = ui_library_notice, .progress = progress_report };
    struct coffer_open_options how = how_to_open_copy(work);
    struct coffer_error error = COFFER_ERROR_INIT;

    work->to_info.size = sizeof(work->to_info);
    if (coffer_volume_copy(work->from, work->to, &callbacks, &error) != COFFER_OK ||
        coffer_volume_complete(work->to, work->new_secret, &how, &error) != COFFER_OK ||
        coffer_volume_info(work->to, &work->to_info, &error) != COFFER_OK) {
        return ui_fail_library(OPERATION_CONVERT, work->path, &error);
    }
    return EXIT_DONE;
}

static enum exit_status close_both(struct work *work, enum exit_status status)
{
    struct coffer_error error = COFFER_ERROR_INIT;

    coffer_volume_close(work->from, NULL); /* nothing was written that could fail now */
    if (coffer_volume_close(work->to, &error) != COFFER_OK && status == EXIT_DONE) {
        return ui_fail_library(OPERATION_CLOSE, work->path, &error);
    }
    return status;
}

static enum exit_status convert(struct work *work)
{
    progress_begin();
    enum exit_status status = open_source(work);
    status = status ? status : work->resumes ? resume(work) : create(work);
    status = status ? status : copy(work);
    status = close_both(work, status);
    progress_end();
    return status;
}

/* ---- the command ---------------------------------------------------------------------------------------- */

static void print_result(const struct work *work)
{
    const struct coffer_info *from = &work->from_info, *to = &work->to_info;
    char text[SIZE_TEXT_MAX];

    if (ui_is_json()) {
        struct json_object *document = json_document("convert");
        json_add_path(document, "source", work->source);
        json_add_text(document, "source_format", from->format);
        json_add_path(document, "volume", work->path);
        json_add_text(document, "format", to->format);
        json_add_number(document, "data_size", to->data_size);
        json_add_number(document, "sector_size", to->sector_size);
        json_add_bool(document, "thin", to->thin);
        json_add_bool(document, "resumed", work->resumes);
        json_add_bool(document, "verified", true);
        json_print(document);
    } else if (!ui_is_quiet()) {
        ui_print("'%s': %s, %s, a copy of the %s%s volume '%s', read back and compared", work->path,
                 size_format(to->data_size, text), to->thin ? "thin" : "thick", from->hidden ? "hidden " : "",
                 from->format, work->source);
        ui_notice("'%s' is as it was", work->source);
    }
}

enum exit_status convert_copy(const struct convert_options *options, const char *source, const char *path)
{
    struct work work = { .options = options, .source = source, .path = path };

    enum exit_status status = check(&work);
    status = status ? status : existing_read_secret(&options->secret, &options->format, source, &work.secret);
    status = status ? status
                    : secrets_read(&options->new_secret, work.resumes ? SECRET_COPY : SECRET_NEW_COPY, path,
                                   &work.new_secret);
    status = status ? status : convert(&work);
    coffer_credential_free(work.secret);
    coffer_credential_free(work.new_secret);
    if (status == EXIT_DONE) {
        print_result(&work);
    }
    return status;
}
