/* SPDX-License-Identifier: ISC */
/*
 * command_list.c - `coffer list`: what is mounted. The state files say it; the kernel's table adds mounts whose
 * state file is gone (the directory of a session is removed when its user logs out).
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command.h"
#include "deadline.h"
#include "escape.h"
#include "json.h"
#include "liveness.h"
#include "mapped.h"
#include "mount_state.h"
#include "mount_table.h"
#include "scope.h"
#include "stale.h"
#include "ui.h"

#define PATIENCE_MS 2000 /* with a mount that may be dead or hang */

struct list_options {
    struct common_options common;
    bool complete;
};

static const struct option table[] = {
    OPTION_FLAG(struct list_options, complete, "complete", "only names that 'unmount' takes, for programs"),
    OPTIONS_COMMON(struct list_options),
    OPTIONS_END,
};

static const struct list_options defaults;

/* One mount, wherever we know it from. The strings belong to others. */
struct row {
    const char *volume;
    const char *mount_point;
    const char *way;    /* NULL = not known */
    const char *format; /* NULL = not known */
    pid_t server_pid;   /* 0 = not known, or none */
    bool read_only;
    bool protects_hidden;
    bool has_refused; /* a write into the hidden volume */
    bool is_alive;
    bool is_kernels; /* it lives without its server */
    pid_t question;  /* to the server, whether it is alive; 0 = none */
};

/* ---- Text ---- */

enum { COLUMN_COUNT = 5 };

static const char *const headings[COLUMN_COUNT] = { "VOLUME", "MOUNT POINT", "WAY", "MODE", "SERVER" };

struct cells {
    char *text[COLUMN_COUNT];
};

static void fill_cells(const struct row *row, struct cells *cells)
{
    cells->text[0] = escape_text(row->volume);
    cells->text[1] = escape_text(row->mount_point);
    cells->text[2] = strdup(row->way ? row->way : "?");
    cells->text[3] = strdup(row->read_only ? "ro" : row->protects_hidden ? "protect" : "rw");
    if (!row->is_alive) {
        cells->text[4] = strdup("dead");
    } else if (row->server_pid == 0) {
        cells->text[4] = strdup(row->is_kernels ? "kernel" : "?");
    } else if (asprintf(&cells->text[4], "%ld", (long)row->server_pid) < 0) {
        cells->text[4] = NULL;
    }
}

static const char *cell(const struct cells *cells, size_t column)
{
    return cells->text[column] ? cells->text[column] : "?";
}

static void print_line(const char *const texts[COLUMN_COUNT], const int widths[COLUMN_COUNT])
{
    ui_print("%-*s  %-*s  %-*s  %-*s  %s", widths[0], texts[0], widths[1], texts[1], widths[2], texts[2],
             widths[3], texts[3], texts[4]);
}

static void print_rows(const struct row *rows, size_t count)
{
    SCOPE_FREE struct cells *cells = calloc(count, sizeof(cells[0]));
    int widths[COLUMN_COUNT];

    for (size_t column = 0; column < COLUMN_COUNT; column++) {
        widths[column] = (int)strlen(headings[column]);
    }
    for (size_t i = 0; cells && i < count; i++) {
        fill_cells(&rows[i], &cells[i]);
        for (size_t column = 0; column < COLUMN_COUNT; column++) {
            int width = (int)strlen(cell(&cells[i], column));
            widths[column] = width > widths[column] ? width : widths[column];
        }
    }
    print_line(headings, widths);
    for (size_t i = 0; cells && i < count; i++) {
        const char *texts[COLUMN_COUNT];
        for (size_t column = 0; column < COLUMN_COUNT; column++) {
            texts[column] = cell(&cells[i], column);
        }
        print_line(texts, widths);
        for (size_t column = 0; column < COLUMN_COUNT; column++) {
            free(cells[i].text[column]);
        }
    }
}

static void warn_about_refusals(const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (rows[i].has_refused) {
            ui_warn("writes into the hidden volume in '%s' were refused: a program wants to use all of '%s'",
                    rows[i].volume, rows[i].mount_point);
        }
    }
}

/* ---- For completions ---- */

/* A line is a name, so a name with a newline in it cannot be told. */
static void print_name(const char *name)
{
    if (!strchr(name, '\n')) {
        ui_print("%s", name);
    }
}

static void print_names(const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        print_name(rows[i].mount_point);
        print_name(rows[i].volume);
    }
}

/* ---- JSON ---- */

static void print_json(const struct row *rows, size_t count)
{
    struct json_object *document = json_document("list");
    struct json_object *mounts = json_object_new_array();

    for (size_t i = 0; i < count; i++) {
        struct json_object *mount = json_object_new_object();
        json_add_path(mount, "volume", rows[i].volume);
        json_add_path(mount, "mount_point", rows[i].mount_point);
        json_add_text(mount, "way", rows[i].way);
        json_add_text(mount, "format", rows[i].format);
        json_add(mount, "server_pid", rows[i].server_pid ? json_object_new_int64(rows[i].server_pid) : NULL);
        json_add_bool(mount, "read_only", rows[i].read_only);
        json_add_bool(mount, "protects_hidden", rows[i].protects_hidden);
        json_add_bool(mount, "refused_writes", rows[i].has_refused);
        json_add_bool(mount, "alive", rows[i].is_alive);
        json_object_array_add(mounts, mount);
    }
    json_add(document, "mounts", mounts);
    json_print(document);
}

