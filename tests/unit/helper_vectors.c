/* SPDX-License-Identifier: ISC */
/*
 * Reader of the text vectors under spec/vectors. It holds one block at a time.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "helper_vectors.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIELDS_MAX 40

struct vectors {
    FILE *file;
    char *line;
    size_t line_capacity;
    unsigned blocks;
    unsigned count;
    struct {
        char *name;
        char *value;
    } fields[FIELDS_MAX];
};

static void forget_block(struct vectors *vectors)
{
    for (unsigned i = 0; i < vectors->count; i++) {
        free(vectors->fields[i].name);
    }
    vectors->count = 0;
}

struct vectors *vectors_open(const char *name)
{
    char path[4096];
    snprintf(path, sizeof(path), SOURCE_DIR "/spec/vectors/%s", name);
    struct vectors *vectors = calloc(1, sizeof(*vectors));
    assert_non_null(vectors);
    vectors->file = fopen(path, "re");
    if (!vectors->file) {
        fail_msg("cannot read %s", path);
    }
    return vectors;
}

void vectors_close(struct vectors *vectors)
{
    assert_int_not_equal(vectors->blocks, 0);
    forget_block(vectors);
    free(vectors->line);
    fclose(vectors->file);
    free(vectors);
}

/* "name = value" or "name =": kept in one allocation, which starts with the name. */
static void add_field(struct vectors *vectors, const char *line)
{
    assert_true(vectors->count < FIELDS_MAX);
    char *name = strdup(line);
    assert_non_null(name);
    char *equals = strstr(name, " =");
    if (!equals) {
        fail_msg("not a field: %s", line);
    }
    char *value = equals + 2;
    *equals = '\0';
    vectors->fields[vectors->count].name = name;
    vectors->fields[vectors->count].value = value + strspn(value, " ");
    vectors->count++;
}

bool vectors_next(struct vectors *vectors)
{
    forget_block(vectors);
    while (getline(&vectors->line, &vectors->line_capacity, vectors->file) >= 0) {
        vectors->line[strcspn(vectors->line, "\n")] = '\0';
        if (vectors->line[0] == '#') {
            continue;
        }
        if (vectors->line[0] != '\0') {
            add_field(vectors, vectors->line);
        } else if (vectors->count > 0) {
            break;
        }
    }
    if (vectors->count == 0) {
        return false;
    }
    vectors->blocks++;
    return true;
}

bool vectors_has(const struct vectors *vectors, const char *name)
{
    for (unsigned i = 0; i < vectors->count; i++) {
        if (strcmp(vectors->fields[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

const char *vectors_text(const struct vectors *vectors, const char *name)
{
    for (unsigned i = 0; i < vectors->count; i++) {
        if (strcmp(vectors->fields[i].name, name) == 0) {
            return vectors->fields[i].value;
        }
    }
    fail_msg("block %u has no field '%s'", vectors->blocks, name);
    return NULL;
}

uint64_t vectors_number(const struct vectors *vectors, const char *name)
{
    char *end;
    const char *text = vectors_text(vectors, name);
    uint64_t number = strtoull(text, &end, 10);
    assert_true(end != text && *end == '\0');
    return number;
}

static uint8_t nibble(char digit)
{
    static const char digits[] = "0123456789abcdef";
    const char *at = digit ? strchr(digits, digit) : NULL;
    assert_non_null(at);
    return (uint8_t)(at - digits);
}

size_t vectors_bytes(const struct vectors *vectors, const char *name, uint8_t *out, size_t capacity)
{
    const char *text = vectors_text(vectors, name);
    size_t size = strlen(text) / 2;
    assert_true(strlen(text) % 2 == 0 && size <= capacity);
    for (size_t i = 0; i < size; i++) {
        out[i] = (uint8_t)(nibble(text[2 * i]) << 4 | nibble(text[2 * i + 1]));
    }
    return size;
}

void vectors_exactly(const struct vectors *vectors, const char *name, uint8_t *out, size_t size)
{
    assert_int_equal(vectors_bytes(vectors, name, out, size), size);
}
