/* SPDX-License-Identifier: ISC */
/*
 * command_check.c - `coffer check`: what is right and wrong about the header of a volume, a finding a line. Damage is
 * a result, not a failure: it has an exit status of its own and no line with an error.
 */
#include <string.h>

#include "command.h"
#include "foreign.h"
#include "format_options.h"
#include "json.h"
#include "progress.h"
#include "secrets.h"
#include "ui.h"

struct check_options {
    struct common_options common;
    struct secret_options secret;
    struct format_options format;
    bool repair;
    bool unlock;
    long kdf_level;
};

static const struct option table[] = {
    OPTION_FLAG(struct check_options, repair, "repair",
                "make a damaged copy of the header anew from the good one"),
    OPTION_FLAG(struct check_options, unlock, "unlock", "ask for the passphrase and check the sealed part too"),
    OPTION_NUMBER(struct check_options, kdf_level, "kdf-level", "N", 0, 4,
                  "the level of an unmarked volume, where it is not one of those that are tried"),
    OPTIONS_FORMAT(struct check_options),
    OPTIONS_SECRET(struct check_options),
    OPTIONS_COMMON(struct check_options),
    OPTIONS_END,
};

static const struct check_options defaults = { .kdf_level = -1, .format = FORMAT_OPTIONS_INIT };

/* What has been found so far. */
struct findings {
    struct json_object *list; /* of --json; else NULL */
    bool is_repaired;
};

static const char *name_of(enum coffer_finding finding)
{
    switch (finding) {
    case COFFER_FINDING_GOOD:
        return "good";
    case COFFER_FINDING_NOTE:
        return "note";
    case COFFER_FINDING_DAMAGE:
        return "damage";
    case COFFER_FINDING_REPAIRED:
        return "repaired";
    }
    return "note";
}

/* A coffer_finding_fn. */
static void take(void *user, enum coffer_finding finding, const char *text)
{
    struct findings *findings = user;

    findings->is_repaired = findings->is_repaired || finding == COFFER_FINDING_REPAIRED;
    if (!findings->list) {
        ui_print("%-8s  %s", name_of(finding), text);
        return;
    }
    struct json_object *object = json_object_new_object();
    json_add_text(object, "finding", name_of(finding));
    json_add_text(object, "text", text);
    json_object_array_add(findings->list, object);
}

/* Whether anybody can see that no copy is whole. */
static bool are_both_damaged(const char *path)
{
    struct coffer_info info = { .size = sizeof(info) };
    enum coffer_status status = coffer_probe(path, &info, NULL);

    if (status == COFFER_DAMAGED || status == COFFER_UNSUPPORTED) {
        return true;
    }
    return status == COFFER_OK && info.marked && !(info.front_ok && info.front_slots_ok) &&
           !(info.tail_ok && info.tail_slots_ok);
}

/* Headers of others are theirs to repair. */
static void give_hint_to_others(const char *format)
{
    if (strcmp(format, "luks") == 0) {
        ui_hint("'cryptsetup repair' writes a LUKS2 header anew from the other one; a header backup ('cryptsetup "
                "luksHeaderBackup') brings back what both have lost");
    } else if (strcmp(format, "bitlocker") == 0) {
        ui_hint("one whole copy is enough to open it; 'repair-bde' of Windows knows how to write the others anew");
    } else if (strcmp(format, "filevault") == 0) {
        ui_hint("one whole copy of each is enough to open it; 'diskutil repairVolume' of a Mac knows how to "
                "repair more");
    } else if (strcmp(format, "qcow") == 0) {
        ui_hint("'qemu-img check' looks further, and with '-r all' it repairs what it can; keep a copy as it is");
    } else {
        ui_hint(
            "one good header is enough to open it, with --backup-header if it is the one at the end; VeraCrypt's "
            "'Restore Volume Header' writes the other anew");
    }
}

