/* SPDX-License-Identifier: ISC */
/* way_fuse.c - the two ways that are one FUSE mount: the volume as one file, and its files by a driver in process. */
#include <fcntl.h>
#include <unistd.h>

#include "files.h"
#include "mount_options.h"
#include "scope.h"
#include "serve.h"
#include "ui.h"
#include "way.h"

struct fuse_way {
    struct way way;
    struct files *files; /* NULL when the volume is one file */
    struct serve_session *session;
};

static enum coffer_status serve(struct fuse_way *fuse, struct coffer_error *error)
{
    const struct way_task *task = fuse->way.task;
    const struct server_request *request = task->request;
    const struct serve_options options = {
        .mount_point = request->point->path,
        .source = task->volume_path,
        .read_only = fuse->way.read_only,
        .allow_other = request->allow_other,
        .no_exec = mount_options_have(request->options, "noexec", "exec"),
        /* No cache of writes: others use it, and want to hear of a full disk; large writes are faster, too. */
        .writeback = false,
        .uncached = request->hidden_secret != NULL,
    };

    return fuse->files ? serve_files(fuse->files, &request->owner, &options, &fuse->session, error)
                       : serve_block(task->volume, &options, &fuse->session, error);
}

static enum exit_status begin(struct way *way)
{
    struct fuse_way *fuse = (struct fuse_way *)way;
    struct coffer_error error = COFFER_ERROR_INIT;

    return serve(fuse, &error) == COFFER_OK ? EXIT_DONE
                                            : ui_fail_library(OPERATION_MOUNT, way->task->request->volume, &error);
}

static enum coffer_status stop(struct way *way, bool lazy, struct coffer_error *error)
{
    struct fuse_way *fuse = (struct fuse_way *)way;

    return fuse->session ? serve_stop(fuse->session, lazy, error) : COFFER_OK;
}

/* What the kernel still holds comes to us: pages of mapped files, as nothing else is cached. Of a FUSE mount
 * syncfs only sends them, on many kernels; fsync of the one file also waits until they are written. */
static bool sync_all(struct way *way)
{
    struct fuse_way *fuse = (struct fuse_way *)way;
    SCOPE_FD int fd = open(way->task->request->point->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fuse->files) {
        return !(fd >= 0 && syncfs(fd) < 0) && fuse->files->ops->sync(fuse->files) == 0;
    }
    SCOPE_FD int volume = fd >= 0 ? openat(fd, "volume", O_RDONLY | O_CLOEXEC) : -1;
    return !(volume >= 0 && fsync(volume) < 0);
}

static void wait_for_end(struct way *way, struct coffer_error *error)
{
    struct fuse_way *fuse = (struct fuse_way *)way;

    if (fuse->session) {
        serve_wait(fuse->session, error);
    }
}

static void close_all(struct way *way, struct coffer_error *error)
{
    struct fuse_way *fuse = (struct fuse_way *)way;

    serve_free(fuse->session);
    if (fuse->files) {
        fuse->files->ops->close(fuse->files, error);
    }
    free(fuse);
}

static enum exit_status open_fuse(const struct way_task *task, const struct way_kind *kind, struct files *files,
                                  struct way **way)
{
    enum exit_status status = way_check_options(task, MOUNT_OPTIONS_FUSE);
    struct fuse_way *fuse = status ? NULL : calloc(1, sizeof(*fuse));

    if (!fuse) {
        if (files) {
            files->ops->close(files, NULL);
        }
        return status ? status : ui_fail_no_memory();
    }
    fuse->way = (struct way){ .kind = kind, .task = task };
    fuse->way.read_only = files ? files->read_only : task->info->read_only;
    fuse->files = files;
    *way = &fuse->way;
    return EXIT_DONE;
}

enum exit_status way_open_block(const struct way_task *task, struct way **way)
{
    static const struct way_kind kind = { "block", begin, stop, sync_all, wait_for_end, close_all };

    return open_fuse(task, &kind, NULL, way);
}

enum exit_status way_open_fuse(const struct way_task *task, struct files *files, struct way **way)
{
    static const struct way_kind kind = { "fuse", begin, stop, sync_all, wait_for_end, close_all };

    return open_fuse(task, &kind, files, way);
}
