/* SPDX-License-Identifier: ISC */
/*
 * slot.c - wraps and unwraps the master key in one cell of a header block.
 *
 * The seal commits to its key and to salt, volume and index: a cell that is moved elsewhere does not open.
 */
#include "slot.h"

#include <string.h>

#include "crypto.h"

#define PLAIN_SIZE (HEADER_CELL_SIZE - CRYPTO_SEAL_OVERHEAD)

static const char SLOT_LABEL[] = "coffer1 slot";

static void slot_context(const uint8_t salt[HEADER_SALT_SIZE], unsigned volume, unsigned slot,
                         uint8_t ad[HEADER_SALT_SIZE + 2])
{
    memcpy(ad, salt, HEADER_SALT_SIZE);
    ad[HEADER_SALT_SIZE] = (uint8_t)volume;
    ad[HEADER_SALT_SIZE + 1] = (uint8_t)slot;
}

void slot_wrap(uint8_t block[HEADER_BLOCK_SIZE], unsigned slot, const uint8_t kek[32],
               const uint8_t salt[HEADER_SALT_SIZE], unsigned volume, const uint8_t master[HEADER_MASTER_SIZE])
{
    uint8_t ad[HEADER_SALT_SIZE + 2];
    uint8_t plain[PLAIN_SIZE] = { 0 };
    slot_context(salt, volume, slot, ad);
    memcpy(plain, master, HEADER_MASTER_SIZE);
    crypto_seal(header_slot_cell(block, slot), kek, SLOT_LABEL, ad, sizeof(ad), plain, sizeof(plain));
    crypto_wipe(plain, sizeof(plain));
}

enum slot_result slot_unwrap(const uint8_t block[HEADER_BLOCK_SIZE], unsigned slot, const uint8_t kek[32],
                             const uint8_t salt[HEADER_SALT_SIZE], unsigned volume,
                             uint8_t master[HEADER_MASTER_SIZE])
{
    uint8_t ad[HEADER_SALT_SIZE + 2];
    uint8_t plain[PLAIN_SIZE];
    slot_context(salt, volume, slot, ad);
    const uint8_t *cell = header_slot_cell((uint8_t *)(uintptr_t)block, slot);
    if (!crypto_open(plain, kek, SLOT_LABEL, ad, sizeof(ad), cell, HEADER_CELL_SIZE)) {
        return SLOT_CLOSED;
    }
    bool known = crypto_is_zero(plain + HEADER_MASTER_SIZE, PLAIN_SIZE - HEADER_MASTER_SIZE);
    if (known) {
        memcpy(master, plain, HEADER_MASTER_SIZE);
    }
    crypto_wipe(plain, sizeof(plain));
    return known ? SLOT_OPEN : SLOT_TOO_NEW;
}

void slot_erase(uint8_t block[HEADER_BLOCK_SIZE], unsigned slot)
{
    crypto_random(header_slot_cell(block, slot), HEADER_CELL_SIZE);
}
