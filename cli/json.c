/* SPDX-License-Identifier: ISC */
/* json.c - JSON documents. json-c does the syntax; here every text becomes UTF-8 first, which json-c does not
 * see to. */
#include "json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "escape.h"
#include "ui.h"

static void *must(void *pointer)
{
    if (!pointer) {
        static const char text[] = "coffer: error: out of memory\n";
        fputs(text, stderr);
        exit(1);
    }
    return pointer;
}

struct json_object *json_document(const char *command)
{
    struct json_object *document = must(json_object_new_object());
    char schema[64];

    snprintf(schema, sizeof(schema), "coffer.%s/1", command);
    json_add_text(document, "schema", schema);
    return document;
}

void json_add(struct json_object *object, const char *key, struct json_object *value)
{
    if (json_object_object_add(object, key, value) != 0) {
        must(NULL);
    }
}

struct json_object *json_text(const char *text)
{
    char *utf8 = must(escape_to_utf8(text));
    struct json_object *value = must(json_object_new_string(utf8));

    free(utf8);
    return value;
}

void json_add_text(struct json_object *object, const char *key, const char *text)
{
    json_add(object, key, text ? json_text(text) : NULL);
}

void json_add_number(struct json_object *object, const char *key, uint64_t number)
{
    json_add(object, key, must(json_object_new_uint64(number)));
}

void json_add_bool(struct json_object *object, const char *key, bool value)
{
    json_add(object, key, must(json_object_new_boolean(value)));
}

const char *json_format_time(uint64_t unix_seconds, char text[static JSON_TIME_MAX])
{
    static const uint64_t last = 253402300799; /* of the year 9999, where RFC 3339 ends */
    time_t seconds = (time_t)unix_seconds;
    struct tm when;

    if (unix_seconds > last || !gmtime_r(&seconds, &when) ||
        strftime(text, JSON_TIME_MAX, "%Y-%m-%dT%H:%M:%SZ", &when) == 0) {
        return NULL;
    }
    return text;
}

void json_add_time(struct json_object *object, const char *key, uint64_t unix_seconds)
{
    char text[JSON_TIME_MAX];

    json_add_text(object, key, json_format_time(unix_seconds, text));
}

void json_add_uuid(struct json_object *object, const char *key, const uint8_t uuid[static 16])
{
    char text[JSON_UUID_MAX];

    json_add_text(object, key, json_format_uuid(uuid, text));
}

const char *json_format_uuid(const uint8_t uuid[static 16], char text[static JSON_UUID_MAX])
{
    size_t used = 0;

    for (size_t i = 0; i < 16; i++) {
        bool dash = i == 4 || i == 6 || i == 8 || i == 10;
        used += (size_t)snprintf(text + used, JSON_UUID_MAX - used, dash ? "-%02x" : "%02x", uuid[i]);
    }
    return text;
}

/* RFC 4648, with padding. */
static char *base64(const char *bytes, size_t size)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    char *text = must(malloc((size + 2) / 3 * 4 + 1));
    size_t used = 0;

    for (size_t at = 0; at < size; at += 3) {
        uint32_t group = 0;
        for (size_t i = 0; i < 3; i++) {
            group = group << 8 | (at + i < size ? (uint8_t)bytes[at + i] : 0);
        }
        for (size_t i = 0; i < 4; i++) {
            text[used++] = at + i <= size ? digits[group >> (18 - 6 * i) & 63] : '=';
        }
    }
    text[used] = '\0';
    return text;
}

void json_add_path(struct json_object *object, const char *key, const char *path)
{
    char bytes_key[64];

    json_add_text(object, key, path);
    if (escape_is_utf8(path, strlen(path))) {
        return;
    }
    char *encoded = base64(path, strlen(path));
    snprintf(bytes_key, sizeof(bytes_key), "%s_bytes", key);
    json_add_text(object, bytes_key, encoded);
    free(encoded);
}

static const char *serialise(struct json_object *document)
{
    return must((void *)(uintptr_t)json_object_to_json_string_ext(
        document, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED | JSON_C_TO_STRING_NOSLASHESCAPE));
}

void json_print(struct json_object *document)
{
    ui_put_line(serialise(document));
    json_object_put(document);
}

void json_print_with_secret(struct json_object *document, const char *key, struct coffer_secret *value)
{
    const char *text = serialise(document);
    size_t size = (size_t)(strrchr(text, '}') - text);
    char before[64];

    while (size > 0 && text[size - 1] == '\n') {
        size--;
    }
    int key_size = snprintf(before, sizeof(before), ",\n  \"%s\": \"", key);
    size_t whole = size + (size_t)key_size + coffer_secret_size(value) + sizeof("\"\n}");
    struct coffer_secret *joined = must(coffer_secret_new(whole));
    char *at = (char *)coffer_secret_data(joined);
    at = mempcpy(at, text, size);
    at = mempcpy(at, before, (size_t)key_size);
    at = mempcpy(at, coffer_secret_data(value), coffer_secret_size(value));
    memcpy(at, "\"\n}", sizeof("\"\n}") - 1);
    coffer_secret_set_size(joined, whole - 1);
    ui_put_secret(joined);
    coffer_secret_free(joined);
    json_object_put(document);
}
