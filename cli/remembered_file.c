/* SPDX-License-Identifier: ISC */
/*
 * remembered_file.c - reads and replaces the file of what is remembered (remembered_file.h).
 *
 * The invariant: only a file of the user's own, in a directory of the user's own, is read or written, and links are not
 * followed there. It takes its name when it is whole; of two that write at once, one is forgotten, which costs
 * a derivation. Losing it in a power cut costs no more, so nothing waits for the disk.
 */
#include "remembered_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "scope.h"

#define NAME          "remembered"
#define FILE_SIZE_MAX 65536

static bool is_own(int fd, mode_t kind)
{
    struct stat status;

    if (fstat(fd, &status) < 0) {
        return false;
    }
    if ((status.st_mode & S_IFMT) != kind || status.st_uid != geteuid() ||
        (status.st_mode & (S_IWGRP | S_IWOTH))) {
        errno = EPERM;
        return false;
    }
    return true;
}

/* $XDG_STATE_HOME, or what stands for it. */
static char *base_path(bool make)
{
    const char *given = secure_getenv("XDG_STATE_HOME"), *home = secure_getenv("HOME");
    char *path = NULL;

    if (given && given[0] == '/') {
        path = strdup(given);
    } else if (!home || home[0] != '/') {
        errno = ENOENT;
        return NULL;
    } else if (asprintf(&path, "%s/.local/state", home) < 0) {
        path = NULL;
    }
    if (path && make) { /* what is there already stays, and what cannot be made is missed by whoever opens it */
        char *parent = strdup(path), *slash = parent ? strrchr(parent, '/') : NULL;
        if (slash && slash > parent) {
            *slash = '\0';
            (void)mkdir(parent, 0700);
        }
        free(parent);
        (void)mkdir(path, 0700);
    }
    return path;
}

/* -1 with errno. */
static int open_directory(bool make)
{
    SCOPE_FREE char *path = base_path(make);

    if (!path) {
        return -1;
    }
    SCOPE_FD int base = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (base < 0 || !is_own(base, S_IFDIR) || (make && mkdirat(base, "coffer", 0700) < 0 && errno != EEXIST)) {
        return -1;
    }
    SCOPE_FD int fd = openat(base, "coffer", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return fd >= 0 && is_own(fd, S_IFDIR) ? SCOPE_TAKE(fd, -1) : -1;
}

void remembered_file_read(struct remembered_list *list)
{
    list->count = 0;
    SCOPE_FD int directory = open_directory(false);
    if (directory < 0) {
        return;
    }
    SCOPE_FD int fd = openat(directory, NAME, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    SCOPE_FREE char *text = malloc(FILE_SIZE_MAX);
    if (fd < 0 || !is_own(fd, S_IFREG) || !text) {
        return;
    }
    ssize_t size = read(fd, text, FILE_SIZE_MAX);
    if (size > 0) {
        remembered_list_parse(text, (size_t)size, list);
    }
}

static bool write_new(int directory, const char *name, const char *text)
{
    SCOPE_FD int fd = openat(directory, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    size_t size = strlen(text);

    if (fd < 0) {
        return false;
    }
    ssize_t written = write(fd, text, size);
    if (written >= 0 && (size_t)written != size) {
        errno = ENOSPC;
    }
    return written >= 0 && (size_t)written == size && renameat(directory, name, directory, NAME) == 0;
}

bool remembered_file_write(const struct remembered_list *list)
{
    SCOPE_FD int directory = open_directory(true);
    SCOPE_FREE char *text = remembered_list_format(list);
    char name[sizeof(NAME) + 24];
    uint64_t random;

    if (directory < 0 || !text || getrandom(&random, sizeof(random), 0) != sizeof(random)) {
        return false;
    }
    snprintf(name, sizeof(name), NAME ".%016llx", (unsigned long long)random);
    if (!write_new(directory, name, text)) {
        int saved = errno;
        (void)unlinkat(directory, name, 0);
        errno = saved;
        return false;
    }
    return true;
}
