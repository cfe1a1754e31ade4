/* SPDX-License-Identifier: ISC */
/*
 * mount_table.c - reading /proc/self/mountinfo (mount_table.h, proc(5)).
 *
 * A line is "36 35 98:0 /root /mount/point options [tags...] - type source super-options"; the kernel writes
 * blanks, newlines and backslashes inside a field as three octal digits, and the source may be empty.
 */
#include "mount_table.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "scope.h"

static bool is_octal(char c)
{
    return c >= '0' && c <= '7';
}

static void unescape(char *field)
{
    char *out = field;

    for (const char *in = field; *in; out++) {
        if (in[0] == '\\' && is_octal(in[1]) && is_octal(in[2]) && is_octal(in[3])) {
            *out = (char)((in[1] - '0') * 64 + (in[2] - '0') * 8 + (in[3] - '0'));
            in += 4;
        } else {
            *out = *in++;
        }
    }
    *out = '\0';
}

/* Whether the comma-separated `options` have `name`, and where: just behind it. */
static const char *find_option(const char *options, const char *name)
{
    size_t length = strlen(name);

    for (const char *at = options; at; at = strchr(at, ',')) {
        at += *at == ',';
        if (strncmp(at, name, length) == 0) {
            return at + length;
        }
    }
    return NULL;
}

static bool has_flag(const char *options, const char *name)
{
    const char *behind = find_option(options, name);

    return behind && (*behind == '\0' || *behind == ',');
}

static bool parse_numbers(struct mount_entry *entry, const char *id, const char *parent, const char *device)
{
    char *end;

    errno = 0;
    entry->id = strtol(id, &end, 10);
    if (errno || *end) {
        return false;
    }
    entry->parent = strtol(parent, &end, 10);
    if (errno || *end) {
        return false;
    }
    unsigned long major_number = strtoul(device, &end, 10);
    if (errno || *end != ':') {
        return false;
    }
    unsigned long minor_number = strtoul(end + 1, &end, 10);
    entry->device = makedev((unsigned)major_number, (unsigned)minor_number);
    return !errno && !*end;
}

static bool parse_line(char *line, struct mount_entry *entry)
{
    char *fields[6];
    char *tail[3];

    for (size_t i = 0; i < 6; i++) {
        fields[i] = strsep(&line, " ");
    }
    char *tag = strsep(&line, " ");
    while (tag && strcmp(tag, "-") != 0) {
        tag = strsep(&line, " ");
    }
    for (size_t i = 0; i < 3; i++) {
        tail[i] = strsep(&line, " ");
    }
    if (!fields[5] || !tail[2] || !parse_numbers(entry, fields[0], fields[1], fields[2])) {
        return false;
    }
    unescape(fields[4]);
    unescape(tail[0]);
    unescape(tail[1]);
    entry->mount_point = fields[4];
    entry->type = tail[0];
    entry->source = tail[1];
    entry->read_only = has_flag(fields[5], "ro") || has_flag(tail[2], "ro");
    const char *owner = find_option(tail[2], "user_id=");
    entry->owner = owner ? (uid_t)strtoul(owner, NULL, 10) : (uid_t)-1;
    return true;
}

bool mount_table_parse(char *text, struct mount_table *table)
{
    size_t lines = 1;

    for (const char *at = text; *at; at++) {
        lines += *at == '\n';
    }
    *table = (struct mount_table){ .text = text, .entries = calloc(lines, sizeof(table->entries[0])) };
    if (!table->entries) {
        mount_table_free(table);
        return false;
    }
    for (char *line = strsep(&text, "\n"); line; line = strsep(&text, "\n")) {
        table->count += parse_line(line, &table->entries[table->count]) ? 1 : 0;
    }
    return true;
}

/* All of a file whose size is not known beforehand, as a string. */
static char *read_whole(int fd)
{
    SCOPE_FREE char *text = NULL;
    size_t capacity = 0;
    size_t size = 0;

    for (;;) {
        if (capacity - size < 2) {
            capacity = capacity ? 2 * capacity : 16384;
            char *larger = realloc(text, capacity);
            if (!larger) {
                return NULL;
            }
            text = larger;
        }
        ssize_t got = read(fd, text + size, capacity - size - 1);
        if (got < 0 && errno != EINTR) {
            return NULL;
        }
        if (got == 0) {
            text[size] = '\0';
            return SCOPE_TAKE(text, NULL);
        }
        size += got > 0 ? (size_t)got : 0;
    }
}

bool mount_table_read(struct mount_table *table)
{
    *table = (struct mount_table){ 0 };
    SCOPE_FD int fd = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return false;
    }
    char *text = read_whole(fd);
    return text && mount_table_parse(text, table);
}

void mount_table_free(struct mount_table *table)
{
    free(table->entries);
    free(table->text);
    *table = (struct mount_table){ 0 };
}

/* Whether another mount lies exactly over this one. */
static bool is_covered(const struct mount_table *table, const struct mount_entry *entry)
{
    for (size_t i = 0; i < table->count; i++) {
        const struct mount_entry *other = &table->entries[i];
        if (other != entry && other->parent == entry->id && strcmp(other->mount_point, entry->mount_point) == 0) {
            return true;
        }
    }
    return false;
}

const struct mount_entry *mount_table_top(const struct mount_table *table, const char *mount_point)
{
    for (size_t i = table->count; i-- > 0;) {
        const struct mount_entry *entry = &table->entries[i];
        if (strcmp(entry->mount_point, mount_point) == 0 && !is_covered(table, entry)) {
            return entry;
        }
    }
    return NULL;
}

const struct mount_entry *mount_table_find(const struct mount_table *table, const char *mount_point, dev_t device)
{
    for (size_t i = table->count; i-- > 0;) {
        const struct mount_entry *entry = &table->entries[i];
        if (entry->device == device && strcmp(entry->mount_point, mount_point) == 0) {
            return entry;
        }
    }
    return NULL;
}

bool mount_entry_is_ours(const struct mount_entry *entry)
{
    return strcmp(entry->type, MOUNT_TYPE) == 0;
}

bool mount_path_is_inside(const char *path, const char *directory)
{
    size_t length = strlen(directory);

    if (strncmp(path, directory, length) != 0) {
        return false;
    }
    return path[length] == '\0' || path[length] == '/' || (length > 0 && directory[length - 1] == '/');
}
