/* SPDX-License-Identifier: ISC */
/*
 * server.c - the process that serves a mount (server.h).
 *
 * The invariants: a state file exists from before the mount until after the keys are wiped, and it is locked all
 * that time; whatever fails on the way, what was made before is undone in the opposite order; how the last flush
 * went is written down before anybody can see that the server is gone.
 *
 * Threads: those of the session, which take no signals; one that waits for signals; this one, which waits for the
 * end of the mount.
 */
#include "server.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "canonical_path.h"
#include "detach.h"
#include "existing.h"
#include "json.h"
#include "mount_state.h"
#include "mount_table.h"
#include "progress.h"
#include "remembered.h"
#include "runtime_dir.h"
#include "scope.h"
#include "secrets.h"
#include "server_process.h"
#include "stop_signals.h"
#include "swap.h"
#include "ui.h"
#include "way.h"

struct server {
    const struct server_request *request;
    struct coffer_volume *volume;
    struct coffer_info info;
    char *volume_path; /* canonical */
    struct mount_state state;
    struct way_task task;
    struct way *way;
    bool is_watching;
};

/* ---- Opening the volume ---- */

static enum exit_status fail_in_use(const struct server_request *request, const char *place)
{
    return ui_fail(EXIT_IN_USE, "unmount it first; any number of read-only mounts can share a volume",
                   "cannot open '%s': it is mounted at '%s'", request->volume, place);
}

static enum exit_status fail_to_open(const struct server_request *request, const struct coffer_error *error)
{
    SCOPE_FREE char *place =
        error->status == COFFER_IN_USE ? existing_find_mount(request->volume, request->read_only) : NULL;

    return place ? fail_in_use(request, place) : ui_fail_library(OPERATION_OPEN, request->volume, error);
}

static enum exit_status check_before_asking(const struct server_request *request)
{
    SCOPE_FREE char *place = existing_find_mount(request->volume, request->read_only);

    return place ? fail_in_use(request, place) : EXIT_DONE;
}

/* The volume's secret, and that of the hidden one where it is to be kept. */
static enum exit_status read_secrets(const struct server_request *request, struct coffer_credential **credential,
                                     struct coffer_credential **hidden)
{
    if (!request->hidden_secret) {
        return existing_read_secret(request->secret, request->format, request->volume, credential);
    }
    enum exit_status status = existing_look(request->volume, NULL);
    status = status ? status : secrets_read(request->secret, SECRET_OUTER, request->volume, credential);
    return status ? status : secrets_read(request->hidden_secret, SECRET_HIDDEN, request->volume, hidden);
}

/* A coffer_notice_fn. Once the volume is served, on any thread: something was refused for the hidden volume's sake. */
static void take_notice(void *user, const char *text)
{
    struct server *server = user;

    if (server->state.fd < 0) {
        ui_notice("%s", text);
        return;
    }
    mount_state_append(&server->state, mount_record_say_refused());
    ui_warn("%s", text); /* in the foreground somebody sees it */
}

static enum coffer_status open_with(struct server *server, const struct coffer_credential *credential,
                                    const struct coffer_credential *hidden, struct coffer_error *error)
{
    const struct server_request *request = server->request;
    struct coffer_open_options options = COFFER_OPEN_OPTIONS_INIT;

    format_options_apply(request->format, &options);
    options.read_only = request->read_only;
    options.kdf_level = request->kdf_level;
    options.protect_hidden = hidden;
    options.callbacks.notice = take_notice;
    options.callbacks.progress = progress_report_rounds;
    options.callbacks.user = server;
    return remembered_open(request->volume, credential, &options, request->remember, &server->volume, error);
}

static enum exit_status open_volume(struct server *server)
{
    const struct server_request *request = server->request;
    struct coffer_error error = COFFER_ERROR_INIT;
    struct coffer_credential *credential = NULL;
    struct coffer_credential *hidden = NULL;

    enum exit_status status = check_before_asking(request);
    status = status ? status : read_secrets(request, &credential, &hidden);
    if (status != EXIT_DONE) {
        coffer_credential_free(credential);
        return status;
    }
    server_process_close_inherited();
    bool was_locked = coffer_memory_is_locked();
    enum coffer_status opened = open_with(server, credential, hidden, &error);
    ui_clear_transient();
    coffer_credential_free(credential);
    coffer_credential_free(hidden);
    if (opened != COFFER_OK) {
        return fail_to_open(request, &error);
    }
    if (was_locked && !coffer_memory_is_locked()) {
        ui_warn("the system refuses to lock memory, so the keys may reach unencrypted swap space");
    }
    server->info.size = sizeof(server->info);
    if (coffer_volume_info(server->volume, &server->info, &error) != COFFER_OK) {
        return fail_to_open(request, &error);
    }
    if (request->block) { /* else a file system in it vouches for the key */
        format_options_warn_unverified(&server->info);
    }
    return EXIT_DONE;
}

/* ---- Mounting ---- */

