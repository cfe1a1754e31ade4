/* SPDX-License-Identifier: ISC */
/* sector_lmk.h - loop-AES's way with many keys, which dm-crypt calls "lmk". */
#ifndef CRYPTO_SECTOR_LMK_H
#define CRYPTO_SECTOR_LMK_H

#include "crypto.h"

struct sector_lmk;

/* Bytes of key behind the first. */
size_t sector_lmk_shared_size(const struct crypto_sector_spec *spec);

/* 0, -EINVAL, -EOPNOTSUPP, -ENOMEM. */
int sector_lmk_new(struct sector_lmk **lmk, const struct crypto_sector_spec *spec);
void sector_lmk_free(struct sector_lmk *lmk);

/* Whole sectors. */
void sector_lmk_crypt(struct sector_lmk *lmk, bool encrypt, uint64_t tweak, uint8_t *out, const uint8_t *in,
                      size_t size);

#endif
