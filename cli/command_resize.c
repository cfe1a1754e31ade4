/* SPDX-License-Identifier: ISC */
/*
 * command_resize.c - `coffer resize`: makes a container larger, and the file system in it.
 *
 * Three steps, each with the volume opened anew: look and check, with nothing changed; the container; the file
 * system. What fails in the last one leaves a larger volume that is good, and the same command goes on.
 */
#include <string.h>

#include "command.h"
#include "existing.h"
#include "filesystem_grow.h"
#include "json.h"
#include "progress.h"
#include "secrets.h"
#include "size.h"
#include "ui.h"

#define GRANULE 4096
#define TAIL    (UINT64_C(128) << 10) /* behind the data area; also the least that a volume grows by */

struct resize_options {
    struct common_options common;
    struct secret_options secret;
    bool container_only;
    long kdf_level;
};

static const struct option table[] = {
    OPTION_FLAG(struct resize_options, container_only, "container-only", "leave the file system as it is"),
    OPTION_NUMBER(struct resize_options, kdf_level, "kdf-level", "N", 0, 4,
                  "the level of an unmarked volume, where it is not one of those that are tried"),
    OPTIONS_SECRET(struct resize_options),
    OPTIONS_COMMON(struct resize_options),
    OPTIONS_END,
};

static const struct resize_options defaults = { .kdf_level = -1 };

struct work {
    const struct resize_options *options;
    const char *path;
    const char *wish; /* "10G", "+10G"; NULL = as large as its file or device */
    struct coffer_credential *credential;
    uint64_t present, wanted; /* bytes of the container */
    uint64_t data_size;       /* of the container that is wanted */
    struct filesystem_content content;
};

static enum exit_status open_volume(const struct work *work, struct coffer_volume **volume,
                                    struct coffer_info *info)
{
    struct coffer_open_options how = COFFER_OPEN_OPTIONS_INIT;
    struct coffer_error error = COFFER_ERROR_INIT;

    how.kdf_level = (int)work->options->kdf_level;
    how.callbacks.notice = ui_library_notice;
    info->size = sizeof(*info);
    if (coffer_volume_open(work->path, work->credential, &how, volume, &error) != COFFER_OK) {
        return ui_fail_library(OPERATION_OPEN, work->path, &error);
    }
    if (coffer_volume_info(*volume, info, &error) != COFFER_OK) {
        coffer_volume_close(*volume, NULL);
        return ui_fail_library(OPERATION_OPEN, work->path, &error);
    }
    return EXIT_DONE;
}

static enum exit_status close_volume(const struct work *work, struct coffer_volume *volume,
                                     enum exit_status status)
{
    struct coffer_error error = COFFER_ERROR_INIT;

    if (coffer_volume_close(volume, &error) != COFFER_OK && status == EXIT_DONE) {
        return ui_fail_library(OPERATION_CLOSE, work->path, &error);
    }
    return status;
}

/* ---- what is wanted ------------------------------------------------------------------------------------- */

static enum exit_status parse_wish(const char *wish, uint64_t *bytes)
{
    if (size_parse(wish + (*wish == '+'), bytes) && *bytes > 0) {
        return EXIT_DONE;
    }
    return ui_fail(EXIT_USAGE,
                   "write 10G or 10GiB (10 * 2^30), 10GB (10^10), a number of bytes, or +10G for so much more",
                   "'%s' is not a size", wish);
}

static enum exit_status settle_size(struct work *work, const struct coffer_info *info)
{
    uint64_t whole = info->backing_size / GRANULE * GRANULE;
    char text[SIZE_TEXT_MAX];

    work->present = info->data_offset + info->data_size + TAIL;
    work->wanted = whole;
    if (work->wish) {
        enum exit_status status = parse_wish(work->wish, &work->wanted);
        if (status != EXIT_DONE) {
            return status;
        }
        if (*work->wish == '+' && __builtin_add_overflow(work->wanted, work->present, &work->wanted)) {
            return ui_fail(EXIT_USAGE, NULL, "'%s' is too much", work->wish);
        }
        work->wanted = work->wanted / GRANULE * GRANULE;
    }
    if (work->wanted < work->present) {
        return ui_fail(EXIT_USAGE, NULL, "cannot resize '%s': it has %s, and a volume cannot be made smaller",
                       work->path, size_format(work->present, text));
    }
    if (info->is_device && work->wanted != whole) {
        return ui_fail(EXIT_USAGE, "leave SIZE out",
                       "cannot resize '%s': on a device a volume can only have all of it", work->path);
    }
    if (work->wanted != work->present && work->wanted - work->present < TAIL && !work->wish) {
        work->wanted = work->present; /* what is left over at the end of a device */
    } else if (work->wanted != work->present && work->wanted - work->present < TAIL) {
        return ui_fail(EXIT_USAGE, NULL, "cannot resize '%s': a volume grows by at least 128 KiB", work->path);
    }
    work->data_size = work->wanted - TAIL - info->data_offset;
    ui_notice("the volume will have %s", size_format_exact(work->wanted, text));
    return EXIT_DONE;
}

