/* SPDX-License-Identifier: ISC */
/*
 * AES-256-XTS over runs of sectors, as dm-crypt's aes-xts-plain64 without iv_large_sectors. Each sector is one
 * XTS data unit with its own tweak, which is set for every one: libgcrypt would count on by 1 per call, and
 * would take tweak 0 without a word where none was set. A handle is one thread's at a time.
 */
#include <errno.h>
#include <gcrypt.h>
#include <stdlib.h>

#include "crypto.h"
#include "private.h"

#define XTS_HALF   (CRYPTO_SECTOR_KEY_SIZE / 2)
#define TWEAK_SIZE 16
#define TWEAK_UNIT 512 /* bytes; what the tweak counts */

struct crypto_sector {
    gcry_cipher_hd_t cipher; /* in libgcrypt's secure memory, with the key schedules */
    uint32_t size;           /* bytes of a sector */
};

typedef gcry_error_t crypt_fn(gcry_cipher_hd_t cipher, void *out, size_t out_size, const void *in, size_t in_size);

int crypto_sector_new(struct crypto_sector **sector, const uint8_t key[CRYPTO_SECTOR_KEY_SIZE],
                      uint32_t sector_size)
{
    /* XTS with K1 = K2 falls to a chosen plaintext; libgcrypt refuses it only in FIPS mode. */
    if ((sector_size != 512 && sector_size != 4096) || crypto_equal(key, key + XTS_HALF, XTS_HALF)) {
        return -EINVAL;
    }
    struct crypto_sector *made = calloc(1, sizeof(*made));
    if (!made) {
        return -ENOMEM;
    }
    made->size = sector_size;
    gcry_error_t error =
        gcry_cipher_open(&made->cipher, GCRY_CIPHER_AES256, GCRY_CIPHER_MODE_XTS, GCRY_CIPHER_SECURE);
    if (!error) {
        pool_lock_handle(made->cipher);
        error = gcry_cipher_setkey(made->cipher, key, CRYPTO_SECTOR_KEY_SIZE);
    }
    if (error) {
        crypto_sector_free(made);
        return gcry_err_code(error) == GPG_ERR_ENOMEM ? -ENOMEM : -EINVAL;
    }
    *sector = made;
    return 0;
}

void crypto_sector_free(struct crypto_sector *sector)
{
    if (!sector) {
        return;
    }
    gcry_cipher_close(sector->cipher); /* wipes; NULL is fine */
    free(sector);
}

static void put_tweak(uint8_t out[TWEAK_SIZE], uint64_t tweak)
{
    for (unsigned i = 0; i < 8; i++) {
        out[i] = (uint8_t)(tweak >> (8 * i));
    }
}

static void crypt_run(struct crypto_sector *sector, crypt_fn *crypt, uint64_t tweak, uint8_t *out,
                      const uint8_t *in, size_t size)
{
    if (size % sector->size != 0) {
        crypto_panic();
    }
    uint8_t tweak16[TWEAK_SIZE] = { 0 };
    for (size_t done = 0; done < size; done += sector->size) {
        put_tweak(tweak16, tweak);
        if (gcry_cipher_setiv(sector->cipher, tweak16, sizeof(tweak16)) ||
            crypt(sector->cipher, out + done, sector->size, in + done, sector->size)) {
            crypto_panic(); /* sizes are right and the key is set: nothing is left that can fail */
        }
        tweak += sector->size / TWEAK_UNIT;
    }
}

void crypto_sector_encrypt(struct crypto_sector *sector, uint64_t tweak, uint8_t *out, const uint8_t *in,
                           size_t size)
{
    crypt_run(sector, gcry_cipher_encrypt, tweak, out, in, size);
}

void crypto_sector_decrypt(struct crypto_sector *sector, uint64_t tweak, uint8_t *out, const uint8_t *in,
                           size_t size)
{
    crypt_run(sector, gcry_cipher_decrypt, tweak, out, in, size);
}
