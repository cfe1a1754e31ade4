/* SPDX-License-Identifier: ISC */
/* digest.h - the digests of foreign formats, by our names. */
#ifndef CRYPTO_DIGEST_H
#define CRYPTO_DIGEST_H

#include "crypto.h"

/* libgcrypt's number; 0: there is no such digest. */
int digest_algorithm(enum crypto_digest digest);

/* out: crypto_digest_size bytes. 0 or -ENOMEM. */
CRYPTO_CHECKED int digest_of(enum crypto_digest digest, uint8_t *out, const void *data, size_t size);

#endif
