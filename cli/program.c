/* SPDX-License-Identifier: ISC */
/*
 * program.c - running another program (program.h).
 *
 * The invariant: what runs depends on the file system of the machine and on the arguments, on nothing that
 * the caller inherited (CVE-2024-54187 was a helper found through PATH). posix_spawn shares the memory of the
 * parent until exec, so that no copy of locked memory is ever made.
 */
#include "program.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "scope.h"

#define LOOK_MS 200 /* between looks at whether to stop */

static const char *const directories[] = { "/usr/sbin", "/usr/bin", "/sbin", "/bin" };

static const char *const environment[] = {
    "PATH=/usr/sbin:/usr/bin:/sbin:/bin",
    "LC_ALL=C.UTF-8", /* messages in English, labels in any script */
    "HOME=/",
    NULL,
};

bool program_find(const char *program, char path[static PROGRAM_PATH_MAX])
{
    for (size_t i = 0; i < sizeof(directories) / sizeof(directories[0]); i++) {
        int length = snprintf(path, PROGRAM_PATH_MAX, "%s/%s", directories[i], program);
        if (length > 0 && length < PROGRAM_PATH_MAX && access(path, X_OK) == 0) {
            return true;
        }
    }
    return false;
}

/* What a program is started with. */
struct surroundings {
    int directory; /* -1 = ours */
    int output;
    bool drops_errors; /* else they go to the output, too */
};

/* stdin is /dev/null, nothing but the output stays open. */
static int set_descriptors(posix_spawn_file_actions_t *actions, const struct surroundings *around)
{
    int error = around->directory < 0 ? 0 : posix_spawn_file_actions_addfchdir_np(actions, around->directory);
    error = error ? error : posix_spawn_file_actions_adddup2(actions, around->output, STDOUT_FILENO);
    if (!error && around->drops_errors) {
        error = posix_spawn_file_actions_addopen(actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    } else if (!error) {
        error = posix_spawn_file_actions_adddup2(actions, around->output, STDERR_FILENO);
    }
    error = error ? error : posix_spawn_file_actions_addopen(actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    return error ? error : posix_spawn_file_actions_addclosefrom_np(actions, STDERR_FILENO + 1);
}

static int set_signals(posix_spawnattr_t *attributes)
{
    sigset_t all, none;

    sigfillset(&all);
    sigemptyset(&none);
    int error = posix_spawnattr_setsigdefault(attributes, &all);
    error = error ? error : posix_spawnattr_setsigmask(attributes, &none);
    /* A process group of its own: Ctrl-C is for us to judge. A file system that is half grown must not be left. */
    error = error ? error : posix_spawnattr_setpgroup(attributes, 0);
    return error ? error
                 : posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK |
                                                            POSIX_SPAWN_SETPGROUP);
}

static int spawn(const char *const *arguments, const struct surroundings *around, pid_t *pid)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;

    int error = posix_spawn_file_actions_init(&actions);
    if (error) {
        return error;
    }
    error = posix_spawnattr_init(&attributes);
    if (error) {
        posix_spawn_file_actions_destroy(&actions);
        return error;
    }
    error = set_descriptors(&actions, around);
    error = error ? error : set_signals(&attributes);
    /* posix_spawn promises not to change the strings: the casts are for its prototype. */
    error = error ? error
                  : posix_spawn(pid, arguments[0], &actions, &attributes, (char *const *)(uintptr_t)arguments,
                                (char *const *)(uintptr_t)environment);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return error;
}

struct running {
    pid_t pid;
    program_stop_fn *stop;
};

static void look_at_stop(struct running *running)
{
    if (running->stop && running->stop()) {
        kill(running->pid, SIGTERM);
        running->stop = NULL;
    }
}

/* Reads to the end of the pipe and keeps the last bytes, so that a program that talks much is not blocked. */
static void collect(int input, struct running *running, char output[static PROGRAM_OUTPUT_MAX])
{
    const size_t half = PROGRAM_OUTPUT_MAX / 2;
    size_t size = 0;

    for (;;) {
        if (size == PROGRAM_OUTPUT_MAX - 1) {
            memmove(output, output + size - half, half);
            size = half;
        }
        /* A signal that comes just before the wait does not end it: so it ends by itself. */
        struct pollfd event = { .fd = input, .events = POLLIN };
        int ready = poll(&event, 1, running->stop ? LOOK_MS : -1);
        look_at_stop(running);
        if (ready == 0 || (ready < 0 && errno == EINTR)) {
            continue;
        }
        ssize_t got = read(input, output + size, PROGRAM_OUTPUT_MAX - 1 - size);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            break;
        }
        size += (size_t)got;
    }
    for (size_t i = 0; i < size; i++) {
        output[i] = output[i] ? output[i] : ' ';
    }
    output[size] = '\0';
}

static int wait_for(struct running *running, int *status)
{
    int raw;

    while (waitpid(running->pid, &raw, 0) < 0) {
        if (errno != EINTR) {
            return errno;
        }
        look_at_stop(running);
    }
    *status = WIFEXITED(raw) ? WEXITSTATUS(raw) : 128 + WTERMSIG(raw);
    return 0;
}

static bool run(int directory, const char *const *arguments, program_stop_fn *stop, struct program_result *result)
{
    SCOPE_FD int input = -1;
    SCOPE_FD int output = -1;
    int ends[2];
    struct running running = { .stop = stop };

    *result = (struct program_result){ 0 };
    if (pipe2(ends, O_CLOEXEC) < 0) {
        result->error = errno;
        return false;
    }
    input = ends[0];
    output = ends[1];
    result->error = spawn(arguments, &(struct surroundings){ directory, output, false }, &running.pid);
    if (result->error) {
        return false;
    }
    close(SCOPE_TAKE(output, -1));
    collect(input, &running, result->output);
    result->error = wait_for(&running, &result->status);
    return result->error == 0 && result->status == 0;
}

bool program_run(const char *const *arguments, program_stop_fn *stop, struct program_result *result)
{
    return run(-1, arguments, stop, result);
}

bool program_run_in(int directory, const char *const *arguments, struct program_result *result)
{
    return run(directory, arguments, NULL, result);
}

int program_start(const char *const *arguments, int *output, pid_t *pid)
{
    int ends[2];

    if (pipe2(ends, O_CLOEXEC) < 0) {
        return errno;
    }
    int error = spawn(arguments, &(struct surroundings){ -1, ends[1], true }, pid);
    close(ends[1]);
    if (error) {
        close(ends[0]);
        return error;
    }
    *output = ends[0];
    return 0;
}

char *program_last_line(struct program_result *result)
{
    char *text = result->output;
    size_t end = strlen(text);

    while (end > 0 && isspace((unsigned char)text[end - 1])) {
        end--;
    }
    text[end] = '\0';
    char *line = strrchr(text, '\n');
    line = line ? line + 1 : text;
    while (isspace((unsigned char)*line)) {
        line++;
    }
    return line;
}
