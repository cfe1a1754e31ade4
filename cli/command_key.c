/* SPDX-License-Identifier: ISC */
/*
 * command_key.c - `coffer key`: lists, adds, changes and removes key slots.
 *
 * Everything that can be refused is refused before a secret is asked for, and every secret is there before anything
 * is written. The library sees to it that at each moment either the old state opens or the new one.
 */
#include <string.h>

#include "command.h"
#include "confirm.h"
#include "existing.h"
#include "foreign.h"
#include "json.h"
#include "key_list.h"
#include "recovery.h"
#include "secrets.h"
#include "ui.h"

#define NO_SLOT (-1)

struct key_options {
    struct common_options common;
    struct secret_options secret;
    struct secret_options new_secret;
    const char *name;
    bool recovery;
    long slot;
    const char *confirm;
    long kdf_level;
};

static const struct option table[] = {
    OPTION_TEXT(struct key_options, name, "name", "TEXT", "add: the name of the slot, up to 40 bytes"),
    OPTION_FLAG(struct key_options, recovery, "recovery", "add: the new secret is a recovery code, for paper"),
    OPTION_NUMBER(struct key_options, slot, "slot", "N", 0, COFFER_SLOTS - 1, "remove: the number of the slot"),
    OPTION_TEXT(struct key_options, confirm, "confirm", "NAME",
                "remove: the last part of VOLUME, instead of typing it before the last slot goes"),
    OPTION_NUMBER(struct key_options, kdf_level, "kdf-level", "N", 0, 4,
                  "the level of an unmarked volume, where it is not one of those that are tried"),
    OPTIONS_SECRET(struct key_options),
    OPTIONS_NEW_SECRET(struct key_options),
    OPTIONS_COMMON(struct key_options),
    OPTIONS_END,
};

static const struct key_options defaults = { .slot = NO_SLOT, .kdf_level = -1 };

/* One run. */
struct work {
    const struct key_options *options;
    const char *volume;
    struct coffer_header *header;
    struct recovery recovery;
};

struct action {
    const char *name;
    bool is_read_only;
    bool takes_secret; /* a new one */
    enum exit_status (*run)(struct work *work);
};

/* ---- what was asked for --------------------------------------------------------------------------------- */

/* The first option that only other actions take; `owners` says which. */
static const char *find_foreign(const struct action *action, const struct key_options *options,
                                const char **owners)
{
    const struct secret_options *secret = &options->new_secret;
    bool adds = strcmp(action->name, "add") == 0;
    bool removes = strcmp(action->name, "remove") == 0;

    *owners = "'key add'";
    if (!adds && (options->name || options->recovery)) {
        return options->name ? "name" : "recovery";
    }
    *owners = "'key remove'";
    if (!removes && (options->slot != NO_SLOT || options->confirm)) {
        return options->confirm ? "confirm" : "slot";
    }
    *owners = "'key add' and 'key change'";
    if (action->takes_secret || !secrets_given(secret)) {
        return NULL;
    }
    if (secret->passphrase_file || secret->passphrase_fd != 0) {
        return secret->passphrase_file ? "new-passphrase-file" : "new-passphrase-fd";
    }
    return secret->raw_key_file ? "new-raw-key-file" : "new-key-file";
}

static enum exit_status check(const struct action *action, const struct key_options *options)
{
    const char *owners;
    const char *foreign = find_foreign(action, options, &owners);

    if (foreign) {
        return ui_fail(EXIT_USAGE, NULL, "'--%s' is for %s", foreign, owners);
    }
    if (options->recovery && secrets_given(&options->new_secret)) {
        return ui_fail(EXIT_USAGE, NULL, "a recovery code is made for you: '--recovery' takes no new secret");
    }
    if (strcmp(action->name, "remove") == 0 && options->slot == NO_SLOT) {
        return ui_fail(EXIT_USAGE, "'coffer key list' shows the slots and their names",
                       "'key remove' needs '--slot'");
    }
    enum exit_status status = secrets_check(&options->secret, SECRET_PRESENT);
    if (status == EXIT_DONE && action->takes_secret && !options->recovery) {
        status = secrets_check(&options->new_secret, SECRET_ADDED);
    }
    return status;
}

/* ---- the result ----------------------------------------------------------------------------------------- */

static void print_result(struct work *work, const char *action, unsigned slot, const char *outcome)
{
    if (ui_is_json()) {
        struct json_object *document = json_document("key");
        json_add_text(document, "action", action);
        json_add_path(document, "volume", work->volume);
        json_add_number(document, "slot", slot);
        recovery_print_json(&work->recovery, document);
        return;
    }
    recovery_print(&work->recovery);
    if (!ui_is_quiet()) {
        ui_print("'%s': key slot %u %s", work->volume, slot, outcome);
    }
}

static void warn_about_copies(void)
{
    ui_notice("whoever had that secret and has an old copy of the volume or of its header can still read it");
}

static enum exit_status fail(const struct work *work, const struct coffer_error *error)
{
    return ui_fail_library(OPERATION_KEYS, work->volume, error);
}

/* ---- actions -------------------------------------------------------------------------------------------- */

static enum exit_status list(struct work *work)
{
    struct coffer_key keys[COFFER_SLOTS];

