/* SPDX-License-Identifier: ISC */
/* format_options.h - what a user says about the format of a volume that is opened; member `format`, beside `secret`.
 * FORMAT_OPTIONS_INIT is what is not given. */
#ifndef FORMAT_OPTIONS_H
#define FORMAT_OPTIONS_H

#include "coffer.h"
#include "options.h"
#include "status.h"

struct format_options {
    const char *type; /* NULL or "auto": found out */
    const char *hash; /* NULL = any */
    long pim;         /* 0 = none */
    bool system;
    bool backup_header;
    const char *header; /* NULL = in the volume */
    long slot;          /* -1 = all */
    long salt_bits;     /* as the two below, as in struct coffer_open_options */
    long iterations;
    long offset;
};

#define FORMAT_OPTIONS_INIT                       \
    {                                             \
        .slot = -1, .salt_bits = -1, .offset = -1 \
    }

#define FORMAT_PIM_MAX 2147468
#define FORMAT_TYPES \
    "auto|coffer|luks|bitlocker|filevault|qcow|veracrypt|truecrypt|freeotfe|loop-aes|loop-aes-192|loop-aes-256"
#define FORMAT_HASHES_TCRYPT "sha512|sha256|whirlpool|blake2s|ripemd160|streebog|sha1|argon2id"
#define FORMAT_HASHES        FORMAT_HASHES_TCRYPT "|sha384|sha224|tiger|md5|md4"

/* clang-format off */
#define OPTIONS_FORMAT(options) \
    OPTION_CHOICE(options, format.type, "type", FORMAT_TYPES, "the format of the volume"), \
    OPTION_NUMBER(options, format.pim, "pim", "N", 1, FORMAT_PIM_MAX, "VeraCrypt: its personal iterations multiplier"), \
    OPTION_CHOICE(options, format.hash, "hash", FORMAT_HASHES, \
                  "VeraCrypt, TrueCrypt, FreeOTFE, loop-AES: the hash that was chosen"), \
    OPTION_FLAG(options, format.system, "system", "VeraCrypt and TrueCrypt: VOLUME is the disk of an encrypted system"), \
    OPTION_FLAG(options, format.backup_header, "backup-header", "VeraCrypt and TrueCrypt: use the backup headers at the end"), \
    OPTION_FILE(options, format.header, "header", "FILE", "LUKS, FreeOTFE: the header is in FILE, the data in VOLUME"), \
    OPTION_NUMBER(options, format.slot, "slot", "N", 0, 31, "LUKS, BitLocker, FileVault: try only this slot"), \
    OPTION_NUMBER(options, format.salt_bits, "salt-bits", "N", 0, 512, "FreeOTFE: the length of the salt, if not 256"), \
    OPTION_NUMBER(options, format.iterations, "iterations", "N", 1, INT32_MAX, "FreeOTFE: the key iterations, if not 2048"), \
    OPTION_NUMBER(options, format.offset, "offset", "BYTES", 0, INT64_MAX, "FreeOTFE: where in VOLUME it begins"), \
    OPTION_SIZE(options, secret.key_file_offset, "keyfile-offset", "how much of each key file to pass over"), \
    OPTION_SIZE(options, secret.key_file_size, "keyfile-size", "how much of each key file to read")

/* Only commands that open one volume have it; member `remember`, of type bool. */
#define OPTION_REMEMBER(options) \
    OPTION_FLAG(options, remember, "remember", "VeraCrypt and TrueCrypt: remember the hash, for the next time to be short")
/* clang-format on */

/* Whether any of them is given. */
bool format_options_given(const struct format_options *format);

/* What was given, with what the format says about it. */
struct secret_options format_options_settle_secret(const struct format_options *format,
                                                   const struct secret_options *given);

/* Where nothing tells whether the secret was the right one. */
void format_options_warn_unverified(const struct coffer_info *info);

void format_options_apply(const struct format_options *format, struct coffer_open_options *how);

#endif
