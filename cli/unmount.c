/* SPDX-License-Identifier: ISC */
/*
 * unmount.c - ending a mount (unmount.h).
 *
 * The promise: without a problem, no process serves this cleartext any more and all that was written is on the
 * medium. That is the server's word, in the state file that it wrote to last; where there is none, nobody says so.
 */
#include "unmount.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "deadline.h"
#include "detach.h"
#include "holders.h"
#include "liveness.h"
#include "mapped.h"
#include "scope.h"
#include "stale.h"
#include "ui.h"

#define LOOK_MS   50    /* between two attempts */
#define GRACE_MS  5000  /* for holders that are just letting go */
#define DEVICE_MS 1000  /* for programs like udev's that look at a device and go */
#define START_MS  10000 /* for a server that is about to mount */
#define FLUSH_MS  30000 /* for a server that nothing but the lock on its volume tells about */
#define HINT_BUSY "stop what uses it, or give it time with --wait SECONDS; --lazy takes it out of the tree at once"

static const struct unmount_problem no_problem = { .status = EXIT_DONE };

COFFER_PRINTF(3, 4)
static struct unmount_problem problem(enum exit_status status, const char *hint, const char *format, ...)
{
    struct unmount_problem made = { status, NULL, hint };
    va_list list;

    va_start(list, format);
    if (vasprintf(&made.text, format, list) < 0) {
        made.text = NULL;
    }
    va_end(list);
    return made;
}

static void nap(int64_t deadline)
{
    poll(NULL, 0, deadline_nap(deadline, LOOK_MS));
}

/* ---- Busy ---- */

/* What is to be unmounted, from whichever source. */
struct target {
    struct detach_target mount;
    pid_t server; /* 0 = not known */
};

static struct unmount_problem say_busy(const struct target *target)
{
    struct holders holders;

    if (!holders_find(target->mount.mount_point, target->mount.device, target->server, &holders)) {
        return problem(EXIT_IN_USE, HINT_BUSY, "cannot unmount '%s': it is in use", target->mount.mount_point);
    }
    SCOPE_FREE char *words = holders.count > 0 ? holders_describe(&holders) : NULL;
    holders_free(&holders);
    if (words) {
        return problem(EXIT_IN_USE, HINT_BUSY, "cannot unmount '%s': in use by %s", target->mount.mount_point,
                       words);
    }
    return problem(EXIT_IN_USE, geteuid() == 0 ? HINT_BUSY : "root can see the processes of all users; " HINT_BUSY,
                   "cannot unmount '%s': in use by something that cannot be seen from here",
                   target->mount.mount_point);
}

/* A loop device may be on its way out: it lets go a moment after losetup -d. */
static bool has_lasting_holder(const struct target *target)
{
    struct holders holders;
    bool is_any = false;

    if (!holders_find(target->mount.mount_point, target->mount.device, target->server, &holders)) {
        return false;
    }
    for (size_t i = 0; i < holders.count; i++) {
        is_any = is_any || holders.items[i].kind != HOLDER_LOOP;
    }
    holders_free(&holders);
    return is_any;
}

static struct unmount_problem say_stopped(const struct mount_record *record)
{
    return problem(
        EXIT_IN_USE, "'kill -CONT' lets that process go on; --lazy takes the mount out of the tree at once",
        "cannot unmount '%s': its server, process %ld, is stopped", record->mount_point, (long)record->server_pid);
}

/* Whether an attempt that met a busy mount is the last. Without --wait a holder that will last is named at once; the
 * others get a moment. */
static bool is_hopeless(const struct target *target, const struct unmount_request *request, int64_t grace,
                        bool may_be_held)
{
    if (request->deadline != DEADLINE_NEVER) {
        return deadline_is_over(request->deadline);
    }
    return deadline_is_over(grace) || (may_be_held && has_lasting_holder(target));
}

/* ---- Out of the tree ---- */

/* How long the kernel gets to write out what is dirty. */
static int64_t limit_of(const struct unmount_request *request)
{
    int64_t least = deadline_in(GRACE_MS);

    return request->lazy || request->deadline < least ? least : request->deadline;
}

/* `is_first` says whether it was this call that took it out. */
static struct unmount_problem detach(const struct target *target, const struct unmount_request *request,
                                     bool *is_first)
{
    int64_t limit = limit_of(request);
    int64_t grace = deadline_in(GRACE_MS);
    char reason[256];

    *is_first = false;

    for (;;) {
        switch (detach_mount(&target->mount, request->lazy, limit, sizeof(reason), reason)) {
        case DETACH_DONE:
            *is_first = true;
            return no_problem;
        case DETACH_GONE:
            return no_problem;
        case DETACH_LATE:
            return problem(EXIT_IN_USE, "it goes on by itself: 'coffer list' shows it until it is done",
                           "'%s' is being unmounted, but what was written to it is not on the medium yet",
                           target->mount.mount_point);
        case DETACH_COVERED:
            return problem(EXIT_IN_USE, "unmount that first",
                           "cannot unmount '%s': something else is mounted over it", target->mount.mount_point);
        case DETACH_REFUSED:
            return problem(EXIT_NOT_PERMITTED, NULL, "cannot unmount '%s': %s", target->mount.mount_point, reason);
        case DETACH_BUSY:
            break;
        }
        if (is_hopeless(target, request, grace, true)) {
            return say_busy(target);
        }
        nap(DEADLINE_NEVER);
    }
}

