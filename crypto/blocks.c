/* SPDX-License-Identifier: ISC */
/*
 * A block cipher over many independent blocks at once.
 *
 * libgcrypt 1.10 has vector code for Serpent, Twofish and Camellia, 2 to 7 times as fast as its ECB and XTS, but
 * reaches it only through a few modes. OCB is the one that works in both directions: it computes
 * E(block ^ offset) ^ offset, with offsets that depend on the key, the nonce and the block's place alone
 * (RFC 7253, 4.2). They are computed once per key here for a fixed nonce and merged with the caller's mask, so that
 * they cancel out. Nothing of OCB's authentication is used. Every new key is checked against ECB over all places: a
 * libgcrypt that did this differently would be found before it touches data.
 */
#include <errno.h>
#include <string.h>

#include "cipher.h"
#include "private.h"

#define BLOCK 16

static const uint8_t NONCE[12]; /* zeros */

void blocks_xor(uint8_t *out, const uint8_t *a, const uint8_t *b, size_t size)
{
    size_t i = 0;
    for (; i + 16 <= size; i += 16) { /* GCC makes one vector operation of it */
        uint64_t x[2], y[2];
        memcpy(x, a + i, 16);
        memcpy(y, b + i, 16);
        x[0] ^= y[0];
        x[1] ^= y[1];
        memcpy(out + i, x, 16);
    }
    for (; i < size; i++) {
        out[i] = a[i] ^ b[i];
    }
}

/* Times x in GF(2^128), big-endian. */
static void times_x(uint8_t out[BLOCK], const uint8_t in[BLOCK])
{
    uint8_t carry = (uint8_t)(in[0] >> 7);
    for (unsigned i = 0; i < BLOCK - 1; i++) {
        out[i] = (uint8_t)(in[i] << 1 | in[i + 1] >> 7);
    }
    out[BLOCK - 1] = (uint8_t)((in[BLOCK - 1] << 1) ^ (carry * 0x87));
}

/* The offsets of blocks 1, 2 .. under the nonce of twelve zeros, whose own last six bits are zero. */
static void compute_offsets(uint8_t *offset, const struct ecb *single)
{
    uint8_t power[9][BLOCK] = { { 0 } }; /* L_0 .. L_8: 256 blocks need no more */
    uint8_t last[BLOCK] = { [3] = 1 };
    _Static_assert(BLOCKS_RUN / BLOCK < 1 << 9, "L_8 is the largest");
    ecb_crypt(single, true, power[0], power[0], BLOCK); /* L_* */
    times_x(power[0], power[0]);                        /* L_$; from back to front it may be in place */
    times_x(power[0], power[0]);
    for (unsigned i = 1; i < 9; i++) {
        times_x(power[i], power[i - 1]);
    }
    ecb_crypt(single, true, last, last, BLOCK);
    for (unsigned i = 1; i <= BLOCKS_RUN / BLOCK; i++) {
        blocks_xor(last, last, power[__builtin_ctz(i)], BLOCK);
        memcpy(offset + (size_t)(i - 1) * BLOCK, last, BLOCK);
    }
    crypto_wipe(power, sizeof(power));
    crypto_wipe(last, sizeof(last));
}

/* In both directions; `work` holds three runs. */
static bool agrees(struct blocks *blocks, uint8_t *work)
{
    uint8_t *expected = work, *got = work + BLOCKS_RUN, *mask = work + (size_t)2 * BLOCKS_RUN;
    for (unsigned encrypt = 0; encrypt < 2; encrypt++) {
        for (size_t i = 0; i < BLOCKS_RUN; i++) {
            got[i] = (uint8_t)(i >> 4);
        }
        memset(mask, 0, BLOCKS_RUN);
        ecb_crypt(&blocks->ecb, encrypt, expected, got, BLOCKS_RUN);
        blocks_crypt_masked(blocks, encrypt, got, got, mask, BLOCKS_RUN);
        if (!crypto_equal(expected, got, BLOCKS_RUN)) {
            return false;
        }
    }
    return true;
}

int blocks_open(struct blocks *blocks, enum crypto_cipher cipher, const uint8_t *key, size_t key_size)
{
    if (cipher_block_size(cipher) != BLOCK) {
        return -EOPNOTSUPP;
    }
    int failed = ecb_open(&blocks->ecb, cipher, key, key_size);
    if (failed || blocks->ecb.own) {
        return failed;
    }
    uint8_t *work = crypto_secret_alloc((size_t)3 * BLOCKS_RUN);
    failed = work ? cipher_open(&blocks->handle, cipher, GCRY_CIPHER_MODE_OCB, key, key_size) : -ENOMEM;
    if (!failed) {
        compute_offsets(blocks->offset, &blocks->ecb);
        failed = agrees(blocks, work) ? 0 : -EIO;
    }
    crypto_secret_free(work);
    ecb_close(&blocks->ecb);
    return failed;
}

void blocks_close(struct blocks *blocks)
{
    ecb_close(&blocks->ecb);
    gcry_cipher_close(blocks->handle); /* NULL is fine */
    blocks->handle = NULL;
}

/* `out` in place, with offsets that the mode adds twice by itself. */
static void crypt_ocb(struct blocks *blocks, bool encrypt, uint8_t *out, size_t size)
{
    if (gcry_cipher_setiv(blocks->handle, NONCE, sizeof(NONCE)) ||
        (encrypt ? gcry_cipher_encrypt : gcry_cipher_decrypt)(blocks->handle, out, size, NULL, 0)) {
        crypto_panic(); /* whole blocks under a set key: nothing is left that can fail */
    }
}

void blocks_crypt_masked(struct blocks *blocks, bool encrypt, uint8_t *out, const uint8_t *in, uint8_t *mask,
                         size_t size)
{
    if (blocks->handle) {
        blocks_xor(mask, mask, blocks->offset, size);
    }
    blocks_xor(out, in, mask, size);
    if (blocks->handle) {
        crypt_ocb(blocks, encrypt, out, size);
    } else {
        ecb_crypt(&blocks->ecb, encrypt, out, out, size);
    }
    blocks_xor(out, out, mask, size);
}
