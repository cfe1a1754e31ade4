/* SPDX-License-Identifier: ISC */
/*
 * scope.h - clean-up at the end of a scope: `SCOPE_FD int fd = open(...)`, `SCOPE_FREE char *text = ...`.
 * SCOPE_TAKE moves a value out, so that it survives. errno is kept, so a failing function can just return.
 */
#ifndef SCOPE_H
#define SCOPE_H

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static inline void scope_free(void *pointer)
{
    int saved = errno;

    free(*(void **)pointer);
    errno = saved;
}

static inline void scope_close(int *fd)
{
    int saved = errno;

    if (*fd >= 0) {
        close(*fd);
    }
    errno = saved;
}

static inline void scope_fclose(FILE **file)
{
    int saved = errno;

    if (*file) {
        fclose(*file);
    }
    errno = saved;
}

static inline void scope_closedir(DIR **directory)
{
    int saved = errno;

    if (*directory) {
        closedir(*directory);
    }
    errno = saved;
}

#define SCOPE_FREE __attribute__((cleanup(scope_free)))
#define SCOPE_FD   __attribute__((cleanup(scope_close)))
#define SCOPE_FILE __attribute__((cleanup(scope_fclose)))
#define SCOPE_DIR  __attribute__((cleanup(scope_closedir)))
#define SCOPE_TAKE(variable, empty)           \
    __extension__({                           \
        __auto_type scope_taken = (variable); \
        (variable) = (empty);                 \
        scope_taken;                          \
    })

#endif