/* ---- The server's end ---- */

static struct target target_of(const struct mount_state *state)
{
    const struct mount_record *record = &state->record;

    return (struct target){ { record->mount_point, record->device, state->owner, record->source },
                            record->server_pid };
}

/* Waits for a server that has opened the volume but not yet mounted it. */
static void await_start(struct mount_state *state, const struct unmount_request *request)
{
    int64_t limit = deadline_in(START_MS);

    while (state->is_alive && state->record.phase == MOUNT_STARTING && !deadline_is_over(limit) &&
           !deadline_is_over(request->deadline)) {
        nap(limit);
        mount_state_refresh(state);
    }
}

/* A server that is stopped writes nothing, and the kernel would wait for it where no signal reaches. Whether it still
 * is at the end of the time that it was given. */
static bool await_waking(struct mount_state *state, const struct unmount_request *request)
{
    while (state->is_alive && liveness_is_stopped(state->record.server_pid)) {
        if (request->deadline == DEADLINE_NEVER || deadline_is_over(request->deadline)) {
            return false;
        }
        nap(request->deadline);
        mount_state_refresh(state);
    }
    return true;
}

static void say_that_it_takes_long(const struct mount_state *state)
{
    if (isatty(STDERR_FILENO)) {
        ui_notice("waiting until all of '%s' is on the medium", state->record.volume);
    }
}

/* The mount is out of the tree. Its server now flushes and ends, at once or when the last file is closed. Where it was
 * not busy, holders are sought late: its device number is free, and may be another mount's by now. */
static struct unmount_problem await_end(struct mount_state *state, const struct unmount_request *request,
                                        bool was_busy)
{
    int64_t grace = deadline_in(was_busy ? GRACE_MS : START_MS);
    bool is_said = false;

    while (!mount_state_wait(state, deadline_in(LOOK_MS))) {
        const struct target target = target_of(state); /* anew: the wait reads the record again */
        bool is_held = state->record.phase != MOUNT_CLOSING && state->record.phase != MOUNT_ENDED;
        if (liveness_is_stopped(target.server) && (request->lazy || !await_waking(state, request))) {
            return request->lazy ? no_problem : say_stopped(&state->record);
        }
        if (is_held && is_hopeless(&target, request, grace, was_busy)) {
            return request->lazy ? no_problem : say_busy(&target);
        }
        if (!is_held && deadline_is_over(request->deadline)) {
            return problem(EXIT_IN_USE, NULL, "'%s' is unmounted, but its server is still writing to '%s'",
                           state->record.mount_point, state->record.volume);
        }
        if (!is_said && !is_held && deadline_is_over(grace)) {
            is_said = true;
            say_that_it_takes_long(state);
        }
    }
    return no_problem;
}

/* What the server said last. A failure was told with this: nobody needs the file any more. */
static struct unmount_problem judge(struct mount_state *state)
{
    static const char *const hint =
        "what was written last may be lost: look at the medium and at the kernel's log";
    const struct mount_record *record = &state->record;

    if (record->phase == MOUNT_ENDED && !record->failure) {
        return no_problem;
    }
    if (record->phase == MOUNT_ENDED) {
        struct unmount_problem made = problem(EXIT_OTHER, hint, "'%s' is unmounted, but closing '%s' failed: %s",
                                              record->mount_point, record->volume, record->failure);
        mount_state_remove(state);
        return made;
    }
    return problem(EXIT_OTHER, hint, "the server of '%s' died before it had written everything", record->volume);
}

static struct unmount_problem unmount_dead(struct mount_state *state)
{
    stale_clean(state);
    return judge(state);
}

/* ---- A mapping by itself ---- */

static struct unmount_problem say_device_busy(const struct mount_state *state)
{
    struct holders holders;
    bool is_found = holders_find_of_device(state->record.source, state->record.server_pid, &holders);

    SCOPE_FREE char *words = is_found && holders.count > 0 ? holders_describe(&holders) : NULL;
    holders_free(&holders);
    if (words) {
        return problem(EXIT_IN_USE, HINT_BUSY, "cannot close '%s': in use by %s", state->record.mount_point,
                       words);
    }
    return problem(EXIT_IN_USE, HINT_BUSY, "cannot close '%s': it is mounted, or a program has it open",
                   state->record.mount_point);
}

