/* SPDX-License-Identifier: ISC */
/*
 * mount_point.c - looking at a mount point before it is used (mount_point.h).
 *
 * The path is resolved once: everything is asked of the open directory, and what is mounted on later is the
 * canonical name of that directory. Mounting over system directories would hand programs and settings to
 * whoever wrote the volume (CVE-2025-23021).
 */
#include "mount_point.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "canonical_path.h"
#include "mount_table.h"
#include "scope.h"
#include "ui.h"

/* ---- Dangerous places ---- */

/* They and all that is in them. */
static const char *const system_trees[] = {
    "/bin", "/boot", "/dev", "/etc", "/lib", "/lib32", "/lib64", "/libx32", "/proc", "/sbin", "/sys", "/usr",
};

/* They themselves; a directory in them is all right. */
static const char *const system_directories[] = {
    "/",         "/home", "/opt", "/root", "/run",     "/run/lock",
    "/run/user", "/srv",  "/tmp", "/var",  "/var/lib", "/var/tmp",
};

static bool is_system_directory(const char *path)
{
    for (size_t i = 0; i < sizeof(system_trees) / sizeof(system_trees[0]); i++) {
        if (mount_path_is_inside(path, system_trees[i])) {
            return true;
        }
    }
    for (size_t i = 0; i < sizeof(system_directories) / sizeof(system_directories[0]); i++) {
        if (strcmp(path, system_directories[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* Whether programs are looked for in `path` or somewhere below it. Entries are compared as they stand and as they
 * resolve; one that does not exist yet counts, too. */
static bool is_searched(const char *path, const char *search)
{
    SCOPE_FREE char *copy = strdup(search ? search : "");
    char *rest = copy;

    for (char *entry = strsep(&rest, ":"); entry; entry = strsep(&rest, ":")) {
        if (entry[0] != '/') {
            continue;
        }
        SCOPE_FREE char *resolved = canonical_path(entry);
        if (mount_path_is_inside(entry, path) || (resolved && mount_path_is_inside(resolved, path))) {
            return true;
        }
    }
    return false;
}

const char *mount_point_danger(const char *path, const char *search, const char *home)
{
    if (is_system_directory(path)) {
        return "it belongs to the system";
    }
    if (is_searched(path, search)) {
        return "programs are run from there (PATH)";
    }
    if (home && home[0] == '/' && home[1] && mount_path_is_inside(home, path)) {
        return "it would hide your home directory";
    }
    return NULL;
}

/* ---- One mount point ---- */

static enum exit_status fail_to_open(const char *given)
{
    switch (errno) {
    case ENOENT:
        return ui_fail(EXIT_NOT_FOUND, "make the directory with mkdir, and mount again",
                       "cannot mount at '%s': no such directory", given);
    case ENOTDIR:
        return ui_fail(EXIT_USAGE, NULL, "cannot mount at '%s': it is not a directory", given);
    case EACCES:
    case EPERM:
        return ui_fail(EXIT_NOT_PERMITTED, NULL, "cannot mount at '%s': you may not read it", given);
    case ENOTCONN:
        return ui_fail(EXIT_IN_USE, "unmount it first",
                       "cannot mount at '%s': a file system without a server is still mounted there", given);
    default:
        return ui_fail(EXIT_OTHER, NULL, "cannot mount at '%s': %s", given, explain_errno(errno));
    }
}

static const char *home_directory(void)
{
    const struct passwd *user = getpwuid(geteuid());

    return user ? user->pw_dir : NULL;
}

static enum exit_status check_danger(const char *path)
{
    const char *danger = mount_point_danger(path, getenv("PATH"), home_directory());

    danger = danger ? danger : mount_point_danger(path, NULL, getenv("HOME"));
    if (!danger) {
        return EXIT_DONE;
    }
    return ui_fail(EXIT_USAGE, "choose an empty directory of your own, such as ~/Secret",
                   "refused to mount at '%s': %s", path, danger);
}

/* Another `coffer mount` that has got this far holds the directory below. */
static enum exit_status check_unused(const struct mount_point *point)
{
    struct mount_table table;

    if (flock(point->fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK) {
        return ui_fail(EXIT_IN_USE, NULL, "cannot mount at '%s': another mount there is just being made",
                       point->path);
    }
    if (!mount_table_read(&table)) {
        mount_table_free(&table);
        return ui_fail(EXIT_OTHER, NULL, "cannot mount at '%s': cannot read /proc/self/mountinfo: %s", point->path,
                       explain_errno(errno));
    }
    enum exit_status status = EXIT_DONE;
    const struct mount_entry *entry = mount_table_top(&table, point->path);
    if (entry && mount_entry_is_ours(entry)) {
        status = ui_fail(EXIT_IN_USE, "unmount it first, or choose another directory",
                         "cannot mount at '%s': '%s' is mounted there", point->path, entry->source);
    } else if (entry) {
        status = ui_fail(EXIT_IN_USE, "choose another directory",
                         "cannot mount at '%s': a file system (%s) is mounted there", point->path, entry->type);
    }
    mount_table_free(&table);
    return status;
}

static enum exit_status check_permission(const struct mount_point *point)
{
    char link[32];
    struct stat status;

    snprintf(link, sizeof(link), "/proc/self/fd/%d", point->fd);
    if (fstat(point->fd, &status) < 0) {
        return ui_fail(EXIT_OTHER, NULL, "cannot mount at '%s': %s", point->path, explain_errno(errno));
    }
    bool is_of_others = (status.st_mode & S_ISVTX) && status.st_uid != geteuid() && geteuid() != 0;
    if (is_of_others || faccessat(AT_FDCWD, link, W_OK | X_OK, AT_EACCESS) < 0) {
        return ui_fail(EXIT_NOT_PERMITTED, "choose a directory of your own",
                       "cannot mount at '%s': it is not yours to write to", point->path);
    }
    return EXIT_DONE;
}

static enum exit_status check_empty(const struct mount_point *point)
{
    int fd = openat(point->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    SCOPE_DIR DIR *entries = fd >= 0 ? fdopendir(fd) : NULL;

    if (!entries) {
        scope_close(&fd);
        return fail_to_open(point->path);
    }
    for (const struct dirent *entry = readdir(entries); entry; entry = readdir(entries)) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            return ui_fail(EXIT_USAGE, "what is in it would be hidden: choose an empty directory",
                           "refused to mount at '%s': it is not empty", point->path);
        }
    }
    return EXIT_DONE;
}

static enum exit_status check(const struct mount_point *point)
{
    enum exit_status status = check_danger(point->path);

    status = status ? status : check_unused(point);
    status = status ? status : check_permission(point);
    return status ? status : check_empty(point);
}

enum exit_status mount_point_take(const char *given, struct mount_point *point)
{
    struct mount_point taken = { .fd = open(given, O_RDONLY | O_DIRECTORY | O_CLOEXEC) };

    if (taken.fd < 0) {
        return fail_to_open(given);
    }
    taken.path = canonical_path_of(taken.fd);
    enum exit_status status = taken.path ? check(&taken) : fail_to_open(given);
    if (status != EXIT_DONE) {
        mount_point_release(&taken);
        return status;
    }
    *point = taken;
    return EXIT_DONE;
}

void mount_point_unlock(struct mount_point *point)
{
    scope_close(&point->fd);
    point->fd = -1;
}

void mount_point_release(struct mount_point *point)
{
    mount_point_unlock(point);
    free(point->path);
    *point = (struct mount_point)MOUNT_POINT_NONE;
}
