/* SPDX-License-Identifier: ISC */
/* sector_masked.h - XTS and LRW over any ciphers of 16-byte blocks, alone or in cascades. */
#ifndef CRYPTO_SECTOR_MASKED_H
#define CRYPTO_SECTOR_MASKED_H

#include "sector_iv.h"

struct sector_masked;

/* 0, -EINVAL, -EOPNOTSUPP, -ENOMEM, -EIO. */
int sector_masked_new(struct sector_masked **masked, const struct crypto_sector_spec *spec);
void sector_masked_free(struct sector_masked *masked);

/* Whole sectors. */
void sector_masked_crypt(struct sector_masked *masked, const struct sector_iv *iv, bool encrypt, uint64_t tweak,
                         uint8_t *out, const uint8_t *in, size_t size);

#endif
