/* SPDX-License-Identifier: ISC */
/*
 * target.c - destroying something takes two deliberate acts: --force where anything is recognised or a file
 * exists, and the name, typed or in --confirm. Without a terminal and without --confirm nothing is destroyed.
 */
#include "target.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "block_device.h"
#include "confirm.h"
#include "content.h"
#include "device_open.h"
#include "scope.h"
#include "size.h"
#include "ui.h"

#define DESCRIPTION_MAX 384

static enum exit_status refuse(const char *path, int number, const char *hint)
{
    enum exit_status status = EXIT_OTHER;

    if (number == ENOENT || number == ENOTDIR) {
        status = EXIT_NOT_FOUND;
    } else if (number == EACCES || number == EPERM || number == EROFS) {
        status = EXIT_NOT_PERMITTED;
    }
    if (number == EACCES && !hint) {
        hint = device_open_hint(path);
    }
    return ui_fail(status, hint, "cannot create '%s': %s", path, explain_errno(number));
}

/* A file can be made there: better to know before a passphrase has been thought up. */
static enum exit_status check_directory(const char *path)
{
    const char *name = confirm_name(path);
    size_t size = (size_t)(name - path);
    size_t end = size > 1 ? size - 1 : size; /* without the slash, but for the root */
    SCOPE_FREE char *parent = size == 0 ? strdup(".") : strndup(path, end);

    if (!parent) {
        return ui_fail_no_memory();
    }
    if (!*name) {
        return ui_fail(EXIT_USAGE, NULL, "cannot create '%s': that is not a name for a file", path);
    }
    if (access(parent, W_OK | X_OK) == 0) {
        return EXIT_DONE;
    }
    return errno == ENOENT
               ? ui_fail(EXIT_NOT_FOUND, NULL, "cannot create '%s': there is no directory '%s'", path, parent)
               : refuse(path, errno, NULL);
}

static enum exit_status inspect_device(dev_t device, struct target *target)
{
    char user[256];

    target->kind = TARGET_DEVICE;
    block_device_describe(device, sizeof(target->about), target->about);
    if (block_device_is_used(target->path, device, sizeof(user), user)) {
        return ui_fail(EXIT_IN_USE, "unmount it, and all of its partitions, first",
                       "cannot create '%s': the device is %s", target->path, user);
    }
    if (access(target->path, R_OK | W_OK) != 0 && errno != EACCES) {
        return refuse(target->path, errno, NULL);
    }
    target->size = block_device_size(target->path);
    return target->size > 0 ? EXIT_DONE : refuse(target->path, errno, NULL);
}

enum exit_status target_inspect(const char *path, struct target *target)
{
    struct stat status;

    *target = (struct target){ .path = path, .kind = TARGET_NEW };
    if (stat(path, &status) != 0) {
        return errno == ENOENT ? check_directory(path) : refuse(path, errno, NULL);
    }
    if (S_ISBLK(status.st_mode)) {
        enum exit_status result = inspect_device(status.st_rdev, target);
        if (result != EXIT_DONE) {
            return result;
        }
    } else if (S_ISREG(status.st_mode)) {
        target->kind = TARGET_FILE;
        target->size = (uint64_t)status.st_size;
    } else {
        return ui_fail(EXIT_USAGE, NULL,
                       "cannot create '%s': it is there and is neither a file nor a block device", path);
    }
    int number = content_describe(path, sizeof(target->content), target->content);
    return number == 0 ? EXIT_DONE : refuse(path, number, NULL);
}

/* "a file of 12 GiB, ext4 'photos'" */
static void describe(const struct target *target, size_t size, char *text)
{
    char bytes[SIZE_TEXT_MAX];

    snprintf(text, size, "%s of %s, %s", target->kind == TARGET_DEVICE ? target->about : "a file",
             size_format(target->size, bytes), target->content[0] ? target->content : "without a known content");
}

enum exit_status target_check_force(const struct target *target, bool force)
{
    bool is_needed = target->kind == TARGET_FILE || (target->kind == TARGET_DEVICE && target->content[0]);
    char what[DESCRIPTION_MAX];

    if (force || !is_needed) {
        return EXIT_DONE;
    }
    describe(target, sizeof(what), what);
    return ui_fail(EXIT_OTHER, "--force overwrites it", "cannot create '%s': it is there: %s", target->path, what);
}

enum exit_status target_confirm(const struct target *target, const char *confirm)
{
    char what[DESCRIPTION_MAX];

    if (target->kind == TARGET_NEW) {
        return EXIT_DONE;
    }
    describe(target, sizeof(what), what);
    ui_warn("'%s' is %s, and will be lost", target->path, what);
    return confirm_destruction(target->path, confirm, "overwritten", "overwrite all of it");
}
