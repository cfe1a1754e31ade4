/* SPDX-License-Identifier: ISC */
/*
 * One mounted volume from mount to unmount, whatever it serves. The end of a mount is decided by the kernel
 * alone: serve_stop and everybody else unmount, the connection ends, the threads see that and are gone, and
 * serve_wait, which waits for them, returns. So no way of ending a mount can meet a lock of ours.
 */
#include "serve.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "failure.h"
#include "loop.h"
#include "mount.h"
#include "session.h"

#define BACKGROUND_MAX 64 /* requests of read-ahead, write-back and asynchronous I/O that may be under way */

struct serve_session {
    struct session_kind kind;
    void *state;
    bool writeback;
    struct fuse_session *fuse;
    struct mount_identity mount;
    struct loop loop;
};

void *session_state(fuse_req_t request)
{
    const struct serve_session *session = fuse_req_userdata(request);
    return session->state;
}

/* ---- Starting ---------------------------------------------------------------------------------------------- */

static void negotiate(void *user, struct fuse_conn_info *connection)
{
    const struct serve_session *session = user;
    connection->max_write = LOOP_DATA_MAX;
    connection->max_readahead = LOOP_DATA_MAX;
    connection->max_background = BACKGROUND_MAX;
    connection->congestion_threshold = BACKGROUND_MAX * 3 / 4;
    connection->want =
        FUSE_CAP_ASYNC_READ | FUSE_CAP_ASYNC_DIO | FUSE_CAP_PARALLEL_DIROPS | FUSE_CAP_EXPLICIT_INVAL_DATA;
    /* Not wanted: ATOMIC_O_TRUNC, which lets the kernel forget the size without asking; AUTO_INVAL_DATA, which
     * drops the cache whenever a time moves, though nobody writes but through this kernel; splice, which saves
     * no copy where every byte is encrypted or decrypted between two buffers. */
    if (session->writeback) {
        connection->want |= FUSE_CAP_WRITEBACK_CACHE;
    }
    connection->want |= session->kind.want;
    connection->want &= connection->capable;
}

static enum coffer_status make_fuse(struct serve_session *session, struct coffer_error *error)
{
    char name[] = "coffer";
    char *arguments[] = { name, NULL };
    struct fuse_args args = FUSE_ARGS_INIT(1, arguments);
    session->kind.ops.init = negotiate;
    session->fuse = fuse_session_new(&args, &session->kind.ops, sizeof(session->kind.ops), session);
    fuse_opt_free_args(&args);
    return session->fuse
               ? COFFER_OK
               : failure_set(error, COFFER_NO_MEMORY, ENOMEM, "not enough memory for a file system session");
}

/* Mounts and starts the threads. When it fails, nothing is mounted any more and the threads are gone. */
static enum coffer_status attach(struct serve_session *session, const struct serve_options *options,
                                 struct coffer_error *error)
{
    const struct mount_wish wish = {
        .path = options->mount_point,
        .source = options->source && options->source[0] != '\0' ? options->source : "coffer",
        .read_only = options->read_only,
        .allow_other = options->allow_other,
        .no_exec = options->no_exec,
    };
    int fd;
    enum coffer_status status = mount_attach(&wish, &fd, error);
    if (status != COFFER_OK) {
        return status;
    }
    status = loop_init(&session->loop, session->fuse, fd, error);
    if (status != COFFER_OK) {
        mount_detach(wish.path, true, NULL);
        return status;
    }
    session->loop.takes_privileges = session->kind.takes_privileges;
    status = loop_start(&session->loop, options->threads > 0 ? options->threads : loop_default_threads(), error);
    if (status == COFFER_OK) {
        status = mount_identify(wish.path, &session->mount, error);
    }
    if (status != COFFER_OK) {
        mount_detach(wish.path, true, NULL);
        loop_join(&session->loop);
        loop_destroy(&session->loop);
        return status;
    }
    return COFFER_OK;
}

static void release(struct serve_session *session)
{
    if (session->fuse) {
        fuse_session_destroy(session->fuse); /* closes the connection */
    }
    session->kind.free(session->state);
    free(session);
}

enum coffer_status session_start(const struct session_kind *kind, void *state, const struct serve_options *options,
                                 struct serve_session **session, struct coffer_error *error)
{
    struct serve_session *new = calloc(1, sizeof(*new));
    if (!new) {
        kind->free(state);
        return failure_set(error, COFFER_NO_MEMORY, ENOMEM, "not enough memory for a file system session");
    }
    new->kind = *kind;
    new->state = state;
    new->writeback = options->writeback;
    enum coffer_status status = make_fuse(new, error);
    if (status == COFFER_OK) {
        status = attach(new, options, error);
    }
    if (status != COFFER_OK) {
        release(new);
        return status;
    }
    *session = new;
    return COFFER_OK;
}

/* ---- Ending ------------------------------------------------------------------------------------------------ */

/* A connection that was cut leaves its mount behind, dead. Nobody else takes it away. */
static void sweep(struct serve_session *session)
{
    char *path = NULL;
    if (mount_find(&session->mount, &path, NULL) == COFFER_OK && path && mount_is_dead(path)) {
        mount_detach(path, true, NULL);
    }
    free(path);
}

enum coffer_status serve_wait(struct serve_session *session, struct coffer_error *error)
{
    loop_join(&session->loop);
    sweep(session);
    const enum coffer_status status = session->kind.failure(session->state, error);
    if (status == COFFER_OK && session->loop.failure != 0) {
        return failure_set(error, COFFER_FAILED, session->loop.failure, "the connection to the kernel failed");
    }
    return status;
}

static enum coffer_status stop(struct serve_session *session, bool lazy, struct coffer_error *error)
{
    char *path = NULL;
    enum coffer_status status = mount_find(&session->mount, &path, error);
    if (status != COFFER_OK) {
        return status;
    }
    /* In this order: a connection that still lives kept its device number, by which it was found, from
     * being given to another mount. */
    if (!path || !loop_is_connected(&session->loop)) {
        free(path);
        return COFFER_OK;
    }
    struct mount_identity top;
    status = mount_identify(path, &top, error);
    if (status == COFFER_OK && memcmp(&top, &session->mount, sizeof(top)) != 0) {
        status = failure_set(error, COFFER_IN_USE, EBUSY, "another file system is mounted over it");
    }
    if (status == COFFER_OK) {
        status = mount_detach(path, lazy, error);
    }
    free(path);
    return status;
}

static bool is_unmounted(const struct serve_session *session)
{
    char *path = NULL;
    const bool is_known = mount_find(&session->mount, &path, NULL) == COFFER_OK;
    const bool is_there = path != NULL;
    free(path);
    return is_known && !is_there;
}

/* Whoever unmounts it at the same time, another thread or another process, may be faster anywhere on the way: the
 * mount is gone then, whatever the slower one was told. */
enum coffer_status serve_stop(struct serve_session *session, bool lazy, struct coffer_error *error)
{
    struct coffer_error first = COFFER_ERROR_INIT;
    const enum coffer_status status = stop(session, lazy, &first);
    if (status == COFFER_OK || is_unmounted(session)) {
        return COFFER_OK;
    }
    return failure_set(error, first.status, first.sys, "%s", first.text);
}

void serve_free(struct serve_session *session)
{
    if (!session) {
        return;
    }
    loop_destroy(&session->loop);
    release(session);
}

const char *serve_component(void)
{
    static _Thread_local char text[64];

    snprintf(text, sizeof(text), "libfuse %s", fuse_pkgversion());
    return text;
}