static enum exit_status open_way(struct server *server)
{
    server->volume_path = canonical_path(server->request->volume);
    if (!server->volume_path) {
        return ui_fail(EXIT_OTHER, NULL, "cannot find '%s' again: %s", server->request->volume,
                       explain_errno(errno));
    }
    server->task = (struct way_task){ server->request, server->volume, &server->info, server->volume_path };
    return way_open(&server->task, &server->way);
}

static enum exit_status describe(struct server *server, struct mount_record *record)
{
    struct timespec now;
    struct stat status;

    if (stat(server->volume_path, &status) < 0) {
        return ui_fail(EXIT_OTHER, NULL, "cannot find '%s' again: %s", server->request->volume,
                       explain_errno(errno));
    }
    clock_gettime(CLOCK_REALTIME, &now);
    *record = (struct mount_record){
        .volume = server->volume_path,
        .mount_point = (char *)(uintptr_t)way_place(server->way),
        .way = (char *)(uintptr_t)server->way->kind->name,
        .source = (char *)(uintptr_t)server->way->source,
        .format = (char *)(uintptr_t)server->info.format,
        .server_pid = getpid(),
        .read_only = server->way->read_only,
        .protects_hidden = server->request->hidden_secret != NULL,
        .volume_device = status.st_dev,
        .volume_inode = status.st_ino,
        .started = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec,
    };
    return EXIT_DONE;
}

static enum exit_status record_mount(struct server *server)
{
    struct runtime_dir directory = RUNTIME_DIR_NONE;
    struct mount_record record;

    enum exit_status status = describe(server, &record);
    status = status ? status : runtime_dir_open(&directory);
    status = status ? status : mount_state_create(&directory, &record, &server->state);
    runtime_dir_close(&directory);
    return status;
}

static enum exit_status record_device(struct server *server, const char *path)
{
    struct stat status;

    if (stat(path, &status) < 0 || !mount_state_append(&server->state, mount_record_say_serving(status.st_rdev))) {
        return ui_fail(EXIT_OTHER, NULL, "cannot record the device '%s': %s", path, explain_errno(errno));
    }
    return EXIT_DONE;
}

/* What stands at the mount point now has to be this mount: the path was looked at before the passphrase was asked
 * for, and somebody may have moved directories since. */
static enum exit_status record_serving(struct server *server)
{
    const char *path = way_place(server->way);
    struct mount_table table;

    if (server->way->is_device) {
        return record_device(server, path);
    }

    if (!mount_table_read(&table)) {
        mount_table_free(&table);
        return ui_fail(EXIT_OTHER, NULL, "cannot read /proc/self/mountinfo: %s", explain_errno(errno));
    }
    const struct mount_entry *entry = mount_table_top(&table, path);
    const struct detach_target target = { path, entry ? entry->device : 0, geteuid(), server->way->source };
    dev_t device = entry && detach_is_target(&target, entry) ? entry->device : 0;
    mount_table_free(&table);
    if (device == 0) {
        return ui_fail(EXIT_OTHER, NULL, "cannot mount at '%s': it was unmounted or moved at once", path);
    }
    if (!mount_state_append(&server->state, mount_record_say_serving(device))) {
        return ui_fail(EXIT_OTHER, NULL, "cannot record the mount at '%s': %s", path, explain_errno(errno));
    }
    return EXIT_DONE;
}

static enum exit_status mount_volume(struct server *server)
{
    enum exit_status status = server->way->kind->begin(server->way);

    status = status ? status : record_serving(server);
    mount_point_unlock(server->request->point);
    return status;
}

/* ---- Stopping ---- */

/* What the kernel still holds goes to the medium: whoever sends SIGTERM may send SIGKILL next. */
static void save_what_is_written(const struct server *server)
{
    struct coffer_error error = COFFER_ERROR_INIT;

    if (!server->way->kind->sync(server->way) || coffer_volume_flush(server->volume, &error) != COFFER_OK) {
        ui_warn("cannot write all of '%s' to the medium", server->volume_path); /* the close tells the rest */
    }
}

/* Runs on the thread that waits for signals. */
static void stop_serving(void *user)
{
    struct server *server = user;
    const char *place = way_place(server->way);
    struct coffer_error error = COFFER_ERROR_INIT;

    if (server->way->kind->stop(server->way, false, &error) == COFFER_OK) {
        return;
    }
    if (error.status == COFFER_IN_USE) {
        save_what_is_written(server);
        ui_notice("'%s' is in use: it is unmounted now, and closed when the last file in it is", place);
    }
    error = (struct coffer_error)COFFER_ERROR_INIT;
    if (server->way->kind->stop(server->way, true, &error) != COFFER_OK) {
        ui_warn("cannot unmount '%s': %s", place, error.text);
    }
}

static enum exit_status watch_signals(struct server *server)
{
    server->is_watching = stop_signals_watch(stop_serving, server);
    if (!server->is_watching) {
        return ui_fail(EXIT_OTHER, NULL, "cannot mount '%s': cannot start a thread: %s", server->request->volume,
                       explain_errno(errno));
    }
    return EXIT_DONE;
}

