/* SPDX-License-Identifier: ISC */
/* json.h - the documents of --json, on json-c. Sizes are integers in bytes, times RFC 3339 in UTC. */
#ifndef JSON_H
#define JSON_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>

/* {"schema": "coffer.COMMAND/1"}. Memory that runs out ends the program: a half document is worse. */
struct json_object *json_document(const char *command);

void json_add(struct json_object *object, const char *key, struct json_object *value); /* takes it over */
void json_add_text(struct json_object *object, const char *key, const char *text);     /* NULL: null */
void json_add_number(struct json_object *object, const char *key, uint64_t number);
void json_add_bool(struct json_object *object, const char *key, bool value);
void json_add_time(struct json_object *object, const char *key, uint64_t unix_seconds);
void json_add_uuid(struct json_object *object, const char *key, const uint8_t uuid[static 16]);

/* "2026-11-27T05:00:00Z"; NULL for a time that RFC 3339 cannot write. */
#define JSON_TIME_MAX 21
const char *json_format_time(uint64_t unix_seconds, char text[static JSON_TIME_MAX]);

/* A path as text; one that is not UTF-8 has U+FFFD there, and its bytes as base64 under KEY_bytes. */
void json_add_path(struct json_object *object, const char *key, const char *path);

/* `text` as a value by itself, for arrays. */
struct json_object *json_text(const char *text);

/* "123e4567-e89b-12d3-a456-426614174000" */
#define JSON_UUID_MAX 37
const char *json_format_uuid(const uint8_t uuid[static 16], char text[static JSON_UUID_MAX]);

/* Writes the document and a newline to stdout and frees it. */
void json_print(struct json_object *document);

/* The same with one more member, a secret whose text needs no escapes. It is never copied into other memory. */
struct coffer_secret;
void json_print_with_secret(struct json_object *document, const char *key, struct coffer_secret *value);

#endif
