/* SPDX-License-Identifier: ISC */
/*
 * command_mount.c - `coffer mount`: looks at the mount point and at the command line, then leaves the rest to the
 * server (server.h). Returns with the mount usable, or with the reason why not.
 */
#include <string.h>
#include <unistd.h>

#include "command.h"
#include "format_options.h"
#include "launch.h"
#include "mount_options.h"
#include "mount_point.h"
#include "owner.h"
#include "secrets.h"
#include "server.h"
#include "server_process.h"
#include "stale.h"
#include "udisks.h"
#include "ui.h"
#include "way.h"

struct mount_options {
    struct common_options common;
    struct secret_options secret;
    struct secret_options new_secret;
    bool block;
    const char *via;
    const char *options;
    const char *owner;
    bool read_only;
    bool protect_hidden;
    bool allow_other;
    bool foreground;
    struct format_options format;
    long kdf_level;
    bool remember;
};

static const struct option table[] = {
    OPTION_FLAG(struct mount_options, block, "block",
                "show the volume as one file, DIR/volume, or as a block device, not its files"),
    OPTION_CHOICE(struct mount_options, via, "via", "auto|fuse|loop|dm|udisks",
                  "who shows the files: this program, or the kernel, as root or by udisks2"),
    OPTION_TEXT(struct mount_options, options, "options", "LIST",
                "options for the mount, separated by commas: noexec, for one"),
    OPTION_FLAG(struct mount_options, read_only, "read-only", "change nothing, not even a damaged header"),
    OPTION_FLAG(struct mount_options, protect_hidden, "protect-hidden",
                "open the outer volume and refuse writes into the hidden one"),
    OPTION_FLAG(struct mount_options, allow_other, "allow-other", "let other users in, as far as the modes say"),
    OPTION_TEXT(struct mount_options, owner, "owner", "USER",
                "all files seem to belong to USER; 'keep': to whom the volume names"),
    OPTION_FLAG(struct mount_options, foreground, "foreground", "stay in the foreground until it is unmounted"),
    OPTION_NUMBER(struct mount_options, kdf_level, "kdf-level", "N", 0, 4,
                  "unmarked volumes: try only this cost of the key derivation"),
    OPTION_REMEMBER(struct mount_options),
    OPTIONS_FORMAT(struct mount_options),
    OPTIONS_SECRET(struct mount_options),
    OPTION_FLAG(struct mount_options, secret.askpass, "askpass",
                "the passphrase is asked for by systemd-ask-password, not here"),
    OPTIONS_NEW_SECRET(struct mount_options),
    OPTIONS_COMMON(struct mount_options),
    OPTIONS_END,
};

static const struct mount_options defaults = { .kdf_level = -1, .format = FORMAT_OPTIONS_INIT, .via = "auto" };

static enum exit_status check_secrets(const struct mount_options *options)
{
    if (!options->protect_hidden && secrets_given(&options->new_secret)) {
        return ui_fail(EXIT_USAGE, NULL, "a second secret is for '--protect-hidden'");
    }
    if (!options->protect_hidden) {
        /* Where none is given, it has to be asked for, but not for every volume: the server looks first. */
        return secrets_given(&options->secret) ? secrets_check(&options->secret, SECRET_PRESENT) : EXIT_DONE;
    }
    if (options->read_only) {
        return ui_fail(EXIT_USAGE, NULL, "'--read-only' writes nothing: there is nothing to protect");
    }
    enum exit_status status = secrets_check(&options->secret, SECRET_OUTER);
    return status ? status : secrets_check(&options->new_secret, SECRET_HIDDEN);
}

static bool is_by_kernel(const struct mount_options *options)
{
    return strcmp(options->via, "loop") == 0 || strcmp(options->via, "dm") == 0 ||
           strcmp(options->via, "udisks") == 0;
}

/* The volume as a block device. */
static bool is_device(const struct mount_options *options)
{
    return options->block && strcmp(options->via, "dm") == 0;
}

/* Whose options these are, as far as the command line tells. */
static const char *options_type(const struct mount_options *options)
{
    if (is_device(options)) {
        return MOUNT_OPTIONS_DEVICE;
    }
    return options->block || strcmp(options->via, "fuse") == 0 ? MOUNT_OPTIONS_FUSE : MOUNT_OPTIONS_ANY;
}

/* What no file system takes is refused before anybody is asked for a passphrase; the server knows which it is. */
static enum exit_status check_options(const struct mount_options *options)
{
    char word[64];

