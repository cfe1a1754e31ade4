/* SPDX-License-Identifier: ISC */
/* command_create.c - `coffer create`: its options (create.h). */
#include <string.h>

#include "command.h"
#include "create.h"
#include "filesystem.h"
#include "secrets.h"
#include "ui.h"

static const struct option table[] = {
    OPTION_SIZE(struct create_options, size, "size",
                "how large the file becomes; a device is used whole without it"),
    OPTION_CHOICE(struct create_options, format, "format", CREATE_FORMATS,
                  "luks2: a volume that cryptsetup and Linux's desktops open as well"),
    OPTION_CHOICE(struct create_options, fs, "fs", FILESYSTEM_CHOICES, "the file system inside (auto = ext4)"),
    OPTION_TEXT(struct create_options, label, "label", "TEXT", "a name that everybody can read, up to 64 bytes"),
    OPTION_TEXT(struct create_options, name, "name", "TEXT", "the name of the first key slot, up to 40 bytes"),
    OPTION_FLAG(struct create_options, recovery_key, "recovery-key", "make a recovery code, for paper, as well"),
    OPTION_FILE(struct create_options, header_backup, "header-backup", "FILE",
                "keep a backup of the header in FILE"),
    OPTION_FLAG(struct create_options, thin, "thin", "take space only when it is written to (files: the default)"),
    OPTION_FLAG(struct create_options, thick, "thick", "take all the space at once (devices: the default)"),
    OPTION_FLAG(struct create_options, fill, "fill", "write noise all over it first; implies --thick"),
    OPTION_FLAG(struct create_options, unmarked, "unmarked",
                "nothing shows that it is a volume; implies --thick and --fill"),
    OPTION_FLAG(struct create_options, hidden, "hidden",
                "make a hidden volume inside VOLUME, with a secret of its own"),
    OPTION_SIZE(struct create_options, kdf_memory, "kdf-memory", "memory that each guess costs (256M)"),
    OPTION_NUMBER(struct create_options, kdf_passes, "kdf-passes", "N", 1, 64, "passes over that memory (3)"),
    OPTION_NUMBER(struct create_options, kdf_level, "kdf-level", "N", 0, 4,
                  "the same for an unmarked volume: 0 = 8M/1, 1 = 64M/3, 2 = 256M/3, 3 = 1G/4, 4 = 4G/4 (2)"),
    OPTION_CHOICE(struct create_options, sector_size, "sector-size", "512|4096",
                  "bytes that are encrypted as one piece (4096)"),
    OPTION_FLAG(struct create_options, force, "force", "overwrite what is there"),
    OPTION_TEXT(struct create_options, confirm, "confirm", "NAME",
                "the last part of VOLUME, instead of typing it before something is overwritten"),
    OPTIONS_SECRET(struct create_options),
    OPTIONS_NEW_SECRET(struct create_options),
    OPTIONS_COMMON(struct create_options),
    OPTIONS_END,
};

static const struct create_options defaults = { .format = "coffer", .fs = "auto", .kdf_level = -1 };

static enum exit_status run(const void *values, const char *const *operands, size_t count)
{
    const struct create_options *options = values;

    (void)count;
    if (options->hidden && strcmp(options->format, "coffer") != 0) {
        return ui_fail(EXIT_USAGE, NULL, "only a volume of coffer's own format can have a hidden one in it");
    }
    if (options->hidden) {
        return create_hidden(options, operands[0]);
    }
    if (secrets_given(&options->new_secret)) {
        return ui_fail(EXIT_USAGE, "'--recovery-key' makes a second way in, 'coffer key add' any other",
                       "a second secret is for '--hidden'");
    }
    return create_volume(options, operands[0]);
}

const struct command command_create = {
    .name = "create",
    .summary = "makes a volume in a file or on a block device",
    .operands = "VOLUME",
    .minimum = 1,
    .maximum = 1,
    .options = table,
    .defaults = &defaults,
    .options_size = sizeof(defaults),
    .run = run,
};