    coffer_header_keys(work->header, keys);
    if (ui_is_json()) {
        key_list_print_json(work->volume, keys);
    } else {
        key_list_print(keys);
    }
    return EXIT_DONE;
}

static enum exit_status put(struct work *work, const struct coffer_credential *secret)
{
    struct coffer_error error = COFFER_ERROR_INIT;
    unsigned slot;

    if (coffer_header_add_key(work->header, secret, work->options->name, &slot, &error) != COFFER_OK) {
        return fail(work, &error);
    }
    print_result(work, "add", slot, "holds the new secret");
    return EXIT_DONE;
}

static enum exit_status add(struct work *work)
{
    struct coffer_credential *secret;

    if (work->options->recovery) {
        enum exit_status status = recovery_begin(work->volume, &work->recovery);
        status = status ? status : put(work, work->recovery.credential);
        recovery_end(&work->recovery);
        return status;
    }
    enum exit_status status = secrets_read(&work->options->new_secret, SECRET_ADDED, work->volume, &secret);
    if (status != EXIT_DONE) {
        return status;
    }
    status = put(work, secret);
    coffer_credential_free(secret);
    return status;
}

static enum exit_status change(struct work *work)
{
    struct coffer_error error = COFFER_ERROR_INIT;
    struct coffer_credential *secret;
    unsigned slot;

    enum exit_status status = secrets_read(&work->options->new_secret, SECRET_ADDED, work->volume, &secret);
    if (status != EXIT_DONE) {
        return status;
    }
    enum coffer_status changed = coffer_header_change_key(work->header, secret, &slot, &error);
    coffer_credential_free(secret);
    if (changed != COFFER_OK) {
        return fail(work, &error);
    }
    print_result(work, "change", slot, "holds the new secret");
    warn_about_copies();
    return EXIT_DONE;
}

static bool is_last(const struct work *work)
{
    struct coffer_key keys[COFFER_SLOTS];

    coffer_header_keys(work->header, keys);
    for (long slot = 0; slot < COFFER_SLOTS; slot++) {
        if (keys[slot].kind != COFFER_KEY_EMPTY && slot != work->options->slot) {
            return false;
        }
    }
    return keys[work->options->slot].kind != COFFER_KEY_EMPTY;
}

static enum exit_status empty(struct work *work)
{
    struct coffer_error error = COFFER_ERROR_INIT;
    const char *confirm = work->options->confirm;
    unsigned slot = (unsigned)work->options->slot;
    bool last = is_last(work);

    if (last) {
        ui_warn("it is the last key slot: nothing opens the volume afterwards, but a backup of its header");
    }
    if (last || confirm) {
        enum exit_status status =
            confirm_destruction(work->volume, confirm, "lost for ever", "lose all that is in it");
        if (status != EXIT_DONE) {
            return status;
        }
    }
    if (coffer_header_remove_key(work->header, slot, last || confirm, &error) != COFFER_OK) {
        return fail(work, &error);
    }
    print_result(work, "remove", slot, "is empty now");
    warn_about_copies();
    return EXIT_DONE;
}

static const struct action actions[] = {
    { .name = "list", .is_read_only = true, .run = list },
    { .name = "add", .takes_secret = true, .run = add },
    { .name = "change", .takes_secret = true, .run = change },
    { .name = "remove", .run = empty },
    { .name = NULL },
};

/* ---- the command ---------------------------------------------------------------------------------------- */

static enum exit_status open_header(const struct action *action, struct work *work)
{
    struct coffer_open_options how = COFFER_OPEN_OPTIONS_INIT;
    struct coffer_error error = COFFER_ERROR_INIT;
    struct coffer_credential *credential;

    enum exit_status status = existing_look_at_ours(work->volume, OPERATION_KEYS, NULL);
    status = status ? status : secrets_read(&work->options->secret, SECRET_PRESENT, work->volume, &credential);
    if (status != EXIT_DONE) {
        return status;
    }
    how.read_only = action->is_read_only;
    how.kdf_level = (int)work->options->kdf_level;
    how.callbacks.notice = ui_library_notice;
    enum coffer_status opened = coffer_header_open(work->volume, credential, &how, &work->header, &error);
    enum exit_status result = opened == COFFER_OK ? EXIT_DONE
                                                  : foreign_fail(work->volume, OPERATION_KEYS, credential,
                                                                 work->options->kdf_level, &error);
    coffer_credential_free(credential);
    return result;
}

static enum exit_status run(const void *values, const char *const *operands, size_t count)
{
    struct work work = { .options = values, .volume = operands[1] };
    const struct action *action = actions;

    (void)count;
    while (action->name && strcmp(action->name, operands[0]) != 0) {
        action++;
    }
    if (!action->name) {
        return command_fail_unknown_action(&command_key, operands[0]);
    }
    enum exit_status status = check(action, work.options);
    status = status ? status : open_header(action, &work);
    if (status == EXIT_DONE) {
        status = action->run(&work);
        coffer_header_close(work.header);
    }
    return status;
}

const struct command command_key = {
    .name = "key",
    .summary = "shows or changes the key slots of a volume",
    .operands = "list|add|change|remove VOLUME",
    .minimum = 2,
    .maximum = 2,
    .options = table,
    .defaults = &defaults,
    .options_size = sizeof(defaults),
    .run = run,
};
