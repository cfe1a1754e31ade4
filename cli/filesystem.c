/* SPDX-License-Identifier: ISC */
/*
 * filesystem.c - the file system that `create --fs` makes (filesystem.h): everything that can be missing is looked
 * for before anything is created; then mkfs works on the block file, and what it left is looked at through the
 * volume itself, not through the kernel's memory of it.
 */
#include "filesystem.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "filesystem_kind.h"
#include "private_mount.h"
#include "program.h"
#include "progress.h"
#include "scope.h"
#include "size.h"
#include "stale.h"
#include "ui.h"

/* What a volume takes for itself: the first MiB and the last 128 KiB. */
#define OVERHEAD  (UINT64_C(1152) << 10)
#define SHOWN_MAX 8 /* lines of a program that failed */
#define MAGIC_MAX 16

/* ---- Before anything is created ---- */

uint32_t filesystem_sector_size(const char *type, const char *given)
{
    if (given) {
        return (uint32_t)strtoul(given, NULL, 10);
    }
    return strcmp(type, "exfat") == 0 ? 512 : 4096;
}

static enum exit_status check_size(const struct filesystem_kind *kind, const struct filesystem_request *request)
{
    char text[SIZE_TEXT_MAX];

    if (request->container_size < kind->minimum + OVERHEAD) {
        uint64_t needed = (kind->minimum + OVERHEAD + (UINT64_C(1) << 20) - 1) >> 20 << 20;
        return ui_fail(EXIT_USAGE, "choose a larger --size or another --fs", "%s needs a volume of at least %s",
                       kind->name, size_format(needed, text));
    }
    if (kind->maximum_sectors && request->container_size / request->sector_size > kind->maximum_sectors) {
        return ui_fail(EXIT_USAGE, "choose a smaller --size or another --fs",
                       "%s cannot be larger than %s with sectors of %u bytes", kind->name,
                       size_format(kind->maximum_sectors * request->sector_size, text),
                       (unsigned)request->sector_size);
    }
    return EXIT_DONE;
}

static void warn_about_access(const struct filesystem_kind *kind)
{
    if (geteuid() != 0 && kind->access == FILESYSTEM_FOR_ROOT) {
        ui_warn("only root, or udisks in a desktop session, will be able to mount the files of a %s volume",
                kind->name);
    }
}

static void notice_label(const struct filesystem_kind *kind, const struct filesystem_request *request)
{
    char adapted[FILESYSTEM_LABEL_MAX];

    if (request->label && !filesystem_kind_adapt_label(kind, request->label, adapted)) {
        ui_notice("%s cannot take '%s' as its label: only the volume gets it", kind->name, request->label);
    }
}

enum exit_status filesystem_check(const struct filesystem_request *request)
{
    const struct filesystem_kind *kind = filesystem_kind_find(request->type);
    char program[PROGRAM_PATH_MAX];

    if (!kind) {
        return ui_fail(EXIT_USAGE, NULL, "unknown file system '%s'", request->type);
    }
    if (!program_find(kind->program, program)) {
        char hint[128];
        snprintf(hint, sizeof(hint), "install the package %s, or make the volume with --fs none", kind->package);
        return ui_fail(EXIT_NOT_PERMITTED, hint, "%s is missing: it makes %s", kind->program, kind->name);
    }
    enum exit_status status = check_size(kind, request);
    status = status ? status : private_mount_check();
    if (status == EXIT_DONE) {
        warn_about_access(kind);
        notice_label(kind, request);
    }
    return status;
}

/* ---- Making it ---- */

/* The end of what a program wrote, a line a time. */
void filesystem_show_output(const char *program, struct program_result *result)
{
    char *output = result->output;
    char *lines[SHOWN_MAX];
    size_t count = 0;

    for (char *line = strtok(output, "\n"); line; line = strtok(NULL, "\n")) {
        if (count == SHOWN_MAX) {
            memmove(lines, lines + 1, (SHOWN_MAX - 1) * sizeof(lines[0]));
            count--;
        }
        lines[count++] = line;
    }
    for (size_t i = 0; i < count; i++) {
        ui_warn("%s: %s", program, lines[i]);
    }
}

