/* SPDX-License-Identifier: ISC */
/*
 * ccm.c - opens what was sealed with AES-256-CCM: the keys of BitLocker volumes.
 */
#include <errno.h>
#include <gcrypt.h>

#include "crypto.h"
#include "private.h"

bool crypto_ccm_open(uint8_t *out, const uint8_t key[32], const uint8_t nonce[12], const uint8_t tag[16],
                     const uint8_t *in, size_t size)
{
    const uint64_t lengths[3] = { size, 0, 16 }; /* message, data that is only authenticated, tag */
    gcry_cipher_hd_t cipher;
    if (gcry_cipher_open(&cipher, GCRY_CIPHER_AES256, GCRY_CIPHER_MODE_CCM, GCRY_CIPHER_SECURE) != 0) {
        return false;
    }
    pool_lock_handle(cipher);
    bool is_open =
        gcry_cipher_setkey(cipher, key, 32) == 0 && gcry_cipher_setiv(cipher, nonce, 12) == 0 &&
        gcry_cipher_ctl(cipher, GCRYCTL_SET_CCM_LENGTHS, (void *)(uintptr_t)lengths, sizeof(lengths)) == 0 &&
        gcry_cipher_decrypt(cipher, out, size, in, size) == 0 && gcry_cipher_checktag(cipher, tag, 16) == 0;
    gcry_cipher_close(cipher); /* wipes */
    if (!is_open) {
        crypto_wipe(out, size);
    }
    return is_open;
}
