/* SPDX-License-Identifier: ISC */
/*
 * runtime_dir.c - where the state of mounts is kept (runtime_dir.h).
 *
 * The invariant: a directory is opened first, without following links, and judged by its descriptor; what is
 * then done in it goes through that descriptor. So nobody can put another one in its place in between. In /tmp,
 * where anybody may have made /tmp/coffer-UID before us, that is what keeps strangers out.
 */
#include "runtime_dir.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "explain.h"
#include "scope.h"
#include "ui.h"

#define OPEN_DIRECTORY (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

/* Where the directory may be: "BASE/NAME", which is made when BASE is there. */
struct place {
    char *base;
    const char *name;
    bool is_shared; /* everybody may make directories in BASE, and it has the sticky bit */
};

enum { PLACE_COUNT = 3 };

struct places {
    struct place items[PLACE_COUNT];
    char tmp_name[32];
};

static void free_places(struct places *places)
{
    for (size_t i = 0; i < PLACE_COUNT; i++) {
        free(places->items[i].base);
    }
}

/* In the order in which they are tried; a place without a base does not exist. */
static void list_places(struct places *places)
{
    uid_t uid = geteuid();
    const char *given = secure_getenv("XDG_RUNTIME_DIR");

    *places = (struct places){ 0 };
    snprintf(places->tmp_name, sizeof(places->tmp_name), "coffer-%lu", (unsigned long)uid);
    places->items[0] = (struct place){ given && given[0] == '/' ? strdup(given) : NULL, "coffer", false };
    places->items[1].name = "coffer";
    if (uid == 0) {
        places->items[1].base = strdup("/run");
    } else if (asprintf(&places->items[1].base, "/run/user/%lu", (unsigned long)uid) < 0) {
        places->items[1].base = NULL;
    }
    places->items[2] = (struct place){ strdup("/tmp"), places->tmp_name, true };
}

/* A base has to be one where nobody but its owner and root can rename or replace what is ours. */
static bool is_good_base(int fd, bool is_shared)
{
    struct stat status;

    if (fstat(fd, &status) < 0) {
        return false;
    }
    if (is_shared) {
        return (status.st_uid == 0 || status.st_uid == geteuid()) && (status.st_mode & S_ISVTX);
    }
    return status.st_uid == geteuid() && !(status.st_mode & (S_IWGRP | S_IWOTH));
}

/* Ours, or for root the owner's who is expected, and closed to everybody else. */
static bool is_good(int fd, uid_t owner)
{
    struct stat status;

    if (fstat(fd, &status) < 0) {
        return false;
    }
    if (status.st_uid != owner || (status.st_mode & 077) != 0) {
        errno = EPERM;
        return false;
    }
    return true;
}

