/* SPDX-License-Identifier: ISC */
/* sector_iv.h - from the number of a sector to its IV, and TrueCrypt's old whitening. */
#ifndef CRYPTO_SECTOR_IV_H
#define CRYPTO_SECTOR_IV_H

#include "cipher.h"

#define SECTOR_IV_TCW_SIZE 32

struct sector_iv {
    enum crypto_iv kind;
    enum crypto_cipher cipher; /* of the block size, and for ESSIV and EBOIV */
    enum crypto_digest digest;
    uint32_t shift;             /* tweak >> shift is the number */
    gcry_cipher_hd_t encryptor; /* ESSIV and EBOIV, else NULL */
    uint8_t *seed;              /* TCW: secret memory, else NULL */
    uint8_t mask[CIPHER_BLOCK_MAX];
};

/* For layer `layer` of the spec. Closed also when it fails. 0, -EINVAL, -EOPNOTSUPP, -ENOMEM. */
int sector_iv_open(struct sector_iv *iv, const struct crypto_sector_spec *spec, unsigned layer);
void sector_iv_close(struct sector_iv *iv);

/* Fills 16 bytes, of which a cipher of smaller blocks takes the first. */
void sector_iv_make(const struct sector_iv *iv, uint64_t tweak, uint8_t out[CIPHER_BLOCK_MAX]);

/* TCW: adds the whitening of sector `tweak` to `size` bytes of ciphertext. */
void sector_iv_whiten(const struct sector_iv *iv, uint64_t tweak, uint8_t *data, size_t size);

#endif