static enum exit_status explain_failure_of(const struct filesystem_kind *kind, struct program_result *result)
{
    if (progress_is_stopped()) {
        return ui_fail(EXIT_INTERRUPTED, "nothing was created; start again when it suits you",
                       "cannot make %s: stopped", kind->name);
    }
    if (result->error) {
        return ui_fail(EXIT_OTHER, NULL, "cannot run %s: %s", kind->program, explain_errno(result->error));
    }
    filesystem_show_output(kind->program, result);
    if (result->status > 128) {
        return ui_fail(EXIT_OTHER, NULL, "cannot make %s: %s was ended by signal %d", kind->name, kind->program,
                       result->status - 128);
    }
    return ui_fail(EXIT_OTHER, NULL, "cannot make %s: %s failed with status %d", kind->name, kind->program,
                   result->status);
}

static enum exit_status run_mkfs(const struct filesystem_kind *kind, const struct filesystem_request *request,
                                 const char *path, bool reads_as_zeros)
{
    char program[PROGRAM_PATH_MAX];
    char label[FILESYSTEM_LABEL_MAX];
    struct filesystem_command command;
    struct program_result result;

    if (!program_find(kind->program, program)) {
        return ui_fail(EXIT_NOT_PERMITTED, NULL, "%s has disappeared", kind->program);
    }
    bool has_label = request->label && filesystem_kind_adapt_label(kind, request->label, label);
    const struct filesystem_wish wish = {
        .program = program,
        .path = path,
        .label = has_label ? label : NULL,
        .sector_size = request->sector_size,
        .reads_as_zeros = reads_as_zeros,
        .uid = getuid(),
        .gid = getgid(),
    };
    filesystem_kind_build(kind, &wish, &command);
    ui_detail("making %s with %s", kind->name, program);
    return program_run(command.arguments, progress_is_stopped, &result) ? EXIT_DONE
                                                                        : explain_failure_of(kind, &result);
}

static enum exit_status verify(const struct filesystem_kind *kind, struct coffer_volume *volume)
{
    struct coffer_error error = COFFER_ERROR_INIT;
    char found[MAGIC_MAX] = "";

    if (coffer_volume_flush(volume, &error) != COFFER_OK ||
        coffer_volume_pread(volume, found, kind->magic_size, kind->magic_offset, &error) != COFFER_OK) {
        return ui_fail(EXIT_OTHER, NULL, "cannot make %s: %s", kind->name, error.text);
    }
    if (memcmp(found, kind->magic, kind->magic_size) != 0) {
        return ui_fail(EXIT_OTHER, NULL, "cannot make %s: %s reported success, but none is there", kind->name,
                       kind->program);
    }
    return EXIT_DONE;
}

enum exit_status filesystem_make(const struct filesystem_request *request, struct coffer_volume *volume)
{
    const struct filesystem_kind *kind = filesystem_kind_find(request->type);
    struct coffer_info info = { .size = sizeof(info) };
    struct coffer_error error = COFFER_ERROR_INIT;
    struct private_mount mount;

    if (coffer_volume_info(volume, &info, &error) != COFFER_OK) {
        return ui_fail_library(OPERATION_CREATE, NULL, &error);
    }
    stale_clean_all();
    enum exit_status status = private_mount_begin(volume, PRIVATE_FOR_PROGRAMS, &mount);
    if (status != EXIT_DONE) {
        return status;
    }
    status = run_mkfs(kind, request, mount.path, info.thin);
    enum exit_status ended = private_mount_end(&mount);
    status = status ? status : ended;
    return status ? status : verify(kind, volume);
}