/* ---- Finding them ---- */

static struct row row_of_state(const struct mount_state *state)
{
    const struct mount_record *record = &state->record;
    bool is_kernels = !state->is_alive && mapped_is_there(state);

    return (struct row){
        .volume = record->volume,
        .mount_point = record->mount_point,
        .way = record->way,
        .format = record->format,
        .server_pid = is_kernels ? 0 : record->server_pid,
        .read_only = record->read_only,
        .protects_hidden = record->protects_hidden,
        .has_refused = record->has_refused,
        .is_alive = state->is_alive || is_kernels,
        .is_kernels = is_kernels,
    };
}

static bool is_known(const struct mount_states *states, const struct mount_entry *entry)
{
    for (size_t i = 0; i < states->count; i++) {
        const struct mount_record *record = &states->items[i].record;
        if (strcmp(record->mount_point, entry->mount_point) == 0 &&
            (record->device == 0 || record->device == entry->device)) {
            return true;
        }
    }
    return false;
}

/* Asked only of mounts that no state file tells about. */
static struct row row_of_entry(const struct mount_entry *entry)
{
    return (struct row){
        .volume = entry->source,
        .mount_point = entry->mount_point,
        .read_only = entry->read_only,
        .is_alive = true,
        .question = liveness_ask(entry->mount_point),
    };
}

/* What was looked at, in this order. A mount that is in both tables was there while the states were read: if it is
 * not among them, it has none. */
struct view {
    struct mount_table before;
    struct mount_states states;
    struct mount_table after;
};

/* False without memory. */
static bool collect(const struct view *view, struct row **rows, size_t *count)
{
    const struct mount_states *states = &view->states;
    const struct mount_table *mounts = &view->before;

    *count = 0;
    *rows = calloc(states->count + mounts->count + 1, sizeof((*rows)[0]));
    if (!*rows) {
        return false;
    }
    for (size_t i = 0; i < states->count; i++) {
        if (!states->items[i].record.is_private) {
            (*rows)[(*count)++] = row_of_state(&states->items[i]);
        }
    }
    for (size_t i = 0; i < mounts->count; i++) {
        const struct mount_entry *entry = &mounts->entries[i];
        bool is_for_us = entry->owner == geteuid() || geteuid() == 0;
        if (mount_entry_is_ours(entry) && is_for_us && !is_known(states, entry) &&
            mount_table_find(&view->after, entry->mount_point, entry->device)) {
            (*rows)[(*count)++] = row_of_entry(entry);
        }
    }
    int64_t deadline = deadline_in(PATIENCE_MS); /* for all of them together */
    for (size_t i = 0; i < *count; i++) {
        (*rows)[i].is_alive = (*rows)[i].is_alive && !liveness_is_dead((*rows)[i].question, deadline);
    }
    return true;
}

static enum exit_status print_all(const struct view *view, const struct list_options *options)
{
    SCOPE_FREE struct row *rows = NULL;
    size_t count;

    if (!collect(view, &rows, &count)) {
        return ui_fail(EXIT_NO_MEMORY, NULL, "cannot list the mounts: out of memory");
    }
    if (ui_is_json()) {
        print_json(rows, count);
    } else if (options->complete) {
        print_names(rows, count);
    } else if (count > 0) {
        print_rows(rows, count);
        warn_about_refusals(rows, count);
    } else {
        ui_notice("nothing is mounted");
    }
    return EXIT_DONE;
}

static enum exit_status look(struct view *view)
{
    if (!mount_table_read(&view->before)) {
        return ui_fail(EXIT_OTHER, NULL, "cannot read /proc/self/mountinfo: %s", explain_errno(errno));
    }
    enum exit_status status = mount_states_load(&view->states);
    if (status == EXIT_DONE && !mount_table_read(&view->after)) {
        status = ui_fail(EXIT_OTHER, NULL, "cannot read /proc/self/mountinfo: %s", explain_errno(errno));
    }
    return status;
}

static enum exit_status run(const void *values, const char *const *operands, size_t count)
{
    struct view view = { 0 };

    const struct list_options *options = values;

    (void)operands, (void)count;
    enum exit_status status = look(&view);
    status = status ? status : print_all(&view, options);
    if (!options->complete) {          /* a key that is pressed changes nothing */
        stale_clean_own(&view.states); /* after they were shown */
    }
    mount_table_free(&view.before);
    mount_states_free(&view.states);
    mount_table_free(&view.after);
    return status;
}

const struct command command_list = {
    .name = "list",
    .summary = "shows what is mounted",
    .operands = "",
    .options = table,
    .defaults = &defaults,
    .options_size = sizeof(defaults),
    .without_library = true,
    .run = run,
};
