/* SPDX-License-Identifier: ISC */
/* luks_split.h - a key as LUKS_STRIPES pieces, all of which are needed to have it back. */
#ifndef CORE_LUKS_SPLIT_H
#define CORE_LUKS_SPLIT_H

#include "crypto.h"
#include "luks.h"

/* size: bytes of the key, up to LUKS_KEY_MAX. area: size * LUKS_STRIPES bytes. Both: secret memory. 0 or -ENOMEM. */
CRYPTO_CHECKED int luks_split_merge(enum crypto_digest digest, uint8_t *key, uint32_t size, const uint8_t *area);
CRYPTO_CHECKED int luks_split_spread(enum crypto_digest digest, const uint8_t *key, uint32_t size, uint8_t *area);

#endif