/* ---- the steps ------------------------------------------------------------------------------------------ */

static enum exit_status look(struct work *work)
{
    struct coffer_info info;
    struct coffer_volume *volume;

    enum exit_status status = open_volume(work, &volume, &info);
    if (status != EXIT_DONE) {
        return status;
    }
    if (info.hidden) {
        status = ui_fail(EXIT_USAGE, NULL, "cannot resize '%s': a hidden volume cannot grow", work->path);
    }
    status = status ? status : settle_size(work, &info);
    if (status == EXIT_DONE && !work->options->container_only) {
        status = filesystem_grow_prepare(volume, work->path, work->data_size, &work->content);
    }
    return close_volume(work, volume, status);
}

static enum exit_status grow_container(const struct work *work)
{
    struct coffer_open_options how = COFFER_OPEN_OPTIONS_INIT;
    struct coffer_error error = COFFER_ERROR_INIT;

    if (work->wanted == work->present) {
        return EXIT_DONE;
    }
    how.kdf_level = (int)work->options->kdf_level;
    how.callbacks.notice = ui_library_notice;
    how.callbacks.progress = progress_report;
    return coffer_volume_grow(work->path, work->credential, &how, work->wanted, &error) == COFFER_OK
               ? EXIT_DONE
               : ui_fail_library(OPERATION_RESIZE, work->path, &error);
}

static enum exit_status grow_filesystem(const struct work *work)
{
    struct coffer_info info;
    struct coffer_volume *volume;

    if (!work->content.can_grow) {
        return EXIT_DONE;
    }
    enum exit_status status = open_volume(work, &volume, &info);
    if (status == EXIT_DONE) {
        status = close_volume(work, volume, filesystem_grow(volume, work->path, &work->content));
    }
    if (status != EXIT_DONE) {
        ui_warn(
            "the volume has grown and is good, only the file system in it has not: 'coffer resize' without SIZE "
            "goes on");
    }
    return status;
}

static enum exit_status resize(struct work *work)
{
    progress_begin();
    enum exit_status status = look(work);
    if (status == EXIT_DONE && progress_is_stopped()) {
        status =
            ui_fail(EXIT_INTERRUPTED, NULL, "cannot resize '%s': stopped; it is as large as it was", work->path);
    }
    status = status ? status : grow_container(work);
    status = status ? status : grow_filesystem(work);
    progress_end();
    return status;
}

/* ---- the command ---------------------------------------------------------------------------------------- */

static void print_result(const struct work *work)
{
    const struct filesystem_content *content = &work->content;
    char text[SIZE_TEXT_MAX];

    if (ui_is_json()) {
        struct json_object *document = json_document("resize");
        json_add_path(document, "volume", work->path);
        json_add_number(document, "container_size", work->wanted);
        json_add_number(document, "data_size", work->data_size);
        json_add_text(document, "filesystem", content->type[0] ? content->type : NULL);
        json_add_bool(document, "filesystem_grown", content->can_grow);
        json_print(document);
    } else if (!ui_is_quiet()) {
        ui_print("'%s': %s, %s%s", work->path, size_format(work->wanted, text),
                 content->can_grow ? "with its " : "what is in it as it was",
                 content->can_grow ? content->type : "");
    }
}

static enum exit_status check(const struct work *work)
{
    uint64_t bytes;

    enum exit_status status = work->wish ? parse_wish(work->wish, &bytes) : EXIT_DONE;
    status = status ? status : secrets_check(&work->options->secret, SECRET_PRESENT);
    status = status ? status : existing_look_at_ours(work->path, OPERATION_RESIZE, NULL);
    return status ? status : existing_check_unmounted(work->path, OPERATION_RESIZE);
}

static enum exit_status run(const void *values, const char *const *operands, size_t count)
{
    struct work work = { .options = values, .path = operands[0], .wish = count > 1 ? operands[1] : NULL };

    enum exit_status status = check(&work);
    status = status ? status : secrets_read(&work.options->secret, SECRET_PRESENT, work.path, &work.credential);
    if (status != EXIT_DONE) {
        return status;
    }
    status = resize(&work);
    coffer_credential_free(work.credential);
    if (status == EXIT_DONE) {
        print_result(&work);
    }
    return status;
}

const struct command command_resize = {
    .name = "resize",
    .summary = "makes a volume larger, and the file system in it",
    .operands = "VOLUME [SIZE]",
    .minimum = 1,
    .maximum = 2,
    .options = table,
    .defaults = &defaults,
    .options_size = sizeof(defaults),
    .run = run,
};
