/* SPDX-License-Identifier: ISC */
/* size.h - sizes as people write them and as they read them. Pure. */
#ifndef SIZE_H
#define SIZE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Room for any size that size_format writes. */
#define SIZE_TEXT_MAX 64

/* "10G" and "10GiB" = 10 * 2^30, "10GB" = 10^10, "4096" and "4096B" = bytes; units K M G T P E, either case,
 * and no fractions. False for anything else and for what does not fit into 64 bits. */
bool size_parse(const char *text, uint64_t *bytes);

/* "10 GiB", "9.3 GiB" (cut, not rounded up), below 1 KiB "17 bytes". */
const char *size_format(uint64_t bytes, char text[static SIZE_TEXT_MAX]);

/* The same followed by the exact number: "10 GiB (10737418240 bytes)". */
const char *size_format_exact(uint64_t bytes, char text[static SIZE_TEXT_MAX]);

#endif
