/* SPDX-License-Identifier: ISC */
/*
 * A cipher of 16-byte blocks, block by block: libgcrypt's, or our own where it has none.
 */
#include "cipher.h"

#include <errno.h>

#include "kuznyechik.h"

int ecb_open(struct ecb *ecb, enum crypto_cipher cipher, const uint8_t *key, size_t key_size)
{
    *ecb = (struct ecb){ .cipher = cipher };
    if (cipher != CRYPTO_KUZNYECHIK) {
        return cipher_open(&ecb->handle, cipher, GCRY_CIPHER_MODE_ECB, key, key_size);
    }
    if (key_size != KUZNYECHIK_KEY_SIZE) {
        return -EINVAL;
    }
    ecb->own = kuznyechik_new(key);
    return ecb->own ? 0 : -ENOMEM;
}

void ecb_close(struct ecb *ecb)
{
    gcry_cipher_close(ecb->handle); /* wipes; NULL is fine */
    kuznyechik_free(ecb->own);
    *ecb = (struct ecb){ .cipher = ecb->cipher };
}

void ecb_crypt(const struct ecb *ecb, bool encrypt, uint8_t *out, const uint8_t *in, size_t size)
{
    if (ecb->own) {
        kuznyechik_crypt(ecb->own, encrypt, out, in, size);
    } else {
        cipher_crypt(ecb->handle, ecb->cipher, encrypt, out, in, size);
    }
}
