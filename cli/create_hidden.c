/* SPDX-License-Identifier: ISC */
/*
 * create_hidden.c - makes a hidden volume inside an outer one, and a file system in it.
 *
 * It destroys what lies at the end of the outer volume, and nobody can see whether another hidden volume does. So
 * the outer volume is opened first, read-only, to say what can be known, and its name is wanted before anything is
 * written.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "confirm.h"
#include "create.h"
#include "existing.h"
#include "filesystem.h"
#include "json.h"
#include "progress.h"
#include "secrets.h"
#include "size.h"
#include "ui.h"
#include "usage.h"

#define GRANULE  4096
#define RESERVE  (UINT64_C(64) << 10)   /* the least that is left of the outer volume */
#define OVERHEAD (UINT64_C(1152) << 10) /* what an outer volume of that content would take for itself */

struct hidden {
    const struct create_options *options;
    const char *path;
    uint64_t size; /* of its cleartext, bytes */
    struct filesystem_request filesystem;
    bool has_filesystem;
    struct coffer_credential *outer;
    struct coffer_credential *secret;
    struct coffer_info outer_info;
};

/* ---- before anything is asked --------------------------------------------------------------------------- */

static enum exit_status check_options(const struct create_options *options)
{
    const struct {
        const char *name;
        bool is_given;
    } foreign[] = {
        { "thin", options->thin },
        { "thick", options->thick },
        { "fill", options->fill },
        { "unmarked", options->unmarked },
        { "kdf-memory", options->kdf_memory != 0 },
        { "kdf-passes", options->kdf_passes != 0 },
        { "force", options->force },
        { "header-backup", options->header_backup != NULL },
    };

    for (size_t i = 0; i < sizeof(foreign) / sizeof(foreign[0]); i++) {
        if (foreign[i].is_given) {
            return ui_fail(EXIT_USAGE, NULL, "'--%s' is for outer volumes: '--hidden' excludes it",
                           foreign[i].name);
        }
    }
    if (options->recovery_key) {
        return ui_fail(EXIT_USAGE, "'coffer key add --recovery' with the hidden secret makes one afterwards",
                       "'--hidden' and '--recovery-key' exclude each other");
    }
    if (options->size == 0) {
        return ui_fail(EXIT_USAGE, "--size 1G makes a hidden volume of 1 GiB", "'--hidden' needs '--size'");
    }
    return EXIT_DONE;
}

static enum exit_status prepare(struct hidden *hidden)
{
    const struct create_options *options = hidden->options;

    enum exit_status status = check_options(options);
    status = status ? status : secrets_check(&options->secret, SECRET_OUTER);
    status = status ? status : secrets_check(&options->new_secret, SECRET_NEW_HIDDEN);
    status = status ? status : existing_look_at_ours(hidden->path, OPERATION_HIDE, NULL);
    status = status ? status : existing_check_unmounted(hidden->path, OPERATION_HIDE);
    if (status != EXIT_DONE) {
        return status;
    }
    hidden->size = options->size / GRANULE * GRANULE;
    hidden->has_filesystem = strcmp(options->fs, "none") != 0;
    hidden->filesystem = (struct filesystem_request){
        .type = strcmp(options->fs, "auto") == 0 ? "ext4" : options->fs,
        .label = options->label,
        .container_size = hidden->size + OVERHEAD,
        .sector_size = filesystem_sector_size(options->fs, options->sector_size),
    };
    return hidden->has_filesystem ? filesystem_check(&hidden->filesystem) : EXIT_DONE;
}

/* ---- the outer volume ----------------------------------------------------------------------------------- */

static enum exit_status check_outer(const struct hidden *hidden)
{
    const struct coffer_info *info = &hidden->outer_info;
    char text[SIZE_TEXT_MAX];

    if (info->hidden) {
        return ui_fail(EXIT_USAGE, "there can be one hidden volume; its own secret does not make another",
                       "'%s': this is the secret of the hidden volume, and the outer one's is needed",
                       hidden->path);
    }
    if (!info->filled || info->thin) {
        return ui_fail(EXIT_USAGE, "'coffer create' with --unmarked or --fill makes one that can",
                       "'%s' cannot hide a volume: it was not filled with noise when it was made", hidden->path);
    }
    if (hidden->size < RESERVE || hidden->size > info->data_size - RESERVE) {
        return ui_fail(EXIT_USAGE, NULL, "a hidden volume in '%s' can have 64 KiB to %s", hidden->path,
                       size_format_exact((info->data_size - RESERVE) / GRANULE * GRANULE, text));
    }
    return EXIT_DONE;
}

static bool read_outer(void *user, void *data, size_t size, uint64_t offset)
{
    return coffer_volume_pread(user, data, size, offset, NULL) == COFFER_OK;
}

/* What can be known about the files of the outer volume. */
static void advise(const struct hidden *hidden, struct coffer_volume *outer)
{
    const struct usage_source source = { read_outer, outer, hidden->outer_info.data_size };
    const char *name;
    char text[SIZE_TEXT_MAX];
    uint64_t end;

    if (!usage_find_end(&source, &end, &name)) {
        ui_warn("how far the files of the outer volume reach is not known here");
        return;
    }
    uint64_t unused = (hidden->outer_info.data_size - end) / GRANULE * GRANULE;
    if (unused >= hidden->size) {
        ui_notice("the outer volume's %s uses nothing in its last %s", name, size_format_exact(unused, text));
    } else {
        ui_warn("the outer volume's %s uses all but its last %s: the hidden volume would destroy files or tables "
                "of it",
                name, size_format_exact(unused, text));
    }
}