static void give_hint(const struct check_options *options, const char *path, const char *format)
{
    if (strcmp(format, "coffer") != 0) {
        give_hint_to_others(format);
    } else if (are_both_damaged(path)) {
        ui_hint("both copies are damaged: a header backup would bring them back ('coffer header restore')");
    } else if (options->repair) {
        ui_hint("every other secret brings its own slot back, with 'coffer check --repair' or when it opens the "
                "volume; what both copies have lost is in a header backup only");
    } else {
        ui_hint("with a secret that opens the volume, --repair brings back what one good copy allows");
    }
}

static enum exit_status print_result(const struct check_options *options, const char *path, bool unlocked,
                                     struct findings *findings, const struct coffer_check_result *result)
{
    if (findings->list) {
        struct json_object *document = json_document("check");
        json_add_path(document, "volume", path);
        json_add_text(document, "format", result->format);
        json_add_bool(document, "unlocked", unlocked);
        json_add_bool(document, "damaged", result->damaged);
        json_add_bool(document, "repaired", findings->is_repaired);
        json_add(document, "findings", json_object_get(findings->list));
        json_print(document);
    }
    if (!result->damaged) {
        return EXIT_DONE;
    }
    give_hint(options, path, result->format);
    return EXIT_FOUND_DAMAGE;
}

static enum exit_status check(const struct check_options *options, const char *path,
                              const struct coffer_credential *credential)
{
    struct coffer_open_options how = COFFER_OPEN_OPTIONS_INIT;
    struct coffer_error error = COFFER_ERROR_INIT;
    struct findings findings = { .list = ui_is_json() ? json_object_new_array() : NULL };
    struct coffer_check_result result;

    how.read_only = !options->repair;
    how.kdf_level = (int)options->kdf_level;
    format_options_apply(&options->format, &how);
    how.callbacks.notice = ui_library_notice;
    how.callbacks.progress = progress_report;
    progress_begin();
    enum coffer_status looked = coffer_check(path, credential, &how, take, &findings, &result, &error);
    progress_end();
    enum exit_status status = looked == COFFER_OK
                                  ? print_result(options, path, credential != NULL, &findings, &result)
                                  : ui_fail_library(OPERATION_CHECK, path, &error);
    json_object_put(findings.list);
    return status;
}

/* The format of a volume that is not ours, where that is said or can be seen; else NULL. */
static const char *find_foreign(const char *path, const char *type)
{
    struct coffer_info info = { .size = sizeof(info) };

    if (!type || strcmp(type, "auto") == 0) {
        type = coffer_probe(path, &info, NULL) == COFFER_OK ? info.format : "coffer";
    }
    return strcmp(type, "coffer") != 0 ? type : NULL;
}

static enum exit_status run(const void *values, const char *const *operands, size_t count)
{
    const struct check_options *options = values;
    struct coffer_credential *credential = NULL;
    const char *format;
    bool has_secret = options->repair || options->unlock || secrets_given(&options->secret);

    (void)count;
    if (options->kdf_level >= 0 && !has_secret) {
        return ui_fail(EXIT_USAGE, "add --unlock", "'--kdf-level' needs a secret");
    }
    if (format_options_given(&options->format) && !has_secret && !options->format.type) {
        return ui_fail(EXIT_USAGE, "add --unlock", "what a volume without a mark is, only a secret can tell");
    }
    if (options->repair && (format = find_foreign(operands[0], options->format.type)) != NULL) {
        return foreign_refuse(operands[0], OPERATION_CHECK, format);
    }
    if (has_secret) {
        const struct secret_options settled = format_options_settle_secret(&options->format, &options->secret);
        enum exit_status is_read = secrets_read(&settled, SECRET_PRESENT, operands[0], &credential);
        if (is_read != EXIT_DONE) {
            return is_read;
        }
    }
    enum exit_status status = check(options, operands[0], credential);
    coffer_credential_free(credential);
    return status;
}

const struct command command_check = {
    .name = "check",
    .summary = "says what is damaged in a volume's header, and repairs it",
    .operands = "VOLUME",
    .minimum = 1,
    .maximum = 1,
    .options = table,
    .defaults = &defaults,
    .options_size = sizeof(defaults),
    .run = run,
};
