/* SPDX-License-Identifier: ISC */
/* base64.h - bytes that are written as text. */
#ifndef CORE_BASE64_H
#define CORE_BASE64_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Base64 of `length` characters with its padding, and nothing between them, into `out`; *size is how many bytes it
 * gave. False: it is none, or has no room. */
bool base64_decode(const char *text, size_t length, uint8_t *out, size_t room, size_t *size);

#endif
