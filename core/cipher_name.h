/* SPDX-License-Identifier: ISC */
/* cipher_name.h - from names as dm-crypt and LUKS headers write them to what the sector engine does. */
#ifndef CORE_CIPHER_NAME_H
#define CORE_CIPHER_NAME_H

#include "coffer.h"
#include "crypto.h"

/* "sha256", "whirlpool"; also the kernel's "wp512", "rmd160". CRYPTO_DIGESTS: there is none of that name. */
enum crypto_digest cipher_name_digest(const char *name);

/* "aes-xts-plain64" with a key of `key_size` bytes, in sectors of `sector_size` bytes whose IV counts 512-byte
 * units. Fills everything but the key. Errors: UNSUPPORTED, naming it. */
enum coffer_status cipher_name_parse(const char *name, uint32_t key_size, uint32_t sector_size,
                                     struct crypto_sector_spec *spec, struct coffer_error *error);

/* The other way round, for one layer of `spec`, as the kernel names it. False: the kernel has no such way. */
#define CIPHER_NAME_MAX 64
bool cipher_name_write(const struct crypto_sector_spec *spec, unsigned layer, char text[CIPHER_NAME_MAX]);

#endif
