/* SPDX-License-Identifier: ISC */
/* mount_record.c - one mount as lines of JSON (mount_record.h). What is read may be another user's: hostile. */
#include "mount_record.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "json_read.h"
#include "scope.h"

#define SCHEMA "mount_state" /* becomes "coffer.mount_state/1" */

static const char *const phases[] = { "starting", "serving", "closing", "ended" };

/* The document as one line; frees it. */
static char *make_line(struct json_object *object)
{
    char *line;
    const char *text =
        json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);

    if (!text || asprintf(&line, "%s\n", text) < 0) {
        line = NULL;
    }
    json_object_put(object);
    return line;
}

char *mount_record_describe(const struct mount_record *record)
{
    struct json_object *object = json_document(SCHEMA);

    json_add_path(object, "volume", record->volume);
    json_add_path(object, "mount_point", record->mount_point);
    json_add_text(object, "way", record->way);
    json_add_text(object, "format", record->format);
    if (record->source) {
        json_add_text(object, "source", record->source);
    }
    json_add_number(object, "server_pid", (uint64_t)record->server_pid);
    json_add_bool(object, "read_only", record->read_only);
    json_add_bool(object, "protects_hidden", record->protects_hidden);
    json_add_bool(object, "is_private", record->is_private);
    json_add_number(object, "volume_device", record->volume_device);
    json_add_number(object, "volume_inode", record->volume_inode);
    json_add_number(object, "started", record->started);
    return make_line(object);
}

static struct json_object *make_change(enum mount_phase phase)
{
    struct json_object *object = json_object_new_object();

    json_add_text(object, "phase", phases[phase]);
    return object;
}

char *mount_record_say_serving(dev_t device)
{
    struct json_object *object = make_change(MOUNT_SERVING);

    json_add_number(object, "device", device);
    return make_line(object);
}

char *mount_record_say_refused(void)
{
    struct json_object *object = json_object_new_object();

    json_add_bool(object, "has_refused", true);
    return make_line(object);
}

char *mount_record_say_closing(void)
{
    return make_line(make_change(MOUNT_CLOSING));
}

char *mount_record_say_ended(const char *failure)
{
    struct json_object *object = make_change(MOUNT_ENDED);

    if (failure) {
        json_add_text(object, "failure", failure);
    }
    return make_line(object);
}

static bool has_our_schema(const struct json_object *object)
{
    struct json_object *wanted = json_document(SCHEMA);
    SCOPE_FREE char *ours = NULL;
    SCOPE_FREE char *theirs = NULL;

    bool is_same = json_read_text(wanted, "schema", &ours) && json_read_text(object, "schema", &theirs) &&
                   strcmp(ours, theirs) == 0;
    json_object_put(wanted);
    return is_same;
}

/* A number that becomes part of a path in /proc or an argument of pidfd_open. */
static bool read_pid(const struct json_object *object, pid_t *pid)
{
    uint64_t number;

    if (!json_read_number(object, "server_pid", &number) || number == 0 || number > INT_MAX) {
        return false;
    }
    *pid = (pid_t)number;
    return true;
}

static bool read_description(const struct json_object *object, struct mount_record *record)
{
    uint64_t device, inode;

    if (!has_our_schema(object) || !json_read_path(object, "volume", &record->volume) ||
        !json_read_path(object, "mount_point", &record->mount_point) ||
        !json_read_text(object, "way", &record->way) || !json_read_text(object, "format", &record->format) ||
        !read_pid(object, &record->server_pid) || !json_read_bool(object, "read_only", &record->read_only) ||
        !json_read_bool(object, "is_private", &record->is_private) ||
        !json_read_number(object, "volume_device", &device) || !json_read_number(object, "volume_inode", &inode) ||
        !json_read_number(object, "started", &record->started)) {
        return false;
    }
    json_read_text(object, "source", &record->source); /* most have none */
    json_read_bool(object, "protects_hidden",
                   &record->protects_hidden); /* a server from before an update has none */
    record->volume_device = device;
    record->volume_inode = inode;
    return record->volume[0] == '/' && record->mount_point[0] == '/';
}

static bool read_phase(const struct json_object *object, enum mount_phase *phase)
{
    SCOPE_FREE char *word = NULL;

    if (!json_read_text(object, "phase", &word)) {
        return false;
    }
    for (size_t i = 0; i < sizeof(phases) / sizeof(phases[0]); i++) {
        if (strcmp(word, phases[i]) == 0) {
            *phase = (enum mount_phase)i;
            return true;
        }
    }
    return false;
}

static bool read_change(const struct json_object *object, struct mount_record *record)
{
    uint64_t device;

    if (json_read_bool(object, "has_refused", &record->has_refused)) {
        return true; /* at any time, by any thread: it says nothing about the phase */
    }
    if (!read_phase(object, &record->phase)) {
        return false;
    }
    if (record->phase == MOUNT_SERVING) {
        if (!json_read_number(object, "device", &device)) {
            return false;
        }
        record->device = device;
    }
    if (record->phase == MOUNT_ENDED && !record->failure) {
        json_read_text(object, "failure", &record->failure);
    }
    return true;
}

static bool parse_lines(const char *text, size_t size, struct mount_record *record)
{
    bool is_first = true;

    for (const char *end = memchr(text, '\n', size); end; end = memchr(text, '\n', size)) {
        size_t length = (size_t)(end - text);
        struct json_object *object = json_read(text, length);
        bool is_good = object && (is_first ? read_description(object, record) : read_change(object, record));
        json_object_put(object);
        if (!is_good) {
            return false;
        }
        is_first = false;
        text += length + 1;
        size -= length + 1;
    }
    return !is_first;
}

bool mount_record_parse(const char *text, size_t size, struct mount_record *record)
{
    *record = (struct mount_record){ 0 };
    if (!parse_lines(text, size, record)) {
        mount_record_free(record);
        return false;
    }
    return true;
}

void mount_record_free(struct mount_record *record)
{
    free(record->volume);
    free(record->mount_point);
    free(record->way);
    free(record->format);
    free(record->source);
    free(record->failure);
    *record = (struct mount_record){ 0 };
}
