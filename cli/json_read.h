/* SPDX-License-Identifier: ISC */
/*
 * json_read.h - taking apart what json.h wrote. A member that is missing or of another kind makes the function
 * return false and leaves the result alone. Pure.
 */
#ifndef JSON_READ_H
#define JSON_READ_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One whole document and nothing behind it; NULL for anything else. Free it with json_object_put. */
struct json_object *json_read(const char *text, size_t size);

/* *value belongs to the caller. A string with a NUL character in it is of another kind. */
bool json_read_text(const struct json_object *object, const char *key, char **value);
bool json_read_number(const struct json_object *object, const char *key, uint64_t *value);
bool json_read_bool(const struct json_object *object, const char *key, bool *value);

/* What json_add_path wrote: the bytes in KEY_bytes where they are there, else the text. */
bool json_read_path(const struct json_object *object, const char *key, char **value);

#endif
