/* SPDX-License-Identifier: ISC */
/* server_process.c - the surroundings of a server (server_process.h). Called before there are threads. */
#include "server_process.h"

#include <ctype.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "scope.h"

#define OOM_SCORE "-800\n" /* the last to go but for the system itself: dirty pages of others wait for us */

static void write_text(const char *path, const char *text)
{
    SCOPE_FD int fd = open(path, O_WRONLY | O_CLOEXEC);

    if (fd >= 0 && write(fd, text, strlen(text)) < 0) {
        return; /* not permitted: then it stays as it was */
    }
}

static void raise_limit(__rlimit_resource_t resource)
{
    struct rlimit limit;

    if (getrlimit(resource, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(resource, &limit);
    }
}

void server_process_prepare(void)
{
    prctl(PR_SET_NAME, "coffer");
    raise_limit(RLIMIT_MEMLOCK);
    write_text("/proc/self/oom_score_adj", OOM_SCORE);
    /* Under memory pressure an allocation of ours must not write out pages that only we could write. */
    prctl(PR_SET_IO_FLUSHER, 1, 0, 0, 0);
}

struct inherited {
    int fd;
    struct stat identity;
};

static struct inherited *inherited;
static size_t inherited_count;

static bool is_same_file(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_rdev == b->st_rdev &&
           (a->st_mode & S_IFMT) == (b->st_mode & S_IFMT);
}

static void note(int fd)
{
    struct inherited one = { .fd = fd };

    if (fstat(fd, &one.identity) < 0) {
        return;
    }
    struct inherited *larger = realloc(inherited, (inherited_count + 1) * sizeof(inherited[0]));
    if (larger) {
        inherited = larger;
        inherited[inherited_count++] = one;
    }
}

void server_process_note_inherited(void)
{
    SCOPE_DIR DIR *open_files = opendir("/proc/self/fd");

    for (const struct dirent *entry = open_files ? readdir(open_files) : NULL; entry;
         entry = readdir(open_files)) {
        int fd = isdigit((unsigned char)entry->d_name[0]) ? atoi(entry->d_name) : -1;
        if (fd > STDERR_FILENO && fd != dirfd(open_files)) {
            note(fd);
        }
    }
}

void server_process_close_inherited(void)
{
    for (size_t i = 0; i < inherited_count; i++) {
        struct stat now;
        if (fstat(inherited[i].fd, &now) == 0 && is_same_file(&now, &inherited[i].identity)) {
            close(inherited[i].fd);
        }
    }
    free(inherited);
    inherited = NULL;
    inherited_count = 0;
}
