/* SPDX-License-Identifier: ISC */
/* kuznyechik.h - the block cipher of GOST R 34.12-2015 with blocks of 16 bytes, which libgcrypt lacks. */
#ifndef CRYPTO_KUZNYECHIK_H
#define CRYPTO_KUZNYECHIK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KUZNYECHIK_KEY_SIZE 32

/* One thread's at a time. */
struct kuznyechik;

/* In secret memory; NULL: there is none. */
struct kuznyechik *kuznyechik_new(const uint8_t key[KUZNYECHIK_KEY_SIZE]);
void kuznyechik_free(struct kuznyechik *kuznyechik); /* wipes; NULL is fine */

/* Independent blocks, size / 16 of them; out == in is fine. 256 at a time take as long as one. */
void kuznyechik_crypt(struct kuznyechik *kuznyechik, bool encrypt, uint8_t *out, const uint8_t *in, size_t size);

#endif
