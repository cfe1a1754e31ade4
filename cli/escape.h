/* SPDX-License-Identifier: ISC */
/* escape.h - hostile text made harmless for a terminal, and what is and is not UTF-8. Pure. */
#ifndef ESCAPE_H
#define ESCAPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Decodes the first character of `size` bytes of UTF-8 as RFC 3629 defines it (shortest form, no surrogates,
 * at most U+10FFFF). Returns its length, 1 .. 4, or 0 where the bytes are not UTF-8 or size is 0. */
size_t escape_decode_utf8(const char *text, size_t size, uint32_t *character);

bool escape_is_utf8(const char *text, size_t size);

/* Allocates a copy in which control characters and direction marks are written "\n", "\x1b" or "\u202e" and
 * bytes that are not UTF-8 "\xff". Everything else stays, the backslash too: this is for eyes. NULL without
 * memory. */
char *escape_text(const char *text);

/* Allocates a copy in which bytes that are not UTF-8 are U+FFFD: for JSON. NULL without memory. */
char *escape_to_utf8(const char *text);

#endif