/* False with errno = ENOENT where there is no such place, EPERM where it is not fit for use. */
static bool open_place(const struct place *place, bool make, struct runtime_dir *directory)
{
    if (!place->base) {
        errno = ENOENT;
        return false;
    }
    SCOPE_FD int base = open(place->base, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (base < 0) {
        return false;
    }
    if (!is_good_base(base, place->is_shared)) {
        errno = ENOENT; /* somebody else's, as after su: the next place will do */
        return false;
    }
    if (make && mkdirat(base, place->name, 0700) < 0 && errno != EEXIST) {
        return false;
    }
    SCOPE_FD int fd = openat(base, place->name, OPEN_DIRECTORY);
    if (fd < 0 || !is_good(fd, geteuid())) {
        errno = errno == ELOOP || errno == ENOTDIR ? EPERM : errno;
        return false;
    }
    char *path;
    if (asprintf(&path, "%s/%s", place->base, place->name) < 0) {
        errno = ENOMEM;
        return false;
    }
    *directory = (struct runtime_dir){ SCOPE_TAKE(fd, -1), geteuid(), path };
    return true;
}

enum exit_status runtime_dir_open(struct runtime_dir *directory)
{
    __attribute__((cleanup(free_places))) struct places places;

    list_places(&places);
    for (size_t i = 0; i < PLACE_COUNT; i++) {
        const struct place *place = &places.items[i];
        if (open_place(place, true, directory)) {
            return EXIT_DONE;
        }
        if (errno == EPERM) {
            return ui_fail(
                EXIT_NOT_PERMITTED, "it has to be a directory of yours with mode 0700: remove what is there",
                "cannot use '%s/%s' for the state of mounts: it is not private to you", place->base, place->name);
        }
    }
    return ui_fail(EXIT_NOT_PERMITTED, "set XDG_RUNTIME_DIR to a directory that only you can write to",
                   "cannot make a directory for the state of mounts in '%s': %s",
                   places.items[PLACE_COUNT - 1].base, explain_errno(errno));
}

void runtime_dir_close(struct runtime_dir *directory)
{
    scope_close(&directory->fd);
    free(directory->path);
    *directory = (struct runtime_dir)RUNTIME_DIR_NONE;
}

/* Takes `found` over. */
static bool append(struct runtime_dirs *directories, struct runtime_dir *found)
{
    struct runtime_dir *larger =
        realloc(directories->items, (directories->count + 1) * sizeof(directories->items[0]));

    if (!larger) {
        runtime_dir_close(found);
        return false;
    }
    directories->items = larger;
    directories->items[directories->count++] = *found;
    return true;
}

static bool is_known(const struct runtime_dirs *directories, int fd)
{
    struct stat wanted;

    if (fstat(fd, &wanted) < 0) {
        return true;
    }
    for (size_t i = 0; i < directories->count; i++) {
        struct stat status;
        if (fstat(directories->items[i].fd, &status) == 0 && status.st_dev == wanted.st_dev &&
            status.st_ino == wanted.st_ino) {
            return true;
        }
    }
    return false;
}

static bool add_own(struct runtime_dirs *directories)
{
    __attribute__((cleanup(free_places))) struct places places;

    list_places(&places);
    for (size_t i = 0; i < PLACE_COUNT; i++) {
        struct runtime_dir found = RUNTIME_DIR_NONE;
        if (!open_place(&places.items[i], false, &found)) {
            continue;
        }
        if (is_known(directories, found.fd)) {
            runtime_dir_close(&found);
        } else if (!append(directories, &found)) {
            return false;
        }
    }
    return true;
}

/* The number that makes up all of `text`. */
static bool parse_uid(const char *text, uid_t *uid)
{
    char *end;

    if (!isdigit((unsigned char)*text)) {
        return false;
    }
    errno = 0;
    unsigned long long number = strtoull(text, &end, 10);
    *uid = (uid_t)number;
    return errno == 0 && *end == '\0' && number == *uid;
}

/* Adds "BASE/PREFIX<uid>SUFFIX" of every other user. */
static bool add_others(struct runtime_dirs *directories, const char *base, const char *prefix, const char *suffix)
{
    SCOPE_DIR DIR *all = opendir(base);
    uid_t uid;

    for (const struct dirent *entry = all ? readdir(all) : NULL; entry; entry = readdir(all)) {
        size_t length = strlen(prefix);
        if (strncmp(entry->d_name, prefix, length) != 0 || !parse_uid(entry->d_name + length, &uid)) {
            continue;
        }
        struct runtime_dir found = { .fd = -1, .owner = uid };
        if (asprintf(&found.path, "%s/%s%s", base, entry->d_name, suffix) < 0) {
            return false;
        }
        found.fd = open(found.path, OPEN_DIRECTORY);
        if (found.fd < 0 || !is_good(found.fd, uid) || is_known(directories, found.fd)) {
            runtime_dir_close(&found);
        } else if (!append(directories, &found)) {
            return false;
        }
    }
    return true;
}

bool runtime_dirs_find(struct runtime_dirs *directories)
{
    *directories = (struct runtime_dirs){ 0 };
    bool is_complete = add_own(directories);
    if (is_complete && geteuid() == 0) {
        is_complete =
            add_others(directories, "/run/user", "", "/coffer") && add_others(directories, "/tmp", "coffer-", "");
    }
    if (!is_complete) {
        runtime_dirs_free(directories);
    }
    return is_complete;
}

void runtime_dirs_free(struct runtime_dirs *directories)
{
    for (size_t i = 0; i < directories->count; i++) {
        runtime_dir_close(&directories->items[i]);
    }
    free(directories->items);
    *directories = (struct runtime_dirs){ 0 };
}

char *runtime_dir_make_private(const struct runtime_dir *directory)
{
    char *path;

    if (asprintf(&path, "%s/private-XXXXXX", directory->path) < 0) {
        errno = ENOMEM;
        return NULL;
    }
    if (!mkdtemp(path)) {
        scope_free(&path);
        return NULL;
    }
    return path;
}
