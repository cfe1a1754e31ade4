/* SPDX-License-Identifier: ISC */
/*
 * holders.c - who keeps a mount busy (holders.h).
 *
 * Files are compared by device, with a statx that wants nothing and so is answered from memory: a server that
 * hangs or has died cannot block the search, and a mount that is no longer in the tree is still recognised.
 */
#include "holders.h"

#include <ctype.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "mount_table.h"
#include "scope.h"

enum { NAMED_MAX = 4 }; /* in one line */

struct search {
    const char *path; /* the mount point, or the node of a device */
    dev_t device;
    mode_t node; /* S_IFBLK or S_IFCHR: who has the device itself open is sought; 0: who uses what is mounted */
    struct holders *found;
};

/* One line of a small file of /proc or /sys, without its newline; empty where it cannot be read. */
static void read_line(int directory, const char *name, size_t size, char *line)
{
    SCOPE_FD int fd = openat(directory, name, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd < 0 ? -1 : read(fd, line, size - 1);

    line[got > 0 ? got : 0] = '\0';
    char *end = strrchr(line, '\n');
    if (end && end[1] == '\0') {
        *end = '\0';
    }
}

static bool add(struct holders *holders, enum holder_kind kind, pid_t pid, const char *name, const char *path)
{
    struct holder *larger = realloc(holders->items, (holders->count + 1) * sizeof(holders->items[0]));

    if (!larger) {
        return false;
    }
    holders->items = larger;
    struct holder holder = { kind, pid, strdup(name), strdup(path) };
    holders->items[holders->count++] = holder;
    return holder.name && holder.path;
}

/* ---- Processes ---- */

static bool is_meant(int directory, const char *link, const struct search *search)
{
    struct statx status;

    if (statx(directory, link, AT_NO_AUTOMOUNT | AT_STATX_DONT_SYNC, 0, &status) < 0) {
        return false;
    }
    if (search->node) {
        return (status.stx_mode & S_IFMT) == search->node &&
               makedev(status.stx_rdev_major, status.stx_rdev_minor) == search->device;
    }
    return makedev(status.stx_dev_major, status.stx_dev_minor) == search->device;
}

/* Whether one of cwd, root and exe of the process is in the mount; `path` says what. */
static bool finds_own_link(int process, const struct search *search, char path[static PATH_MAX])
{
    static const char *const links[] = { "cwd", "root", "exe" };

    for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++) {
        if (is_meant(process, links[i], search)) {
            ssize_t length = readlinkat(process, links[i], path, PATH_MAX - 1);
            path[length > 0 ? length : 0] = '\0';
            return true;
        }
    }
    return false;
}

