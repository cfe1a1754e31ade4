/* SPDX-License-Identifier: ISC */
/* format_options.h - what a user says about the format of a volume that is opened; member `format`. */
#ifndef FORMAT_OPTIONS_H
#define FORMAT_OPTIONS_H

#include "coffer.h"
#include "options.h"

struct format_options {
    const char *type; /* NULL or "auto": found out */
    const char *hash; /* NULL = any */
    long pim;         /* 0 = none */
    bool system;
    bool backup_header;
};

#define FORMAT_PIM_MAX 2147468

/* clang-format off */
#define OPTIONS_FORMAT(options) \
    OPTION_CHOICE(options, format.type, "type", "auto|coffer|veracrypt|truecrypt", "the format of the volume"), \
    OPTION_NUMBER(options, format.pim, "pim", "N", 1, FORMAT_PIM_MAX, "VeraCrypt: its personal iterations multiplier"), \
    OPTION_CHOICE(options, format.hash, "hash", \
                  "sha512|sha256|whirlpool|blake2s|ripemd160|streebog|sha1|argon2id", \
                  "VeraCrypt and TrueCrypt: the hash, for others not to be tried"), \
    OPTION_FLAG(options, format.system, "system", "VeraCrypt and TrueCrypt: VOLUME is the disk of an encrypted system"), \
    OPTION_FLAG(options, format.backup_header, "backup-header", "VeraCrypt and TrueCrypt: use the backup headers at the end")
/* clang-format on */

/* Whether any of them is given. */
bool format_options_given(const struct format_options *format);

void format_options_apply(const struct format_options *format, struct coffer_open_options *how);

#endif
