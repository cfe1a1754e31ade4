/* SPDX-License-Identifier: ISC */
/* header_backup.c - backups of headers (header_backup.h). */
#include "header_backup.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "confirm.h"
#include "foreign.h"
#include "scope.h"
#include "ui.h"

static enum exit_status fail(enum exit_status status, enum operation operation, const char *volume,
                             const char *backup, const char *reason)
{
    return ui_fail(status, NULL, "%s '%s': '%s' %s", explain_failure(operation), volume, backup, reason);
}

/* Its directory; NULL = no memory. */
static char *parent_of(const char *path)
{
    size_t size = (size_t)(confirm_name(path) - path);
    return size == 0 ? strdup(".") : strndup(path, size);
}

/* Whether two files that need not exist would be one. */
static bool is_same_place(const char *a, const char *parent_of_a, const char *b, const char *parent_of_b)
{
    struct stat first, second;
    return strcmp(confirm_name(a), confirm_name(b)) == 0 && stat(parent_of_a, &first) == 0 &&
           stat(parent_of_b, &second) == 0 && first.st_dev == second.st_dev && first.st_ino == second.st_ino;
}

enum exit_status header_backup_check(const char *volume, const char *backup, enum operation operation)
{
    SCOPE_FREE char *parent = parent_of(backup), *parent_of_volume = parent_of(volume);
    struct stat status;

    if (!parent || !parent_of_volume) {
        return ui_fail_no_memory();
    }
    if (is_same_place(volume, parent_of_volume, backup, parent)) {
        return fail(EXIT_USAGE, operation, volume, backup, "is the volume itself");
    }
    if (lstat(backup, &status) == 0) {
        return fail(EXIT_OTHER, operation, volume, backup, "is there already");
    }
    if (access(parent, W_OK | X_OK) == 0) {
        return EXIT_DONE;
    }
    return errno == ENOENT
               ? fail(EXIT_NOT_FOUND, operation, volume, backup, "is in a directory that does not exist")
               : fail(EXIT_NOT_PERMITTED, operation, volume, backup, "cannot be made there");
}

enum exit_status header_backup_write(const char *volume, const char *backup,
                                     const struct coffer_credential *credential, int kdf_level)
{
    struct coffer_open_options how = COFFER_OPEN_OPTIONS_INIT;
    struct coffer_error error = COFFER_ERROR_INIT;

    how.read_only = true;
    how.kdf_level = kdf_level;
    how.callbacks.notice = ui_library_notice;
    if (coffer_header_backup(volume, backup, credential, &how, &error) != COFFER_OK) {
        return foreign_fail(volume, OPERATION_BACKUP, credential, kdf_level, &error);
    }
    ui_notice("'%s' opens the volume with every secret of today, also when it is removed: keep it as you keep the "
              "secrets",
              backup);
    return EXIT_DONE;
}
