/* SPDX-License-Identifier: ISC */
/*
 * Test vectors as text: blocks of `name = value` lines, blank lines between blocks, '#' comments. Whatever is
 * wrong with a file fails the test that reads it.
 */
#ifndef HELPER_VECTORS_H
#define HELPER_VECTORS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct vectors;

/* `name` is relative to spec/vectors. */
struct vectors *vectors_open(const char *name);
void vectors_close(struct vectors *vectors);

/* Goes on to the next block; false after the last. Fails the test when there was none at all. */
bool vectors_next(struct vectors *vectors);

bool vectors_has(const struct vectors *vectors, const char *name);
const char *vectors_text(const struct vectors *vectors, const char *name);
uint64_t vectors_number(const struct vectors *vectors, const char *name);

/* The bytes that hex digits spell; returns how many. */
size_t vectors_bytes(const struct vectors *vectors, const char *name, uint8_t *out, size_t capacity);

/* The same where exactly `size` are expected. */
void vectors_exactly(const struct vectors *vectors, const char *name, uint8_t *out, size_t size);

#endif
