/* SPDX-License-Identifier: ISC */
/* canonical_path.c - names that can be compared (canonical_path.h). Any bytes but NUL may be in them. */
#include "canonical_path.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "scope.h"

/* The last component goes into *name and is cut off; false for "", "/", and names that end in "." or "..". */
static bool split(char *path, const char **directory, const char **name)
{
    size_t length = strlen(path);

    while (length > 1 && path[length - 1] == '/') {
        path[--length] = '\0';
    }
    char *slash = strrchr(path, '/');
    *name = slash ? slash + 1 : path;
    if (**name == '\0' || strcmp(*name, ".") == 0 || strcmp(*name, "..") == 0) {
        return false;
    }
    if (!slash) {
        *directory = ".";
        return true;
    }
    *directory = slash == path ? "/" : path;
    *slash = '\0';
    return true;
}

char *canonical_path(const char *path)
{
    char *whole = realpath(path, NULL);

    if (whole || *path == '\0') {
        return whole;
    }
    int error = errno;
    SCOPE_FREE char *copy = strdup(path);
    const char *directory, *name;
    if (!copy || !split(copy, &directory, &name)) {
        errno = error;
        return NULL;
    }
    SCOPE_FREE char *parent = realpath(directory, NULL);
    if (!parent || asprintf(&whole, "%s/%s", strcmp(parent, "/") == 0 ? "" : parent, name) < 0) {
        return NULL;
    }
    return whole;
}

char *canonical_path_of(int fd)
{
    char link[32];
    char path[PATH_MAX];
    struct stat here, named;

    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof(path) - 1);
    if (length < 0) {
        return NULL;
    }
    path[length] = '\0';
    /* A file without a name is shown as "/old/name (deleted)"; only a look tells it from one of that name. */
    if (fstat(fd, &here) < 0 || lstat(path, &named) < 0) {
        return NULL;
    }
    if (here.st_dev != named.st_dev || here.st_ino != named.st_ino) {
        errno = ENOENT;
        return NULL;
    }
    return strdup(path);
}
