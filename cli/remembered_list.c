/* SPDX-License-Identifier: ISC */
/*
 * remembered_list.c - the text of what is remembered (remembered_list.h). Pure: no file is touched here.
 *
 * A list that anybody may have written is read: what is taken from it are words out of two closed sets.
 */
#include "remembered_list.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format_options.h"

#define LINE_MAX_SIZE sizeof(struct remembered)

void remembered_salt(const uint8_t salt[REMEMBERED_SALT_SIZE], struct remembered *entry)
{
    for (size_t i = 0; i < REMEMBERED_SALT_SIZE; i++) {
        snprintf(entry->salt + 2 * i, 3, "%02x", salt[i]);
    }
}

/* Whether `word` is one of `words`, "a|b|c". */
static bool is_one_of(const char *word, const char *words)
{
    size_t length = strlen(word);

    for (const char *at = words; at; at = strchr(at, '|')) {
        at += *at == '|';
        if (length > 0 && strncmp(at, word, length) == 0 && (at[length] == '|' || at[length] == '\0')) {
            return true;
        }
    }
    return false;
}

static bool is_good(const struct remembered *entry)
{
    return strspn(entry->salt, "0123456789abcdef") == 2 * (size_t)REMEMBERED_SALT_SIZE &&
           entry->salt[2 * REMEMBERED_SALT_SIZE] == '\0' && is_one_of(entry->type, "veracrypt|truecrypt") &&
           is_one_of(entry->hash, FORMAT_HASHES_TCRYPT);
}

static bool parse_line(const char *line, size_t size, struct remembered *entry)
{
    char copy[LINE_MAX_SIZE + 1];
    char end;

    if (size > LINE_MAX_SIZE || memchr(line, '\0', size)) {
        return false;
    }
    memcpy(copy, line, size);
    copy[size] = '\0';
    return sscanf(copy, "%32[0-9a-f] %11[a-z] %11[a-z0-9]%c", entry->salt, entry->type, entry->hash, &end) == 3 &&
           is_good(entry);
}

void remembered_list_parse(const char *text, size_t size, struct remembered_list *list)
{
    *list = (struct remembered_list){ .count = 0 };
    for (const char *end = text + size; text < end && list->count < REMEMBERED_MAX;) {
        const char *newline = memchr(text, '\n', (size_t)(end - text));
        struct remembered entry = { .salt = "" };
        if (!newline) {
            break; /* a line that was not finished */
        }
        if (parse_line(text, (size_t)(newline - text), &entry) && !remembered_list_find(list, entry.salt)) {
            list->entry[list->count++] = entry;
        }
        text = newline + 1;
    }
}

char *remembered_list_format(const struct remembered_list *list)
{
    size_t size = list->count * (LINE_MAX_SIZE + 1) + 1, used = 0;
    char *text = calloc(1, size);

    for (size_t i = 0; text && i < list->count; i++) {
        const struct remembered *entry = &list->entry[i];
        used += (size_t)snprintf(text + used, size - used, "%s %s %s\n", entry->salt, entry->type, entry->hash);
    }
    return text;
}

const struct remembered *remembered_list_find(const struct remembered_list *list, const char *salt)
{
    for (size_t i = 0; i < list->count; i++) {
        if (strcmp(list->entry[i].salt, salt) == 0) {
            return &list->entry[i];
        }
    }
    return NULL;
}

bool remembered_list_drop(struct remembered_list *list, const char *salt)
{
    const struct remembered *found = remembered_list_find(list, salt);

    if (!found) {
        return false;
    }
    size_t index = (size_t)(found - list->entry);
    list->count--;
    memmove(&list->entry[index], &list->entry[index + 1], (list->count - index) * sizeof(list->entry[0]));
    return true;
}

void remembered_list_put(struct remembered_list *list, const struct remembered *entry)
{
    (void)remembered_list_drop(list, entry->salt);
    list->count -= list->count == REMEMBERED_MAX;
    memmove(&list->entry[1], &list->entry[0], list->count * sizeof(list->entry[0]));
    list->entry[0] = *entry;
    list->count++;
}
