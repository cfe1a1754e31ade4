/* SPDX-License-Identifier: ISC */
/*
 * The pool of key files: for every byte of the first mebibyte, the four bytes of the running checksum are added to
 * four places of the pool, which is gone through in circles, for every file from its start.
 */
#include "tcrypt_keyfile.h"

#include <string.h>

#include "crc32.h"

void tcrypt_pool_add(struct tcrypt_pool *pool, const uint8_t *data, size_t size)
{
    uint32_t crc = CRC32_BEGIN;
    size_t place = 0;
    for (size_t i = 0; i < size && i < TCRYPT_KEYFILE_READ; i++) {
        crc = crc32_add(crc, data + i, 1);
        for (unsigned byte = 0; byte < 4; byte++, place++) {
            uint8_t value = (uint8_t)(crc >> (24 - 8 * byte));
            uint8_t *small = &pool->small[place % sizeof(pool->small)];
            uint8_t *large = &pool->large[place % sizeof(pool->large)];
            *small = (uint8_t)(*small + value);
            *large = (uint8_t)(*large + value);
        }
    }
}

size_t tcrypt_password_make(uint8_t out[TCRYPT_PASSWORD_MAX], const uint8_t *passphrase, size_t passphrase_size,
                            const struct tcrypt_pool *pool, bool has_keyfiles)
{
    memset(out, 0, TCRYPT_PASSWORD_MAX);
    if (!has_keyfiles) {
        memcpy(out, passphrase, passphrase_size);
        return passphrase_size;
    }
    bool is_short = passphrase_size <= TCRYPT_PASSWORD_SHORT_MAX;
    size_t size = is_short ? sizeof(pool->small) : sizeof(pool->large);
    memcpy(out, is_short ? pool->small : pool->large, size);
    for (size_t i = 0; i < passphrase_size; i++) {
        out[i] = (uint8_t)(out[i] + passphrase[i]);
    }
    return size;
}
