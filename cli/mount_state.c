/* SPDX-License-Identifier: ISC */
/*
 * mount_state.c - the state files of mounts (mount_state.h).
 *
 * A file gets its name when it is written and locked, so nobody ever meets one that is not. Locks belong to the
 * open file (OFD): a child that has not yet called exec shares them, nothing else. Two of its bytes are locked,
 * each for one purpose: the server's life, and cleaning up after it.
 */
#include "mount_state.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "deadline.h"
#include "explain.h"
#include "scope.h"
#include "ui.h"

enum lock_byte { LOCK_SERVER = 0, LOCK_CLEANER = 1 };

#define SUFFIX        ".mount"
#define SUFFIX_NEW    ".new"
#define FILE_SIZE_MAX 65536 /* of a file: paths of 4096 bytes, escaped twice, and some lines */
#define ROOM_TO_GROW  4096  /* for the lines that follow the description */
#define LOOK_MS       50    /* between looks where nothing wakes us */
#define REAP_MS       2000  /* from the end of the lock to the end of the process */

static bool try_lock(int fd, enum lock_byte byte)
{
    struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1 };

    return fcntl(fd, F_OFD_SETLK, &lock) == 0;
}

static bool is_locked(int fd, enum lock_byte byte)
{
    struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1 };

    return fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

bool mount_state_append(struct mount_state *state, char *line)
{
    SCOPE_FREE char *text = line;

    if (!text) {
        errno = ENOMEM;
        return false;
    }
    size_t left = strlen(text);
    for (const char *at = text; left > 0;) {
        ssize_t written = write(state->fd, at, left);
        if (written < 0 && errno != EINTR) {
            return false;
        }
        if (written > 0) {
            at += written;
            left -= (size_t)written;
        }
    }
    return true;
}

/* The lines to come must not fail because the disk is full by then. Some file systems cannot promise that; those
 * that can and do not are full. */
static bool set_room_aside(int fd)
{
    struct stat status;

    return fstat(fd, &status) == 0 &&
           (fallocate(fd, FALLOC_FL_KEEP_SIZE, status.st_size, ROOM_TO_GROW) == 0 || errno == EOPNOTSUPP);
}

