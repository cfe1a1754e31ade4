/* SPDX-License-Identifier: ISC */
/* json_read.c - taking JSON documents apart (json_read.h). What is read may be hostile: it is another user's. */
#include "json_read.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scope.h"

#define NESTING_MAX 8

struct json_object *json_read(const char *text, size_t size)
{
    if (size == 0 || size > INT_MAX) {
        return NULL;
    }
    struct json_tokener *tokener = json_tokener_new_ex(NESTING_MAX);
    if (!tokener) {
        return NULL;
    }
    json_tokener_set_flags(tokener, JSON_TOKENER_STRICT);
    struct json_object *object = json_tokener_parse_ex(tokener, text, (int)size);
    bool is_whole = json_tokener_get_error(tokener) == json_tokener_success &&
                    json_tokener_get_parse_end(tokener) == size && json_object_is_type(object, json_type_object);
    json_tokener_free(tokener);
    if (!is_whole) {
        json_object_put(object);
        return NULL;
    }
    return object;
}

static struct json_object *find(const struct json_object *object, const char *key, enum json_type type)
{
    struct json_object *value;

    return json_object_object_get_ex(object, key, &value) && json_object_is_type(value, type) ? value : NULL;
}

bool json_read_text(const struct json_object *object, const char *key, char **value)
{
    struct json_object *found = find(object, key, json_type_string);

    if (!found) {
        return false;
    }
    const char *text = json_object_get_string(found);
    if (strlen(text) != (size_t)json_object_get_string_len(found)) {
        return false;
    }
    char *copy = strdup(text);
    if (!copy) {
        return false;
    }
    *value = copy;
    return true;
}

bool json_read_number(const struct json_object *object, const char *key, uint64_t *value)
{
    struct json_object *found = find(object, key, json_type_int);

    if (!found || json_object_get_int64(found) < 0) {
        return false;
    }
    *value = json_object_get_uint64(found);
    return true;
}

bool json_read_bool(const struct json_object *object, const char *key, bool *value)
{
    struct json_object *found = find(object, key, json_type_boolean);

    if (!found) {
        return false;
    }
    *value = json_object_get_boolean(found);
    return true;
}

static int base64_digit(char c)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *found = c ? strchr(digits, c) : NULL;

    return found ? (int)(found - digits) : -1;
}

/* Decodes in place, with padding, as RFC 4648 has it. False for what is not base64 or has a NUL byte inside. */
static bool decode_base64(char *text)
{
    size_t length = strlen(text);
    size_t size = 0;

    if (length % 4 != 0) {
        return false;
    }
    size_t padding = length == 0 ? 0 : (size_t)(text[length - 1] == '=') + (size_t)(text[length - 2] == '=');
    for (size_t at = 0; at < length; at += 4) {
        unsigned bits = 0;
        size_t used = at + 4 == length ? 4 - padding : 4;
        for (size_t i = 0; i < 4; i++) {
            int digit = i < used ? base64_digit(text[at + i]) : 0;
            if (digit < 0) {
                return false;
            }
            bits = bits << 6 | (unsigned)digit;
        }
        for (size_t i = 0; i < used - 1; i++) {
            text[size] = (char)(bits >> (16 - 8 * i) & 0xff);
            if (text[size++] == '\0') {
                return false;
            }
        }
    }
    text[size] = '\0';
    return true;
}

bool json_read_path(const struct json_object *object, const char *key, char **value)
{
    SCOPE_FREE char *key_bytes = NULL;
    SCOPE_FREE char *text = NULL;

    if (asprintf(&key_bytes, "%s_bytes", key) < 0) {
        key_bytes = NULL;
        return false;
    }
    if (!json_read_text(object, key_bytes, &text)) {
        return json_read_text(object, key, value);
    }
    if (!decode_base64(text)) {
        return false;
    }
    *value = SCOPE_TAKE(text, NULL);
    return true;
}
