/* SPDX-License-Identifier: ISC */
/*
 * command_unmount.c - `coffer unmount`: from the names that were given to mounts, and what is said about each. A
 * mount that was made without a state file, or whose file is gone, is touched only when it is named.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "canonical_path.h"
#include "command.h"
#include "deadline.h"
#include "json.h"
#include "mapped.h"
#include "mount_state.h"
#include "mount_table.h"
#include "scope.h"
#include "stale.h"
#include "ui.h"
#include "unmount.h"

struct unmount_options {
    struct common_options common;
    bool all;
    bool lazy;
    long wait;
};

#define WAIT_NOT_GIVEN (-1)
#define WAIT_MAX       86400

static const struct option table[] = {
    OPTION_FLAG(struct unmount_options, all, "all", "unmount everything that you have mounted"),
    OPTION_FLAG(struct unmount_options, lazy, "lazy", "do not wait for files that are open: they stay usable"),
    OPTION_NUMBER(struct unmount_options, wait, "wait", "SECONDS", 0, WAIT_MAX,
                  "how long to try while it is in use"),
    OPTIONS_COMMON(struct unmount_options),
    OPTIONS_END,
};

static const struct unmount_options defaults = { .wait = WAIT_NOT_GIVEN };

/* What happened so far. */
struct work {
    struct unmount_request request;
    struct mount_states states;
    struct json_object *done; /* of --json: an array */
    size_t tried;
    size_t failed;
    struct unmount_problem problem; /* the first one; its text belongs to this */
};

/* ---- Reporting ---- */

static void note_result(struct work *work, const char *volume, const char *mount_point,
                        struct unmount_problem problem)
{
    work->tried++;
    if (problem.status == EXIT_DONE) {
        struct json_object *one = json_object_new_object();
        json_add_path(one, "volume", volume);
        json_add_path(one, "mount_point", mount_point);
        json_object_array_add(work->done, one);
        ui_detail("'%s' is unmounted from '%s'", volume, mount_point);
        return;
    }
    work->failed++;
    if (work->failed == 1) {
        work->problem = problem;
        return;
    }
    if (work->failed == 2) {
        ui_warn("%s", work->problem.text ? work->problem.text : "out of memory");
    }
    ui_warn("%s", problem.text ? problem.text : "out of memory");
    free(problem.text);
}

static void note_problem(struct work *work, enum exit_status status, const char *hint, const char *operand)
{
    struct unmount_problem problem = { status, NULL, hint };

    if (asprintf(&problem.text, "cannot unmount '%s': it is not mounted", operand) < 0) {
        problem.text = NULL;
    }
    note_result(work, operand, operand, problem);
}

static enum exit_status report(struct work *work)
{
    const char *text = work->problem.text ? work->problem.text : "out of memory";

    if (work->failed == 1) {
        return ui_fail(work->problem.status, work->problem.hint, "%s", text);
    }
    if (work->failed > 1) {
        return ui_fail(work->problem.status, NULL, "%zu of %zu could not be unmounted", work->failed, work->tried);
    }
    if (ui_is_json()) {
        struct json_object *document = json_document("unmount");
        json_add(document, "unmounted", json_object_get(work->done));
        json_print(document);
    }
    return EXIT_DONE;
}

/* ---- Finding ---- */

/* A name from the command line, in the forms in which it can be compared. */
struct name {
    const char *given;
    char *canonical; /* or NULL */
    bool is_there;   /* and then it is this file */
    dev_t device;
    ino_t inode;
};

/* What is known about a name without asking a file system whose server may hang. */
static struct name resolve(const char *given)
{
    struct name name = { .given = given, .canonical = canonical_path(given) };
    struct statx status;

    if (statx(AT_FDCWD, given, AT_STATX_DONT_SYNC, STATX_INO, &status) == 0) {
        name.is_there = true;
        name.device = makedev(status.stx_dev_major, status.stx_dev_minor);
        name.inode = status.stx_ino;
    }
    return name;
}

static bool is_same_path(const struct name *name, const char *path)
{
    return strcmp(name->canonical ? name->canonical : name->given, path) == 0;
}

static bool is_mount_point(const struct name *name, const struct mount_state *state)
{
    /* A device may be a link to its node, which nobody calls it by. */
    return is_same_path(name, state->record.mount_point) ||
           (mapped_is_device(&state->record) && strcmp(name->given, state->record.mount_point) == 0);
}

/* By its name, or by what it is, whatever it is called by now. */
static bool is_volume(const struct name *name, const struct mount_state *state)
{
    const struct mount_record *record = &state->record;

    return is_same_path(name, record->volume) ||
           (name->is_there && name->inode == record->volume_inode && name->device == record->volume_device);
}

static void unmount_one(struct work *work, struct mount_state *state)
{
    struct unmount_problem problem = unmount_state(state, &work->request);

    if (problem.status == EXIT_DONE && state->record.has_refused) {
        ui_warn("writes into the hidden volume in '%s' were refused while it was mounted, and are lost",
                state->record.volume);
    }
    note_result(work, state->record.volume, state->record.mount_point, problem);
    mount_state_close(state); /* a second name for it finds nothing: it is done */
}

