/* SPDX-License-Identifier: ISC */
/* md5.h - the inside of MD5 (RFC 1321), for several messages side by side. */
#ifndef CRYPTO_MD5_H
#define CRYPTO_MD5_H

#include <stdint.h>

#define MD5_LANES 16 /* messages */
#define MD5_BLOCK 64 /* bytes */

/* One word of each message. */
typedef uint32_t md5_words __attribute__((vector_size(4 * MD5_LANES)));

/* What the state of every message is before its first block. */
void md5_begin(md5_words state[4]);

/* Takes in a block of each. The padding that ends a message is the caller's. */
void md5_add(md5_words state[4], const md5_words block[MD5_BLOCK / 4]);

#endif
