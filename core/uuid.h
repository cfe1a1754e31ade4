/* SPDX-License-Identifier: ISC */
/* uuid.h - UUIDs, new ones and those that others have written. */
#ifndef CORE_UUID_H
#define CORE_UUID_H

#include <stdbool.h>
#include <stdint.h>

/* A new one, of random bytes. */
void uuid_random(uint8_t uuid[16]);

/* "8f595209-f5b9-49a0-85d4-cb8f80258c27". False: it is none, and `uuid` is all zeros. */
bool uuid_parse(const char *text, uint8_t uuid[16]);

/* 16 bytes whose first three fields are little-endian, as Windows stores them. */
void uuid_from_guid(const uint8_t guid[16], uint8_t uuid[16]);

#endif
