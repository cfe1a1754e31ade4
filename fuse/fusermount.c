/* SPDX-License-Identifier: ISC */
/*
 * fusermount3 as a child: found by absolute path only, with an environment, descriptors and signals that we
 * choose, so that nothing of the caller's can divert it. libfuse would search PATH for it and pass on the
 * whole environment.
 */
#include "fusermount.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "failure.h"

#define CHILD_SOCKET 3 /* where the child finds its end; _FUSE_COMMFD says so */

struct child {
    pid_t pid;
    int socket;   /* ours; the connection's descriptor comes through it */
    int messages; /* what it writes to its standard error */
    char text[160];
};

static const char *find_program(void)
{
    static const char *const places[] = { "/usr/bin/fusermount3", "/bin/fusermount3" };
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        if (access(places[i], X_OK) == 0) {
            return places[i];
        }
    }
    return NULL;
}

static int spawn(const char *program, char *const arguments[], int socket, int messages, pid_t *pid)
{
    char *const environment[] = { (char *)"_FUSE_COMMFD=3", (char *)"LC_ALL=C", NULL };
    posix_spawn_file_actions_t files;
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_adddup2(&files, messages, STDERR_FILENO);
    posix_spawn_file_actions_adddup2(&files, socket, CHILD_SOCKET);
    posix_spawn_file_actions_addclosefrom_np(&files, CHILD_SOCKET + 1);

    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_t attributes;
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);

    const int status = posix_spawn(pid, program, &files, &attributes, arguments, environment);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&files);
    return status;
}

/* A descriptor that is none of 0 .. 3, so that building up the child's own does not overwrite it. */
static int move_up(int fd)
{
    const int moved = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, CHILD_SOCKET + 1);
    if (fd >= 0) {
        close(fd);
    }
    return moved;
}

static enum coffer_status start(struct child *child, char *const arguments[], struct coffer_error *error)
{
    const char *program = find_program();
    if (!program) {
        return failure_set(error, COFFER_NOT_PERMITTED, errno,
                           errno == ENOENT ? "fusermount3 is missing, and only root mounts without it"
                                           : "no permission to run fusermount3");
    }
    int sockets[2] = { -1, -1 }, pipes[2] = { -1, -1 };
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) != 0) {
        return failure_set(error, COFFER_FAILED, errno, "cannot talk to fusermount3");
    }
    if (pipe2(pipes, O_CLOEXEC) != 0) {
        const int sys = errno;
        close(sockets[0]);
        close(sockets[1]);
        return failure_set(error, COFFER_FAILED, sys, "cannot talk to fusermount3");
    }
    sockets[1] = move_up(sockets[1]);
    pipes[1] = move_up(pipes[1]);
    *child = (struct child){ .socket = sockets[0], .messages = pipes[0] };
    const int status =
        sockets[1] < 0 || pipes[1] < 0 ? EMFILE : spawn(program, arguments, sockets[1], pipes[1], &child->pid);
    close(sockets[1]);
    close(pipes[1]);
    if (status != 0) {
        close(child->socket);
        close(child->messages);
        return failure_set(error, COFFER_FAILED, status, "cannot run %s", program);
    }
    return COFFER_OK;
}

/* The descriptor that the child sends, or -1 when it ends without sending one. */
static int receive_descriptor(int socket)
{
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(int))];
    } control;
    char byte;
    struct iovec iov = { .iov_base = &byte, .iov_len = 1 };
    struct msghdr message = {
        .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)
    };
    ssize_t size;
    do {
        size = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
    } while (size < 0 && errno == EINTR);
    const struct cmsghdr *header = size > 0 ? CMSG_FIRSTHDR(&message) : NULL;
    if (!header || header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS ||
        header->cmsg_len != CMSG_LEN(sizeof(int))) {
        return -1;
    }
    int fd;
    memcpy(&fd, CMSG_DATA(header), sizeof(fd));
    return fd;
}

/* The first line of what the child said, without its name; names of files in it may hold anything. */
static void keep_first_line(char *text)
{
    static const char prefix[] = "fusermount3: ";
    if (strncmp(text, prefix, sizeof(prefix) - 1) == 0) {
        memmove(text, text + sizeof(prefix) - 1, strlen(text) - (sizeof(prefix) - 1) + 1);
    }
    text[strcspn(text, "\n")] = '\0';
    for (unsigned char *c = (unsigned char *)text; *c != '\0'; c++) {
        if (*c < ' ' || *c >= 127) {
            *c = '?';
        }
    }
}

/* Reads what the child says to its end, and waits for it. Returns its exit status; -1 where that is not known
 * (killed, or the caller ignores SIGCHLD). */
static int finish(struct child *child)
{
    size_t used = 0;
    for (;;) {
        char rest[256];
        const bool full = used == sizeof(child->text) - 1;
        const ssize_t size = read(child->messages, full ? rest : child->text + used,
                                  full ? sizeof(rest) : sizeof(child->text) - 1 - used);
        if (size < 0 && errno == EINTR) {
            continue;
        }
        if (size <= 0) {
            break;
        }
        used += full ? 0 : (size_t)size;
    }
    child->text[used] = '\0';
    keep_first_line(child->text);
    close(child->messages);
    close(child->socket);
    int status;
    pid_t pid;
    do {
        pid = waitpid(child->pid, &status, 0);
    } while (pid < 0 && errno == EINTR);
    return pid == child->pid && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

enum coffer_status fusermount_mount(const char *path, const char *options, int *fd, struct coffer_error *error)
{
    char *const arguments[] = { (char *)"fusermount3", (char *)"-o", (char *)options,
                                (char *)"--",          (char *)path, NULL };
    struct child child;
    const enum coffer_status status = start(&child, arguments, error);
    if (status != COFFER_OK) {
        return status;
    }
    const int received = receive_descriptor(child.socket);
    finish(&child);
    if (received < 0) {
        return failure_set(error, COFFER_NOT_PERMITTED, 0, "fusermount3 refuses: %s",
                           child.text[0] != '\0' ? child.text : "it gives no reason");
    }
    *fd = received;
    return COFFER_OK;
}

enum coffer_status fusermount_unmount(const char *path, bool lazy, struct coffer_error *error)
{
    char *const arguments[] = { (char *)"fusermount3", (char *)(lazy ? "-uz" : "-u"), (char *)"--", (char *)path,
                                NULL };
    struct child child;
    const enum coffer_status status = start(&child, arguments, error);
    if (status != COFFER_OK) {
        return status;
    }
    if (finish(&child) == 0) {
        return COFFER_OK;
    }
    /* Its exit status does not say why; in the C locale its words do. */
    if (strstr(child.text, "busy")) {
        return failure_set(error, COFFER_IN_USE, EBUSY, "files in it are in use");
    }
    return failure_set(error, COFFER_NOT_PERMITTED, 0, "fusermount3 refuses: %s",
                       child.text[0] != '\0' ? child.text : "it gives no reason");
}
