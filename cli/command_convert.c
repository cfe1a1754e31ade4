/* SPDX-License-Identifier: ISC */
/* command_convert.c - `coffer convert`: its options (convert.h). */
#include "command.h"
#include "convert.h"
#include "create_cost.h"
#include "ui.h"

static const struct option table[] = {
    OPTION_CHOICE(struct convert_options, new_format, "format", CREATE_FORMATS, "the format of DST"),
    OPTION_TEXT(struct convert_options, label, "label", "TEXT", "a name that everybody can read, up to 64 bytes"),
    OPTION_TEXT(struct convert_options, name, "name", "TEXT", "the name of the first key slot, up to 40 bytes"),
    OPTION_FLAG(struct convert_options, thick, "thick", "take all the space at once (devices: the default)"),
    OPTION_FLAG(struct convert_options, fill, "fill", "write noise all over it first; implies --thick"),
    OPTION_FLAG(struct convert_options, unmarked, "unmarked",
                "nothing shows that DST is a volume; implies --thick and --fill"),
    OPTION_SIZE(struct convert_options, kdf_memory, "kdf-memory", "memory that each guess at DST costs (256M)"),
    OPTION_NUMBER(struct convert_options, kdf_passes, "kdf-passes", "N", 1, 64, "passes over that memory (3)"),
    OPTION_NUMBER(struct convert_options, new_kdf_level, "new-kdf-level", "N", 0, 4,
                  "the same for an unmarked DST: 0 = 8M/1, 1 = 64M/3, 2 = 256M/3, 3 = 1G/4, 4 = 4G/4 (2)"),
    OPTION_CHOICE(struct convert_options, sector_size, "sector-size", "512|4096",
                  "bytes that are encrypted as one piece (as in SRC)"),
    OPTION_FLAG(struct convert_options, force, "force", "overwrite what DST is, and start from the beginning"),
    OPTION_TEXT(struct convert_options, confirm, "confirm", "NAME",
                "the last part of DST, or of the volume to adopt, instead of typing it before it is overwritten"),
    OPTION_FLAG(struct convert_options, adopt, "adopt",
                "no copy: an AES volume of VeraCrypt becomes ours where it is, by its headers alone"),
    OPTION_FILE(struct convert_options, header_backup, "header-backup", "FILE",
                "--adopt: where its old headers are kept first"),
    OPTION_NUMBER(struct convert_options, kdf_level, "kdf-level", "N", 0, 4,
                  "the level of an unmarked SRC, where it is not one of those that are tried"),
    OPTIONS_FORMAT(struct convert_options),
    OPTIONS_SECRET(struct convert_options),
    OPTIONS_NEW_SECRET(struct convert_options),
    OPTIONS_COMMON(struct convert_options),
    OPTIONS_END,
};

static const struct convert_options defaults = {
    .new_format = "coffer", .kdf_level = -1, .new_kdf_level = -1, .format = FORMAT_OPTIONS_INIT
};

static enum exit_status run(const void *values, const char *const *operands, size_t count)
{
    const struct convert_options *options = values;

    if (options->adopt) {
        return count == 1 ? convert_adopt(options, operands[0])
                          : ui_fail(EXIT_USAGE, NULL, "'--adopt' takes one volume, which stays where it is");
    }
    if (options->header_backup) {
        return ui_fail(EXIT_USAGE, NULL, "'--header-backup' is for '--adopt'");
    }
    return count == 2 ? convert_copy(options, operands[0], operands[1])
                      : ui_fail(EXIT_USAGE, "coffer convert SRC DST, or coffer convert --adopt VOLUME",
                                "'convert' needs a place for the new volume");
}

const struct command command_convert = {
    .name = "convert",
    .summary = "copies a volume of any known format into a new one",
    .operands = "SRC [DST]",
    .minimum = 1,
    .maximum = 2,
    .options = table,
    .defaults = &defaults,
    .options_size = sizeof(defaults),
    .run = run,
};
