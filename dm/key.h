/* SPDX-License-Identifier: ISC */
/* key.h - the key of a mapping on its way into the kernel. */
#ifndef DM_KEY_H
#define DM_KEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "coffer.h"

/* Room for how a table names a key: in hexadecimal, or ":64:logon:coffer:..." */
#define KEY_TEXT_MAX (2 * COFFER_MAPPING_KEY_MAX + 8)

/* A key in the keyring of this thread. */
struct key_ring {
    int32_t serial; /* 0 = none */
    char description[48];
};

/* False where the kernel does not take it; then nothing is to be taken away. */
bool key_ring_add(struct key_ring *ring, const uint8_t *key, size_t size);
void key_ring_remove(struct key_ring *ring);

/* What stands in the table: a reference to the key in `ring`, or, where that has none, the key itself. */
void key_write(const struct key_ring *ring, const uint8_t *key, size_t size, char text[KEY_TEXT_MAX]);

#endif
