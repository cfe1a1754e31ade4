/* SPDX-License-Identifier: ISC */
/*
 * explain.c - one status of the library means different things to people who create, open or unmount. This is the
 * table of those meanings; the library's own text says what happened, these say of what and what to do.
 */
#include "explain.h"

#include <ctype.h>
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

const char *explain_failure(enum operation operation)
{
    switch (operation) {
    case OPERATION_START:
        return "cannot start";
    case OPERATION_READ:
        return "cannot read";
    case OPERATION_OPEN:
        return "cannot open";
    case OPERATION_KEYS:
        return "cannot change the keys of";
    case OPERATION_CHECK:
        return "cannot check";
    case OPERATION_BACKUP:
        return "cannot back up the header of";
    case OPERATION_RESTORE:
        return "cannot restore the header of";
    case OPERATION_EXPORT:
        return "cannot make a LUKS2 header for";
    case OPERATION_MAP:
        return "cannot map";
    case OPERATION_RESIZE:
        return "cannot resize";
    case OPERATION_CREATE:
        return "cannot create";
    case OPERATION_CONVERT:
        return "cannot convert into";
    case OPERATION_ADOPT:
        return "cannot take over";
    case OPERATION_HIDE:
        return "cannot make a hidden volume in";
    case OPERATION_CLOSE:
        return "cannot close";
    case OPERATION_KEY_FILE:
        return "cannot use the key file";
    case OPERATION_SECRET:
        return "cannot use this secret";
    case OPERATION_FILES:
        return "cannot show the files of";
    case OPERATION_MOUNT:
        return "cannot mount";
    case OPERATION_UNMOUNT:
        return "cannot unmount";
    }
    return "cannot go on";
}

static const char *hint_open(const struct coffer_error *error)
{
    switch (error->status) {
    case COFFER_WRONG_SECRET:
        return "look at caps lock and the keyboard layout, and give every --key-file that the slot was made with";
    case COFFER_IN_USE:
        return "'coffer list' shows what is mounted; any number of read-only opens can share a volume";
    case COFFER_NO_MEMORY:
        return "close other programs, or open the volume on a machine with more memory";
    case COFFER_UNSUPPORTED:
        return error->sys == EINPROGRESS ? "'coffer convert' with the same source goes on"
                                         : "a newer version of coffer may be able to open it";
    default:
        return NULL;
    }
}

static const char *hint_read(const struct coffer_error *error)
{
    switch (error->status) {
    case COFFER_NOT_FOUND:
        return error->sys == 0 ? "an unmarked volume shows itself only to its secret: add --unlock" : NULL;
    case COFFER_UNSUPPORTED:
        return "a newer version of coffer may be able to read it";
    default:
        return NULL;
    }
}

static const char *hint_check(const struct coffer_error *error)
{
    return error->status == COFFER_NOT_FOUND ? hint_read(error) : hint_open(error);
}

static const char *hint_restore(const struct coffer_error *error)
{
    switch (error->status) {
    case COFFER_WRONG_SECRET:
        return "the secret has to be one from the time of the backup";
    case COFFER_IN_USE:
        return "unmount it first";
    default:
        return hint_open(error);
    }
}

static const char *hint_resize(const struct coffer_error *error)
{
    switch (error->status) {
    case COFFER_FAILED:
        return error->sys == ENOSPC ? "free some space, or choose a smaller size" : NULL;
    case COFFER_DAMAGED:
        return "'coffer check --repair' first";
    case COFFER_INTERRUPTED:
        return "the same command starts over";
    default:
        return hint_open(error);
    }
}

static const char *hint_convert(const struct coffer_error *error)
{
    switch (error->status) {
    case COFFER_FAILED:
        return error->sys == ENOSPC ? "free some space; the same command then goes on"
                                    : "the same command goes on";
    case COFFER_INTERRUPTED:
        return "the same command goes on; --force starts over";
    default:
        return hint_open(error);
    }
}

static const char *hint_adopt(const struct coffer_error *error)
{
    switch (error->status) {
    case COFFER_FAILED:
    case COFFER_INTERRUPTED:
        return "nothing is lost: the volume opens as it did, or with coffer; the same command goes on";
    case COFFER_INVALID:
        return error->sys == EEXIST ? "choose another name for --header-backup" : NULL;
    case COFFER_UNSUPPORTED:
        return NULL;
    default:
        return hint_open(error);
    }
}

static const char *hint_create(const struct coffer_error *error)
{
    switch (error->status) {
    case COFFER_FAILED:
        return error->sys == ENOSPC ? "free some space, or choose a smaller --size" : NULL;
    case COFFER_IN_USE:
        return "unmount it first";
    case COFFER_NO_MEMORY:
        return "choose a smaller --kdf-memory";
    case COFFER_INTERRUPTED:
        return "the same command starts over";
    default:
        return NULL;
    }
}

/* What mounting needs and does not find: the device, or the program that mounts for those who are not root. */
static const char *hint_mount(const struct coffer_error *error)
{
    if (error->status != COFFER_NOT_PERMITTED) {
        return NULL;
    }
    switch (error->sys) {
    case ENOENT:
    case ENODEV:
    case ENXIO:
        return "/dev/fuse comes with 'modprobe fuse' (into a container it is passed), fusermount3 with the "
               "package fuse3";
    default:
        return NULL;
    }
}

const char *explain_hint(enum operation operation, const struct coffer_error *error)
{
    switch (operation) {
    case OPERATION_OPEN:
        return hint_open(error);
    case OPERATION_READ:
        return hint_read(error);
    case OPERATION_CHECK:
        return hint_check(error);
    case OPERATION_BACKUP:
    case OPERATION_HIDE:
        return hint_open(error);
    case OPERATION_RESTORE:
        return hint_restore(error);
    case OPERATION_RESIZE:
        return hint_resize(error);
    case OPERATION_CREATE:
        return hint_create(error);
    case OPERATION_CONVERT:
        return hint_convert(error);
    case OPERATION_ADOPT:
        return hint_adopt(error);
    case OPERATION_CLOSE:
        return "what was written last may be lost: look at the medium and at the kernel's log";
    case OPERATION_MOUNT:
        return hint_mount(error);
    case OPERATION_UNMOUNT:
        return error->status == COFFER_IN_USE ? "close the files that are open in it" : NULL;
    default:
        return NULL;
    }
}

const char *explain_errno(int number)
{
    static _Thread_local char text[128];
    const char *description = strerrordesc_np(number);

    snprintf(text, sizeof(text), "%s", description ? description : "unknown error");
    if (islower((unsigned char)text[1])) {
        text[0] = (char)tolower((unsigned char)text[0]);
    }
    return text;
}