static bool finds_open_file(int process, const struct search *search, char path[static PATH_MAX])
{
    int fd = openat(process, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    SCOPE_DIR DIR *files = fd >= 0 ? fdopendir(fd) : NULL;

    if (!files) {
        scope_close(&fd);
        return false;
    }
    for (const struct dirent *entry = readdir(files); entry; entry = readdir(files)) {
        if (isdigit((unsigned char)entry->d_name[0]) && is_meant(fd, entry->d_name, search)) {
            ssize_t length = readlinkat(fd, entry->d_name, path, PATH_MAX - 1);
            path[length > 0 ? length : 0] = '\0';
            return true;
        }
    }
    return false;
}

/* A line of maps is "from-to rwxp offset major:minor inode      path". */
static bool finds_mapping(int process, const struct search *search, char path[static PATH_MAX])
{
    int fd = search->node ? -1 : openat(process, "maps", O_RDONLY | O_CLOEXEC); /* tells of no device */
    SCOPE_FILE FILE *maps = fd >= 0 ? fdopen(fd, "re") : NULL;
    SCOPE_FREE char *line = NULL;
    size_t capacity = 0;

    if (!maps) {
        scope_close(&fd);
        return false;
    }
    while (getline(&line, &capacity, maps) > 0) {
        unsigned major_number, minor_number;
        int at = 0;
        if (sscanf(line, "%*s %*s %*s %x:%x %*u %n", &major_number, &minor_number, &at) == 2 && at > 0 &&
            makedev(major_number, minor_number) == search->device) {
            line[strcspn(line, "\n")] = '\0';
            snprintf(path, PATH_MAX, "%s", line + at);
            return true;
        }
    }
    return false;
}

static bool look_at_process(const struct search *search, int proc, const char *number)
{
    char path[PATH_MAX];
    char name[64];
    SCOPE_FD int process = openat(proc, number, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (process < 0 || !(finds_own_link(process, search, path) || finds_open_file(process, search, path) ||
                         finds_mapping(process, search, path))) {
        return true;
    }
    read_line(process, "comm", sizeof(name), name);
    return add(search->found, HOLDER_PROCESS, (pid_t)strtol(number, NULL, 10), name, path);
}

static bool look_at_processes(const struct search *search, pid_t except)
{
    SCOPE_DIR DIR *proc = opendir("/proc");

    for (const struct dirent *entry = proc ? readdir(proc) : NULL; entry; entry = readdir(proc)) {
        pid_t pid = isdigit((unsigned char)entry->d_name[0]) ? (pid_t)strtol(entry->d_name, NULL, 10) : 0;
        if (pid == 0 || pid == except || pid == getpid()) {
            continue;
        }
        if (!look_at_process(search, dirfd(proc), entry->d_name)) {
            return false;
        }
    }
    return true;
}

/* ---- The kernel ---- */

static bool look_at_loops(const struct search *search)
{
    SCOPE_DIR DIR *blocks = opendir("/sys/block");

    for (const struct dirent *entry = blocks ? readdir(blocks) : NULL; entry; entry = readdir(blocks)) {
        char path[PATH_MAX + 16];
        char name[sizeof(entry->d_name) + 32];
        if (strncmp(entry->d_name, "loop", 4) != 0) {
            continue;
        }
        snprintf(name, sizeof(name), "%s/loop/backing_file", entry->d_name);
        read_line(dirfd(blocks), name, sizeof(path), path);
        if (path[0] && mount_path_is_inside(path, search->path) &&
            !add(search->found, HOLDER_LOOP, 0, entry->d_name, path)) {
            return false;
        }
    }
    return true;
}

static bool is_below(const struct mount_entry *entry, const struct search *search)
{
    return mount_path_is_inside(entry->mount_point, search->path) && strcmp(entry->mount_point, search->path) != 0;
}

/* btrfs has a number of its own, and is told by the name. */
static bool is_mounted_from(const struct mount_entry *entry, const struct search *search)
{
    return search->node == S_IFBLK &&
           (entry->device == search->device || strcmp(entry->source, search->path) == 0);
}

static bool look_at_mounts(const struct search *search)
{
    struct mount_table table;
    bool is_complete = true;

    if (!mount_table_read(&table)) {
        mount_table_free(&table);
        return true;
    }
    for (size_t i = 0; is_complete && i < table.count; i++) {
        const struct mount_entry *entry = &table.entries[i];
        if (search->node ? is_mounted_from(entry, search) : is_below(entry, search)) {
            is_complete = add(search->found, HOLDER_MOUNT, 0, entry->type, entry->mount_point);
        }
    }
    mount_table_free(&table);
    return is_complete;
}

static bool find(const struct search *search, pid_t except)
{
    *search->found = (struct holders){ 0 };
    if (!look_at_processes(search, except) || !look_at_loops(search) || !look_at_mounts(search)) {
        holders_free(search->found);
        return false;
    }
    return true;
}

bool holders_find(const char *mount_point, dev_t device, pid_t except, struct holders *holders)
{
    const struct search search = { .path = mount_point, .device = device, .found = holders };

    return find(&search, except);
}

bool holders_find_of_device(const char *node, pid_t except, struct holders *holders)
{
    struct stat status;

    if (stat(node, &status) < 0) {
        *holders = (struct holders){ 0 };
        return false;
    }
    const struct search search = { node, status.st_rdev, status.st_mode & S_IFMT, holders };
    return find(&search, except);
}

void holders_free(struct holders *holders)
{
    for (size_t i = 0; i < holders->count; i++) {
        free(holders->items[i].name);
        free(holders->items[i].path);
    }
    free(holders->items);
    *holders = (struct holders){ 0 };
}

/* ---- Words ---- */

static void describe_one(FILE *out, const struct holder *holder)
{
    switch (holder->kind) {
    case HOLDER_PROCESS:
        fprintf(out, "%s (pid %ld: %s)", holder->name, (long)holder->pid, holder->path);
        break;
    case HOLDER_LOOP:
        fprintf(out, "%s (%s)", holder->name, holder->path);
        break;
    case HOLDER_MOUNT:
        fprintf(out, "a mount (%s: %s)", holder->name, holder->path);
        break;
    }
}

char *holders_describe(const struct holders *holders)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    if (!out) {
        return NULL;
    }
    size_t named = holders->count > NAMED_MAX + 1 ? NAMED_MAX : holders->count;
    for (size_t i = 0; i < named; i++) {
        bool is_last = i > 0 && i + 1 == holders->count;
        fputs(i == 0 ? "" : is_last ? " and " : ", ", out);
        describe_one(out, &holders->items[i]);
    }
    if (holders->count > named) {
        fprintf(out, " and %zu more", holders->count - named);
    }
    if (fclose(out) != 0) {
        free(text);
        return NULL;
    }
    return text;
}
