/* SPDX-License-Identifier: ISC */
/* recovery.h - a raw key in groups that a person can write down and type (spec/volume.md). Pure. */
#ifndef CORE_RECOVERY_H
#define CORE_RECOVERY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RECOVERY_KEY_SIZE  32u
#define RECOVERY_TEXT_SIZE 66u /* 11 groups of 5, 10 hyphens, NUL */

void recovery_encode(const uint8_t key[RECOVERY_KEY_SIZE], char text[RECOVERY_TEXT_SIZE]);

/* Case and separators (space, hyphen) do not count; o is 0, i and l are 1. False: not a code, or mistyped. */
bool recovery_decode(const uint8_t *text, size_t size, uint8_t key[RECOVERY_KEY_SIZE]);

#endif