/* Waits until nobody but the server has it open. */
static struct unmount_problem await_device(const struct mount_state *state, const struct unmount_request *request)
{
    int64_t limit = request->deadline == DEADLINE_NEVER ? deadline_in(DEVICE_MS) : request->deadline;
    int own = state->is_alive ? 1 : 0;

    while (!request->lazy && map_users(state->record.source) > own) {
        if (deadline_is_over(limit)) {
            return say_device_busy(state);
        }
        nap(limit);
    }
    return no_problem;
}

/* Its server lets go of it when it is told to end; the lock says that the number is still that server's. */
static struct unmount_problem stop_server(struct mount_state *state)
{
    SCOPE_FD int server = (int)syscall(SYS_pidfd_open, state->record.server_pid, 0);

    mount_state_refresh(state);
    if (state->is_alive && (server < 0 || syscall(SYS_pidfd_send_signal, server, SIGTERM, NULL, 0) < 0) &&
        errno != ESRCH) {
        return problem(EXIT_NOT_PERMITTED, NULL, "cannot stop the server of '%s': %s", state->record.mount_point,
                       explain_errno(errno));
    }
    return no_problem;
}

static struct unmount_problem close_device(struct mount_state *state, const struct unmount_request *request)
{
    struct unmount_problem failed = await_device(state, request);

    return failed.status || !state->is_alive ? failed : stop_server(state);
}

/* The server is dead, which changes nothing for a mapping: it is unmounted like any other file system. */
static struct unmount_problem unmount_mapped(struct mount_state *state, const struct unmount_request *request)
{
    const struct target target = target_of(state);

    bool is_first = true;
    struct unmount_problem failed =
        mapped_is_device(&state->record) ? close_device(state, request) : detach(&target, request, &is_first);
    while (failed.status == EXIT_DONE && !request->lazy && mapped_is_there(state)) {
        if (deadline_is_over(request->deadline)) {
            return say_busy(&target);
        }
        nap(request->deadline);
    }
    if (failed.status == EXIT_DONE) {
        stale_clean(state);
    }
    return failed;
}

/* After --lazy. */
static void say_what_is_left(const struct mount_record *record)
{
    if (liveness_is_stopped(record->server_pid)) {
        ui_notice("'%s' is unmounted; its server, process %ld, is stopped, and '%s' stays open until it goes on",
                  record->mount_point, (long)record->server_pid, record->volume);
        return;
    }
    ui_notice("'%s' is unmounted; files in it are still open, and '%s' stays open until they are closed",
              record->mount_point, record->volume);
}

struct unmount_problem unmount_state(struct mount_state *state, const struct unmount_request *request)
{
    mount_state_refresh(state);
    await_start(state, request);
    if (!state->is_alive) {
        return mapped_is_there(state) ? unmount_mapped(state, request) : unmount_dead(state);
    }
    if (state->record.phase == MOUNT_STARTING) {
        return problem(EXIT_IN_USE, "try again when it is there", "'%s' is just being mounted at '%s'",
                       state->record.volume, state->record.mount_point);
    }
    if (!request->lazy && !await_waking(state, request)) {
        return say_stopped(&state->record);
    }
    const struct target target = target_of(state);
    bool is_first = true;
    struct unmount_problem failed =
        mapped_is_device(&state->record) ? close_device(state, request) : detach(&target, request, &is_first);
    failed = failed.status ? failed : await_end(state, request, request->lazy || !is_first);
    if (failed.status != EXIT_DONE) {
        return failed;
    }
    if (state->is_alive) {
        say_what_is_left(&state->record);
        return no_problem;
    }
    return state->record.phase == MOUNT_ENDED ? judge(state) : unmount_dead(state);
}

/* ---- Without a state file ---- */

/* Whether somebody has the volume open; only a server has a lock on it. */
static bool is_volume_locked(const char *volume)
{
    struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
    SCOPE_FD int fd = open(volume, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

    return fd >= 0 && fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

struct unmount_problem unmount_entry(const struct mount_entry *entry, const struct unmount_request *request)
{
    const struct target target = { { entry->mount_point, entry->device, entry->owner, NULL }, 0 };

    bool is_first;
    struct unmount_problem failed = detach(&target, request, &is_first);
    if (failed.status != EXIT_DONE) {
        return failed;
    }
    int64_t limit = request->deadline == DEADLINE_NEVER ? deadline_in(FLUSH_MS) : request->deadline;
    while (is_volume_locked(entry->source) && !deadline_is_over(limit)) {
        nap(limit);
    }
    ui_warn("'%s' is unmounted, but its state file is gone, so it is not known how its last flush went",
            entry->mount_point);
    return no_problem;
}