/* For --all. Root names the mounts of others whom it wants to unmount. */
static bool is_own(const struct name *name, const struct mount_state *state)
{
    (void)name;
    return state->owner == geteuid();
}

/* Newest first, so that a volume that lies in another one is closed before it. Returns how many there were. */
static size_t unmount_states(struct work *work, const struct name *name,
                             bool (*is_meant)(const struct name *name, const struct mount_state *state))
{
    size_t found = 0;

    for (size_t i = work->states.count; i-- > 0;) {
        struct mount_state *state = &work->states.items[i];
        if (state->fd >= 0 && !state->record.is_private && is_meant(name, state)) {
            found++;
            unmount_one(work, state);
        }
    }
    return found;
}

static size_t unmount_known(struct work *work, const struct name *name)
{
    size_t found = unmount_states(work, name, is_mount_point);

    return found > 0 ? found : unmount_states(work, name, is_volume);
}

static bool names_entry(const struct name *name, const struct mount_entry *entry)
{
    return (is_same_path(name, entry->mount_point) || is_same_path(name, entry->source)) &&
           mount_entry_is_ours(entry) && (entry->owner == geteuid() || geteuid() == 0);
}

/* Of what no state tells. But a mount that was made since the states were read has one by now, for a server writes
 * it before it mounts. */
static size_t unmount_unknown(struct work *work, const struct name *name, const struct mount_table *mounts)
{
    size_t found = 0;

    for (size_t i = mounts->count; i-- > 0;) {
        const struct mount_entry *entry = &mounts->entries[i];
        if (!names_entry(name, entry)) {
            continue;
        }
        if (found == 0) {
            mount_states_free(&work->states);
            found = mount_states_load(&work->states) == EXIT_DONE ? unmount_known(work, name) : 0;
            if (found > 0) {
                return found;
            }
        }
        found++;
        note_result(work, entry->source, entry->mount_point, unmount_entry(entry, &work->request));
    }
    return found;
}

static size_t unmount_entries(struct work *work, const struct name *name)
{
    struct mount_table mounts;

    size_t found = mount_table_read(&mounts) ? unmount_unknown(work, name, &mounts) : 0;
    mount_table_free(&mounts);
    return found;
}

static void unmount_name(struct work *work, const struct name *name)
{
    if (unmount_known(work, name) == 0 && unmount_entries(work, name) == 0) {
        note_problem(work, EXIT_NOT_FOUND, "'coffer list' shows what is mounted", name->given);
    }
}

/* Which may be in one of the mounts, and would keep it busy. */
static void leave_directory(void)
{
    if (chdir("/") < 0) {
        ui_detail("cannot leave the current directory: %s", explain_errno(errno));
    }
}

/* All names are resolved before this process leaves its directory. */
static enum exit_status unmount_names(struct work *work, const char *const *operands, size_t count)
{
    struct name *names = calloc(count, sizeof(names[0]));

    if (!names) {
        return ui_fail_no_memory();
    }
    for (size_t i = 0; i < count; i++) {
        names[i] = resolve(operands[i]);
    }
    leave_directory();
    for (size_t i = 0; i < count; i++) {
        unmount_name(work, &names[i]);
        free(names[i].canonical);
    }
    free(names);
    return EXIT_DONE;
}

static enum exit_status unmount_all(struct work *work, const char *const *operands, size_t count)
{
    enum exit_status status = mount_states_load(&work->states);

    status = status || count == 0 ? status : unmount_names(work, operands, count);
    if (status != EXIT_DONE) {
        return status;
    }
    if (count == 0) {
        leave_directory();
        unmount_states(work, NULL, is_own);
    }
    status = report(work);
    stale_clean_own(&work->states); /* those that were not meant */
    return status;
}

static enum exit_status run(const void *values, const char *const *operands, size_t count)
{
    const struct unmount_options *options = values;
    struct work work = { .request = { options->lazy, DEADLINE_NEVER } };

    if (options->all && count > 0) {
        return ui_fail(EXIT_USAGE, NULL, "--all takes no names");
    }
    if (!options->all && count == 0) {
        return ui_fail(EXIT_USAGE, "or --all", "'unmount' needs DIR or VOLUME");
    }
    if (options->wait != WAIT_NOT_GIVEN) {
        work.request.deadline = deadline_in(options->wait * 1000);
    }
    work.done = json_object_new_array();
    enum exit_status status = unmount_all(&work, operands, count);
    mount_states_free(&work.states);
    json_object_put(work.done);
    free(work.problem.text);
    return status;
}

const struct command command_unmount = {
    .name = "unmount",
    .summary = "closes what is mounted, and waits until it is written",
    .operands = "DIR|VOLUME...",
    .minimum = 0,
    .maximum = SIZE_MAX,
    .options = table,
    .defaults = &defaults,
    .options_size = sizeof(defaults),
    .without_library = true,
    .run = run,
};
