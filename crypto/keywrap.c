/* SPDX-License-Identifier: ISC */
/*
 * keywrap.c - opens keys that were wrapped with AES-128 (RFC 3394): those of FileVault volumes.
 */
#include <gcrypt.h>

#include "crypto.h"
#include "private.h"

bool crypto_unwrap(uint8_t out[16], const uint8_t key[16], const uint8_t wrapped[24])
{
    gcry_cipher_hd_t cipher;
    if (gcry_cipher_open(&cipher, GCRY_CIPHER_AES128, GCRY_CIPHER_MODE_AESWRAP, GCRY_CIPHER_SECURE) != 0) {
        return false;
    }
    pool_lock_handle(cipher);
    bool is_open =
        gcry_cipher_setkey(cipher, key, 16) == 0 && gcry_cipher_decrypt(cipher, out, 16, wrapped, 24) == 0;
    gcry_cipher_close(cipher); /* wipes */
    if (!is_open) {
        crypto_wipe(out, 16);
    }
    return is_open;
}