/* ---- Saying so ---- */

static void warn_about_swap(void)
{
    SCOPE_FREE char *swap = swap_find_unsafe_here();

    if (swap) {
        ui_warn(
            "swap space that is not encrypted is in use ('%s'): what programs read from the volume may reach it",
            swap);
    }
}

static void print_result(const struct server *server)
{
    const char *place = way_place(server->way);

    if (!ui_is_json()) {
        if (server->way->place) {
            ui_print("%s", place); /* nobody else has said it yet */
        }
        ui_detail("'%s' is '%s%s' now, served by process %ld", server->volume_path, place,
                  server->request->block && !server->way->is_device ? "/volume" : "", (long)getpid());
        return;
    }
    struct json_object *document = json_document("mount");
    json_add_path(document, "volume", server->volume_path);
    json_add_path(document, "mount_point", place);
    json_add_text(document, "way", server->way->kind->name);
    json_add_text(document, "format", server->info.format);
    json_add_number(document, "server_pid", (uint64_t)getpid());
    json_add_bool(document, "read_only", server->way->read_only);
    json_add_bool(document, "protects_hidden", server->request->hidden_secret != NULL);
    json_print(document);
}

static enum exit_status say_ready(struct launch *launch)
{
    if (fflush(stdout) != 0 || ferror(stdout)) {
        return ui_fail(EXIT_OTHER, NULL, "cannot write to standard output: %s", explain_errno(errno));
    }
    if (!launch_leave_session(launch)) {
        return ui_fail(EXIT_OTHER, NULL, "cannot leave the session: %s", explain_errno(errno));
    }
    if (stop_signals_has_arrived()) {
        return ui_fail(EXIT_INTERRUPTED, NULL, "interrupted: nothing is mounted");
    }
    return launch_say_ready(launch) ? EXIT_DONE : EXIT_INTERRUPTED;
}

/* ---- The end ---- */

/* Why what was written may not be on the medium; NULL = it is. The keys are gone afterwards. To be freed. */
static char *close_all(struct server *server)
{
    struct coffer_error error = COFFER_ERROR_INIT;

    if (server->way) {
        server->way->kind->wait(server->way, &error);
    }
    if (server->is_watching) {
        stop_signals_end(); /* it may be in serve_stop until here */
    }
    mount_state_append(&server->state, mount_record_say_closing());
    if (server->way) {
        server->way->kind->close(server->way, &error);
    }
    coffer_volume_close(server->volume, &error); /* an error that is already there stays */
    server->way = NULL;
    server->volume = NULL;
    if (error.status == COFFER_OK) {
        return NULL;
    }
    char *failure = strdup(error.text);
    return failure ? failure : strdup("");
}

/* A mount that was not announced: nobody can have used it. Where it cannot be unmounted, waiting for its end would
 * be for ever: then the state file stays, and the next command cleans up after the end of this process. */
static void undo(struct server *server)
{
    struct coffer_error error = COFFER_ERROR_INIT;

    if (server->way && server->way->kind->stop(server->way, true, &error) != COFFER_OK) {
        ui_warn("cannot unmount '%s': %s", way_place(server->way), error.text);
        return;
    }
    free(close_all(server));
    mount_state_remove(&server->state);
}

/* The last words. A state file that tells of a failure stays for `unmount`, or for the next command. */
static enum exit_status serve(struct server *server)
{
    SCOPE_FREE char *failure = close_all(server);

    mount_state_append(&server->state, mount_record_say_ended(failure));
    if (!failure) {
        mount_state_remove(&server->state);
        return EXIT_DONE;
    }
    return ui_fail(EXIT_OTHER, "what was written last may be lost: look at the medium and at the kernel's log",
                   "cannot close '%s': %s", server->volume_path, failure);
}

static enum exit_status start(struct server *server, struct launch *launch)
{
    struct coffer_error error = COFFER_ERROR_INIT;

    server_process_prepare();
    if (coffer_init(&error) != COFFER_OK) {
        return ui_fail_library(OPERATION_START, NULL, &error);
    }
    enum exit_status status = open_volume(server);
    if (status != EXIT_DONE) {
        return status;
    }
    /* Until here a signal ends the process at once, while the key is derived too: there is nothing to undo. */
    stop_signals_block();
    warn_about_swap();
    status = open_way(server);
    status = status ? status : record_mount(server);
    status = status ? status : mount_volume(server);
    status = status ? status : watch_signals(server);
    if (status != EXIT_DONE) {
        return status;
    }
    print_result(server);
    return say_ready(launch);
}

enum exit_status server_run(void *user, struct launch *launch)
{
    struct server server = { .request = user, .state = MOUNT_STATE_NONE };

    enum exit_status status = start(&server, launch);
    if (status == EXIT_DONE) {
        status = serve(&server);
    } else {
        undo(&server);
    }
    mount_state_close(&server.state); /* ends the lock: from now on the server counts as gone */
    free(server.volume_path);
    return status;
}
