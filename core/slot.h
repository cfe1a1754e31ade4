/* SPDX-License-Identifier: ISC */
/* slot.h - one key slot: the master key sealed under a key-encryption key. Pure. */
#ifndef CORE_SLOT_H
#define CORE_SLOT_H

#include "header.h"

/* Writes slot `slot` of `block`, bound to `salt`, volume and index. */
void slot_wrap(uint8_t block[HEADER_BLOCK_SIZE], unsigned slot, const uint8_t kek[32],
               const uint8_t salt[HEADER_SALT_SIZE], unsigned volume, const uint8_t master[HEADER_MASTER_SIZE]);

enum slot_result {
    SLOT_CLOSED,  /* does not open with this key */
    SLOT_OPEN,    /* master is filled */
    SLOT_TOO_NEW, /* opens, but holds what this version does not know */
};

enum slot_result slot_unwrap(const uint8_t block[HEADER_BLOCK_SIZE], unsigned slot, const uint8_t kek[32],
                             const uint8_t salt[HEADER_SALT_SIZE], unsigned volume,
                             uint8_t master[HEADER_MASTER_SIZE]);

/* What an empty slot holds: 128 random bytes. */
void slot_erase(uint8_t block[HEADER_BLOCK_SIZE], unsigned slot);

#endif