/* A file with a name of no consequence, open for appending. */
static bool make_file(int directory, char **name, int *fd)
{
    uint64_t random;

    if (getrandom(&random, sizeof(random), 0) != sizeof(random)) {
        return false;
    }
    if (asprintf(name, "%016llx" SUFFIX_NEW, (unsigned long long)random) < 0) {
        *name = NULL;
        errno = ENOMEM;
        return false;
    }
    *fd = openat(directory, *name, O_RDWR | O_APPEND | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    return *fd >= 0;
}

/* From "x.new" to "x.mount". */
static bool give_name(struct mount_state *state)
{
    char *name;
    int stem = (int)(strlen(state->name) - strlen(SUFFIX_NEW));

    if (asprintf(&name, "%.*s" SUFFIX, stem, state->name) < 0) {
        errno = ENOMEM;
        return false;
    }
    if (renameat(state->directory, state->name, state->directory, name) < 0) {
        scope_free(&name);
        return false;
    }
    free(state->name);
    state->name = name;
    return true;
}

static bool write_and_lock(struct mount_state *state, const struct mount_record *record)
{
    return try_lock(state->fd, LOCK_SERVER) && mount_state_append(state, mount_record_describe(record)) &&
           set_room_aside(state->fd) && give_name(state);
}

enum exit_status mount_state_create(const struct runtime_dir *directory, const struct mount_record *record,
                                    struct mount_state *state)
{
    struct mount_state made = MOUNT_STATE_NONE;

    made.owner = directory->owner;
    made.is_alive = true;
    made.directory = fcntl(directory->fd, F_DUPFD_CLOEXEC, 0);
    if (made.directory < 0 || !make_file(made.directory, &made.name, &made.fd) || !write_and_lock(&made, record)) {
        int error = errno;
        mount_state_remove(&made);
        mount_state_close(&made);
        return ui_fail(EXIT_OTHER, NULL, "cannot record the mount in '%s': %s", directory->path,
                       explain_errno(error));
    }
    *state = made;
    return EXIT_DONE;
}

void mount_state_remove(struct mount_state *state)
{
    if (state->name && state->fd >= 0) {
        unlinkat(state->directory, state->name, 0);
    }
}

void mount_state_close(struct mount_state *state)
{
    mount_record_free(&state->record);
    scope_close(&state->fd);
    scope_close(&state->directory);
    free(state->name);
    *state = (struct mount_state)MOUNT_STATE_NONE;
}

/* False where the file is not one of ours. The lock is looked at first: after its end nothing is written. */
static bool look(struct mount_state *state)
{
    SCOPE_FREE char *text = malloc(FILE_SIZE_MAX);
    struct mount_record record;

    state->is_alive = is_locked(state->fd, LOCK_SERVER);
    ssize_t size = text ? pread(state->fd, text, FILE_SIZE_MAX, 0) : -1;
    if (size <= 0 || !mount_record_parse(text, (size_t)size, &record)) {
        return false;
    }
    mount_record_free(&state->record);
    state->record = record;
    return true;
}

void mount_state_refresh(struct mount_state *state)
{
    look(state);
}

/* Regular, and its owner's: another user's link to some other file is not followed into trouble. */
static bool is_sound(int fd, uid_t owner)
{
    struct stat status;

    return fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && status.st_uid == owner &&
           status.st_size <= FILE_SIZE_MAX;
}

static bool load_file(const struct runtime_dir *directory, const char *name, struct mount_state *state)
{
    *state = (struct mount_state)MOUNT_STATE_NONE;
    state->owner = directory->owner;
    state->fd = openat(directory->fd, name, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (state->fd < 0 || !is_sound(state->fd, directory->owner) || !look(state)) {
        return false;
    }
    if (state->record.phase == MOUNT_ENDED && !state->record.failure) {
        return false; /* it is over, and all is well: its server is on its last instructions */
    }
    state->directory = fcntl(directory->fd, F_DUPFD_CLOEXEC, 0);
    state->name = strdup(name);
    return state->directory >= 0 && state->name;
}

static bool has_suffix(const char *name, const char *suffix)
{
    size_t length = strlen(name);
    size_t wanted = strlen(suffix);

    return length > wanted && strcmp(name + length - wanted, suffix) == 0;
}

/* What a server left that died between making its file and naming it. A live one holds the lock or has made its
 * file a moment ago. */
static void remove_unfinished(const struct runtime_dir *directory, const char *name)
{
    struct stat status;
    SCOPE_FD int fd = openat(directory->fd, name, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

    if (fd >= 0 && is_sound(fd, geteuid()) && fstat(fd, &status) == 0 && time(NULL) - status.st_mtime > 60 &&
        !is_locked(fd, LOCK_SERVER)) {
        unlinkat(directory->fd, name, 0);
    }
}

static bool append_state(struct mount_states *states, const struct mount_state *state)
{
    struct mount_state *larger = realloc(states->items, (states->count + 1) * sizeof(states->items[0]));

    if (!larger) {
        return false;
    }
    states->items = larger;
    states->items[states->count++] = *state;
    return true;
}

static bool load_directory(const struct runtime_dir *directory, struct mount_states *states)
{
    int fd = openat(directory->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    SCOPE_DIR DIR *entries = fd >= 0 ? fdopendir(fd) : NULL;

    if (!entries) {
        scope_close(&fd);
        return true; /* gone in the meantime: then nothing is in it */
    }
    for (const struct dirent *entry = readdir(entries); entry; entry = readdir(entries)) {
        if (has_suffix(entry->d_name, SUFFIX_NEW)) {
            remove_unfinished(directory, entry->d_name);
        }
        if (!has_suffix(entry->d_name, SUFFIX)) {
            continue;
        }
        struct mount_state state;
        if (!load_file(directory, entry->d_name, &state)) {
            mount_state_close(&state);
        } else if (!append_state(states, &state)) {
            mount_state_close(&state);
            return false;
        }
    }
    return true;
}

static int compare_age(const void *left, const void *right)
{
    const struct mount_state *a = left;
    const struct mount_state *b = right;

    return (a->record.started > b->record.started) - (a->record.started < b->record.started);
}

enum exit_status mount_states_load(struct mount_states *states)
{
    __attribute__((cleanup(runtime_dirs_free))) struct runtime_dirs directories = { 0 };

    *states = (struct mount_states){ 0 };
    bool is_complete = runtime_dirs_find(&directories);
    for (size_t i = 0; is_complete && i < directories.count; i++) {
        is_complete = load_directory(&directories.items[i], states);
    }
    if (!is_complete) {
        mount_states_free(states);
        return ui_fail(EXIT_NO_MEMORY, NULL, "cannot list the mounts: out of memory");
    }
    if (states->count > 0) {
        qsort(states->items, states->count, sizeof(states->items[0]), compare_age);
    }
    return EXIT_DONE;
}

void mount_states_free(struct mount_states *states)
{
    for (size_t i = 0; i < states->count; i++) {
        mount_state_close(&states->items[i]);
    }
    free(states->items);
    *states = (struct mount_states){ 0 };
}

bool mount_state_claim(struct mount_state *state)
{
    struct stat status;

    return !is_locked(state->fd, LOCK_SERVER) && try_lock(state->fd, LOCK_CLEANER) &&
           fstat(state->fd, &status) == 0 && status.st_nlink > 0;
}

/* The server's process. The lock says afterwards that the number has not passed to another one; where it means
 * nothing here (another pid namespace), -1. */
static int open_server(const struct mount_state *state)
{
    int fd = (int)syscall(SYS_pidfd_open, state->record.server_pid, 0);

    if (fd >= 0 && !is_locked(state->fd, LOCK_SERVER)) {
        scope_close(&fd);
        return -1;
    }
    return fd;
}

bool mount_state_wait(struct mount_state *state, int64_t deadline)
{
    SCOPE_FD int server = open_server(state);
    struct pollfd event = { .fd = server, .events = POLLIN };

    while (is_locked(state->fd, LOCK_SERVER)) {
        if (deadline_is_over(deadline)) {
            mount_state_refresh(state);
            return false;
        }
        if (poll(&event, 1, deadline_nap(deadline, LOOK_MS)) > 0) {
            event.fd = -1; /* gone; the lock will follow, and poll only sleeps from now on */
        }
    }
    if (event.fd >= 0) {
        poll(&event, 1, REAP_MS);
    }
    mount_state_refresh(state);
    return true;
}