static enum exit_status look_at_outer(struct hidden *hidden)
{
    struct coffer_open_options how = COFFER_OPEN_OPTIONS_INIT;
    struct coffer_error error = COFFER_ERROR_INIT;
    struct coffer_volume *outer;

    enum exit_status status = secrets_read(&hidden->options->secret, SECRET_OUTER, hidden->path, &hidden->outer);
    if (status != EXIT_DONE) {
        return status;
    }
    how.read_only = true;
    how.kdf_level = (int)hidden->options->kdf_level;
    how.callbacks.notice = ui_library_notice;
    if (coffer_volume_open(hidden->path, hidden->outer, &how, &outer, &error) != COFFER_OK) {
        return ui_fail_library(OPERATION_OPEN, hidden->path, &error);
    }
    hidden->outer_info.size = sizeof(hidden->outer_info);
    status = coffer_volume_info(outer, &hidden->outer_info, &error) == COFFER_OK
                 ? check_outer(hidden)
                 : ui_fail_library(OPERATION_OPEN, hidden->path, &error);
    if (status == EXIT_DONE) {
        advise(hidden, outer);
    }
    coffer_volume_close(outer, NULL); /* nothing was written that could fail now */
    return status;
}

static enum exit_status confirm(const struct hidden *hidden)
{
    char text[SIZE_TEXT_MAX];

    ui_warn("the last %s of the outer volume in '%s' will be overwritten, and with them a hidden volume that is "
            "there already: nobody can see whether there is one",
            size_format_exact(hidden->size, text), hidden->path);
    return confirm_destruction(hidden->path, hidden->options->confirm, "overwritten at its end",
                               "overwrite the end of it");
}

/* ---- the work ------------------------------------------------------------------------------------------- */

static enum exit_status complete(const struct hidden *hidden, struct coffer_volume *volume,
                                 struct coffer_info *info)
{
    struct coffer_error error = COFFER_ERROR_INIT;

    if (hidden->has_filesystem) {
        progress_begin();
        enum exit_status status = filesystem_make(&hidden->filesystem, volume);
        progress_end();
        if (status != EXIT_DONE) {
            return status;
        }
    }
    if (coffer_volume_info(volume, info, &error) != COFFER_OK ||
        coffer_volume_flush(volume, &error) != COFFER_OK) {
        return ui_fail_library(OPERATION_HIDE, hidden->path, &error);
    }
    return EXIT_DONE;
}

static enum exit_status make(const struct hidden *hidden, struct coffer_info *info)
{
    struct coffer_create_options create = COFFER_CREATE_OPTIONS_INIT;
    struct coffer_error error = COFFER_ERROR_INIT;
    struct coffer_volume *volume;

    create.container_size = hidden->size;
    create.sector_size = hidden->filesystem.sector_size;
    create.slot_name = hidden->options->name;
    create.kdf_level = (int)hidden->options->kdf_level;
    create.withhold_time = hidden->outer_info.created == 0;
    create.callbacks.notice = ui_library_notice;
    if (coffer_volume_create_hidden(hidden->path, hidden->outer, hidden->secret, &create, &volume, &error) !=
        COFFER_OK) {
        return ui_fail_library(OPERATION_HIDE, hidden->path, &error);
    }
    enum exit_status status = complete(hidden, volume, info);
    if (status != EXIT_DONE) {
        ui_warn(
            "the hidden volume is there, but without a file system: 'coffer mount --block' shows it to a mkfs of "
            "your own");
    }
    if (coffer_volume_close(volume, &error) != COFFER_OK && status == EXIT_DONE) {
        return ui_fail_library(OPERATION_CLOSE, hidden->path, &error);
    }
    return status;
}

static void print_result(const struct hidden *hidden, const struct coffer_info *info)
{
    const char *filesystem = hidden->has_filesystem ? hidden->filesystem.type : NULL;
    char text[SIZE_TEXT_MAX];

    if (ui_is_json()) {
        struct json_object *document = json_document("create");
        json_add_path(document, "volume", hidden->path);
        json_add_bool(document, "hidden", true);
        json_add_number(document, "data_size", info->data_size);
        json_add_number(document, "sector_size", info->sector_size);
        json_add_text(document, "filesystem", filesystem);
        json_print(document);
    } else if (!ui_is_quiet()) {
        ui_print("'%s': %s, hidden, %s", hidden->path, size_format(info->data_size, text),
                 filesystem ? filesystem : "without a file system");
    }
    ui_notice("write to the outer volume with 'coffer mount --protect-hidden' only, from now on");
}

enum exit_status create_hidden(const struct create_options *options, const char *path)
{
    struct hidden hidden = { .options = options, .path = path };
    struct coffer_info info = { .size = sizeof(info) };

    enum exit_status status = prepare(&hidden);
    status = status ? status : look_at_outer(&hidden);
    status = status ? status : confirm(&hidden);
    status = status ? status : secrets_read(&options->new_secret, SECRET_NEW_HIDDEN, path, &hidden.secret);
    status = status ? status : make(&hidden, &info);
    coffer_credential_free(hidden.outer);
    coffer_credential_free(hidden.secret);
    if (status == EXIT_DONE) {
        print_result(&hidden, &info);
    }
    return status;
}