    if (options->owner && (strcmp(options->via, "loop") == 0 || strcmp(options->via, "udisks") == 0)) {
        return ui_fail(EXIT_USAGE, "FAT and NTFS take '--options uid=N,gid=N'",
                       "'--owner' does not go with '--via %s': the kernel shows owners as they are", options->via);
    }
    if (options->owner && options->block) {
        return ui_fail(EXIT_USAGE, NULL, "'--owner' is about files, '--block' shows none");
    }
    if (options->protect_hidden && options->remember) {
        return ui_fail(EXIT_USAGE, NULL,
                       "'--remember' does not go with '--protect-hidden': nothing may tell of it");
    }
    if (options->block && strcmp(options->via, "auto") != 0 && !is_device(options)) {
        return ui_fail(EXIT_USAGE, "'--via dm' makes a block device",
                       "'--via %s' is about files, '--block' shows none", options->via);
    }
    if (options->protect_hidden && is_by_kernel(options)) {
        return ui_fail(EXIT_USAGE, NULL,
                       "'--protect-hidden' does not go with '--via %s': the kernel would keep what is refused "
                       "in its cache",
                       options->via);
    }
    if (mount_options_check(options->options, options_type(options), sizeof(word), word)) {
        return EXIT_DONE;
    }
    if (strcmp(word, "ro") == 0 || strcmp(word, "rw") == 0) {
        return ui_fail(EXIT_USAGE, "there is '--read-only'", "'--options' does not take '%s'", word);
    }
    return ui_fail(EXIT_USAGE, NULL, "'--options' does not know '%s'", word);
}

static enum exit_status mount_at(const struct mount_options *options, const char *volume,
                                 struct mount_point *point)
{
    struct server_request request = {
        .volume = volume,
        .point = point,
        .secret = &options->secret,
        .hidden_secret = options->protect_hidden ? &options->new_secret : NULL,
        .format = &options->format,
        .kdf_level = (int)options->kdf_level,
        .remember = options->remember,
        .block = options->block,
        .via = options->via,
        .options = options->options,
        .read_only = options->read_only,
        .allow_other = options->allow_other,
    };

    enum exit_status status = owner_parse(options->owner, options->allow_other, &request.owner);
    return status ? status : launch_run(options->foreground, server_run, &request);
}

/* Without DIR it is udisks2 that chooses one; that it is there is known before anybody is asked for a passphrase. */
static enum exit_status check_place(struct mount_options *options, const char *volume, bool has_place)
{
    bool is_asked_for = strcmp(options->via, "udisks") == 0;
    struct coffer_error error = COFFER_ERROR_INIT;

    if (is_asked_for && geteuid() == 0) {
        return ui_fail(EXIT_USAGE, "for root there is --via loop", "'--via udisks' is for ordinary users");
    }
    if (is_device(options)) {
        return has_place ? ui_fail(EXIT_USAGE, "leave DIR out: the device is printed, and 'list' shows it",
                                   "'--via dm --block' takes no DIR: the volume becomes a block device")
                         : EXIT_DONE;
    }
    if (has_place) {
        return is_asked_for ? ui_fail(EXIT_USAGE, "leave DIR out: the directory is printed, and 'list' shows it",
                                      "'--via udisks' takes no DIR: udisks2 chooses the directory")
                            : EXIT_DONE;
    }
    if (options->block || geteuid() == 0 || (!is_asked_for && strcmp(options->via, "auto") != 0)) {
        return ui_fail(EXIT_USAGE, NULL, "'mount' needs VOLUME and DIR");
    }
    if (udisks_check(&error) == COFFER_OK) {
        options->via = "udisks";
        return check_options(options);
    }
    return is_asked_for ? way_fail_udisks(volume, &error)
                        : ui_fail(EXIT_USAGE, "DIR is an empty directory of your own, such as ~/Secret",
                                  "'mount' needs DIR: without it udisks2 chooses one, but %s", error.text);
}

static enum exit_status run(const void *values, const char *const *operands, size_t count)
{
    struct mount_options options = *(const struct mount_options *)values;
    struct mount_point point = MOUNT_POINT_NONE;

    server_process_note_inherited();
    enum exit_status status = check_secrets(&options);
    status = status ? status : check_options(&options);
    status = status ? status : check_place(&options, operands[0], count == 2);
    if (status != EXIT_DONE) {
        return status;
    }
    stale_clean_all();
    status = count == 2 ? mount_point_take(operands[1], &point) : EXIT_DONE;
    status = status ? status : mount_at(&options, operands[0], &point);
    mount_point_release(&point);
    return status;
}

const struct command command_mount = {
    .name = "mount",
    .summary = "opens a volume and shows it in a directory",
    .operands = "VOLUME [DIR]",
    .minimum = 1,
    .maximum = 2,
    .options = table,
    .defaults = &defaults,
    .options_size = sizeof(defaults),
    .without_library = true, /* the server starts it after the fork: locked memory does not survive one */
    .run = run,
};
