/* SPDX-License-Identifier: ISC */
/*
 * plist.c - no parser of XML: CoreStorage writes its lists always in the same way, keys and values one after the other,
 * without white space. What does not look like that is not found.
 *
 *     <key>NAME</key><string ID="4">VALUE</string>      <key>NAME</key><reference IDREF="4"/>
 */
#include "plist.h"

#include <stdio.h>
#include <string.h>

#define TAG_MAX 96

/* Where `needle` starts at or after `at`; text.size: nowhere. */
static size_t find(struct bytes text, size_t at, const char *needle)
{
    const uint8_t *found = at < text.size ? memmem(text.data + at, text.size - at, needle, strlen(needle)) : NULL;
    return found != NULL ? (size_t)(found - text.data) : text.size;
}

static bool starts_with(struct bytes text, size_t at, const char *start)
{
    return bytes_has(text, at, strlen(start)) && memcmp(text.data + at, start, strlen(start)) == 0;
}

/* The content of the element <type ..> that starts at `at`. */
static bool content_of(struct bytes text, size_t at, const char *type, struct bytes *value)
{
    char tag[TAG_MAX];
    (void)snprintf(tag, sizeof(tag), "<%s", type);
    if (!starts_with(text, at, tag) || !bytes_has(text, at, strlen(tag) + 1)) {
        return false;
    }
    uint8_t next = text.data[at + strlen(tag)];
    size_t start = find(text, at, ">");
    if ((next != ' ' && next != '>') || start == text.size || text.data[start - 1] == '/') {
        return false;
    }
    start++;
    size_t end = find(text, start, "<");
    (void)snprintf(tag, sizeof(tag), "</%s>", type);
    if (!starts_with(text, end, tag)) {
        return false;
    }
    *value = (struct bytes){ text.data + start, end - start };
    return true;
}

/* The element that the reference at `at` means. */
static bool follow(struct bytes text, size_t at, const char *type, struct bytes *value)
{
    static const char REFERENCE[] = "<reference IDREF=\"";
    char tag[TAG_MAX];
    if (!starts_with(text, at, REFERENCE)) {
        return false;
    }
    size_t number = at + strlen(REFERENCE), end = find(text, number, "\"");
    if (end == text.size || end - number > 10) {
        return false;
    }
    (void)snprintf(tag, sizeof(tag), " ID=\"%.*s\"", (int)(end - number), (const char *)text.data + number);
    size_t target = find(text, 0, tag);
    while (target > 0 && target < text.size && text.data[target] != '<') {
        target--;
    }
    return content_of(text, target, type, value);
}

bool plist_next(struct bytes text, size_t *at, const char *key, const char *type, struct bytes *value)
{
    char tag[TAG_MAX];
    (void)snprintf(tag, sizeof(tag), "<key>%s</key>", key);
    size_t start = find(text, *at, tag);
    if (start == text.size) {
        return false;
    }
    *at = start + strlen(tag);
    if (!content_of(text, *at, type, value) && !follow(text, *at, type, value)) {
        *value = (struct bytes){ NULL, 0 };
    }
    return true;
}

bool plist_find(struct bytes text, const char *key, const char *type, struct bytes *value)
{
    size_t at = 0;
    while (plist_next(text, &at, key, type, value)) {
        if (value->size > 0) {
            return true;
        }
    }
    return false;
}
