/* SPDX-License-Identifier: ISC */
/* foreign.c - who writes the headers that coffer does not. */
#include "foreign.h"

#include <string.h>

#include "ui.h"

bool foreign_is_tcrypt(const char *format)
{
    return strcmp(format, "veracrypt") == 0 || strcmp(format, "truecrypt") == 0;
}

static const char *hint_luks(enum operation operation)
{
    switch (operation) {
    case OPERATION_KEYS:
        return "'cryptsetup luksAddKey', 'luksChangeKey', 'luksKillSlot' and 'luksDump' do that; 'coffer info' "
               "shows "
               "which key slots are in use";
    case OPERATION_BACKUP:
        return "'cryptsetup luksHeaderBackup' does that";
    case OPERATION_RESTORE:
        return "'cryptsetup luksHeaderRestore' does that";
    case OPERATION_RESIZE:
        return "it takes all of its file: make that larger ('truncate -s'), then the file system in it";
    case OPERATION_CHECK:
        return "'cryptsetup repair' does that";
    default:
        return "'coffer convert' copies it into a volume that can";
    }
}

static const char *hint_bitlocker(enum operation operation)
{
    switch (operation) {
    case OPERATION_KEYS:
        return "'manage-bde -protectors' of Windows does that";
    case OPERATION_CHECK:
    case OPERATION_BACKUP:
    case OPERATION_RESTORE:
        return "it has three copies of its metadata; 'repair-bde' of Windows works with any of them";
    default:
        return "'coffer convert' copies it into a volume that can";
    }
}

static const char *hint_qcow(enum operation operation)
{
    switch (operation) {
    case OPERATION_KEYS:
        return "'qemu-img amend' changes the passphrases of an image with LUKS, and 'qemu-img convert' makes a "
               "new image";
    case OPERATION_RESIZE:
        return "'qemu-img resize' does that";
    case OPERATION_CHECK:
        return "'qemu-img check -r all' does that; keep a copy as it is";
    case OPERATION_BACKUP:
    case OPERATION_RESTORE:
        return "its header is part of the image: copy all of it";
    default:
        return "'coffer convert' copies it into a volume that can";
    }
}

static const char *hint_tcrypt(enum operation operation)
{
    switch (operation) {
    case OPERATION_KEYS:
        return "VeraCrypt does that: 'Change Volume Password', 'Add/Remove Keyfiles', or 'veracrypt --change'";
    case OPERATION_BACKUP:
        return "'veracrypt --backup-headers' does that";
    case OPERATION_CHECK:
    case OPERATION_RESTORE:
        return "'veracrypt --restore-headers' does that";
    default:
        return "'coffer convert' copies it into a volume that can";
    }
}

static const char *hint_freeotfe(enum operation operation)
{
    switch (operation) {
    case OPERATION_KEYS:
        return "LibreCrypt, which runs on Windows, changes the password and makes keyfiles";
    case OPERATION_CHECK:
    case OPERATION_BACKUP:
    case OPERATION_RESTORE:
        return "its header is its first 512 bytes: 'head -c 512' copies it, and '--header' opens the volume with "
               "the copy";
    default:
        return "'coffer convert' copies it into a volume that can";
    }
}

static const char *hint_for(enum operation operation, const char *format)
{
    if (strcmp(format, "luks") == 0) {
        return hint_luks(operation);
    }
    if (strcmp(format, "bitlocker") == 0) {
        return hint_bitlocker(operation);
    }
    if (strcmp(format, "qcow") == 0) {
        return hint_qcow(operation);
    }
    if (foreign_is_tcrypt(format)) {
        return hint_tcrypt(operation);
    }
    if (strcmp(format, "freeotfe") == 0) {
        return hint_freeotfe(operation);
    }
    return "use the program that made it";
}

enum exit_status foreign_refuse(const char *path, enum operation operation, const char *format)
{
    return ui_fail(EXIT_UNSUPPORTED, hint_for(operation, format),
                   "%s '%s': it is a %s volume, and headers of other formats are never written",
                   explain_failure(operation), path, format);
}

static bool opens_as(const char *path, const struct coffer_credential *credential, const char *type)
{
    struct coffer_open_options how = COFFER_OPEN_OPTIONS_INIT;
    struct coffer_volume *volume;

    how.read_only = true;
    how.type = type;
    if (coffer_volume_open(path, credential, &how, &volume, NULL) != COFFER_OK) {
        return false;
    }
    coffer_volume_close(volume, NULL); /* nothing was written that could fail now */
    return true;
}

enum exit_status foreign_fail(const char *path, enum operation operation,
                              const struct coffer_credential *credential, long kdf_level,
                              const struct coffer_error *error)
{
    struct coffer_info info = { .size = sizeof(info) };

    if (error->status == COFFER_WRONG_SECRET && kdf_level < 0 &&
        coffer_probe(path, &info, NULL) == COFFER_NOT_FOUND) {
        const char *type = opens_as(path, credential, "freeotfe")    ? "freeotfe"
                           : opens_as(path, credential, "truecrypt") ? "truecrypt"
                           : opens_as(path, credential, "veracrypt") ? "veracrypt"
                                                                     : NULL;
        if (type) {
            return foreign_refuse(path, operation, type);
        }
    }
    return ui_fail_library(operation == OPERATION_KEYS ? OPERATION_OPEN : operation, path, error);
}
