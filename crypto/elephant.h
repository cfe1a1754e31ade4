/* SPDX-License-Identifier: ISC */
/* elephant.h - what BitLocker up to Windows 7 does to a sector besides CBC. */
#ifndef CRYPTO_ELEPHANT_H
#define CRYPTO_ELEPHANT_H

#include "cipher.h"

struct elephant {
    gcry_cipher_hd_t encryptor; /* of the sector key; NULL: not in use */
};

/* 0, -EINVAL, -EOPNOTSUPP, -ENOMEM. */
int elephant_open(struct elephant *elephant, const uint8_t *key, size_t key_size);
void elephant_close(struct elephant *elephant);

/* Before CBC encrypts, and after it has decrypted; in place. `offset` of the sector in bytes, `size` a multiple of
 * 32 up to 4096. */
void elephant_mix(const struct elephant *elephant, uint64_t offset, uint8_t *data, size_t size);
void elephant_unmix(const struct elephant *elephant, uint64_t offset, uint8_t *data, size_t size);

#endif
