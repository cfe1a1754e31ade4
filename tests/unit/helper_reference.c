/* SPDX-License-Identifier: ISC */
/*
 * Slow second implementations for tests; see the header for what each is made of. All of libgcrypt here runs in
 * ordinary memory. crypto_init has been called before.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "helper_reference.h"

#include <gcrypt.h>
#include <stdlib.h>
#include <string.h>

void reference_blake2b(uint8_t *out, size_t out_size, const uint8_t *key, size_t key_size, const uint8_t *data,
                       size_t size)
{
    int algorithm = out_size == 64   ? GCRY_MD_BLAKE2B_512
                    : out_size == 48 ? GCRY_MD_BLAKE2B_384
                                     : GCRY_MD_BLAKE2B_256;
    gcry_md_hd_t md;
    assert_int_equal(gcry_md_get_algo_dlen(algorithm), out_size);
    assert_int_equal(gcry_md_open(&md, algorithm, 0), 0);
    if (key_size > 0) {
        assert_int_equal(gcry_md_setkey(md, key, key_size), 0);
    }
    gcry_md_write(md, data, size);
    memcpy(out, gcry_md_read(md, algorithm), out_size);
    gcry_md_close(md);
}

void reference_argon2id(uint8_t out[32], const struct reference_argon2id *input)
{
    const unsigned long parameters[] = { 32, input->passes, input->memory, input->lanes };
    gcry_kdf_hd_t kdf;
    assert_int_equal(gcry_kdf_open(&kdf, GCRY_KDF_ARGON2, GCRY_KDF_ARGON2ID, parameters, 4, input->password,
                                   input->password_size, input->salt, input->salt_size, input->secret,
                                   input->secret_size, input->ad, input->ad_size),
                     0);
    assert_int_equal(gcry_kdf_compute(kdf, NULL), 0);
    assert_int_equal(gcry_kdf_final(kdf, 32, out), 0);
    gcry_kdf_close(kdf);
}

static uint32_t get32(const uint8_t *at)
{
    return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

static void put32(uint8_t *at, uint32_t value)
{
    for (unsigned i = 0; i < 4; i++) {
        at[i] = (uint8_t)(value >> (8 * i));
    }
}

static uint32_t turn(uint32_t word, unsigned by)
{
    return word << by | word >> (32 - by);
}

static void quarter(uint32_t *x, unsigned a, unsigned b, unsigned c, unsigned d)
{
    x[a] += x[b];
    x[d] = turn(x[d] ^ x[a], 16);
    x[c] += x[d];
    x[b] = turn(x[b] ^ x[c], 12);
    x[a] += x[b];
    x[d] = turn(x[d] ^ x[a], 8);
    x[c] += x[d];
    x[b] = turn(x[b] ^ x[c], 7);
}

void reference_hchacha20(uint8_t out[32], const uint8_t key[32], const uint8_t nonce[16])
{
    uint32_t x[16];
    for (unsigned i = 0; i < 4; i++) {
        x[i] = get32((const uint8_t *)"expand 32-byte k" + 4 * i);
        x[4 + i] = get32(key + 4 * i);
        x[8 + i] = get32(key + 16 + 4 * i);
        x[12 + i] = get32(nonce + 4 * i);
    }
    for (unsigned round = 0; round < 10; round++) {
        for (unsigned i = 0; i < 4; i++) {
            quarter(x, i, 4 + i, 8 + i, 12 + i);
        }
        for (unsigned i = 0; i < 4; i++) {
            quarter(x, i, 4 + (i + 1) % 4, 8 + (i + 2) % 4, 12 + (i + 3) % 4);
        }
    }
    for (unsigned i = 0; i < 4; i++) {
        put32(out + 4 * i, x[i]);
        put32(out + 16 + 4 * i, x[12 + i]);
    }
}

void reference_xchacha20poly1305(uint8_t *sealed, const uint8_t key[32], const uint8_t nonce[24],
                                 const uint8_t *ad, size_t ad_size, const uint8_t *plain, size_t size)
{
    uint8_t subkey[32];
    uint8_t nonce12[12] = { 0 };
    gcry_cipher_hd_t cipher;
    reference_hchacha20(subkey, key, nonce);
    memcpy(nonce12 + 4, nonce + 16, 8);
    assert_int_equal(gcry_cipher_open(&cipher, GCRY_CIPHER_CHACHA20, GCRY_CIPHER_MODE_POLY1305, 0), 0);
    assert_int_equal(gcry_cipher_setkey(cipher, subkey, sizeof(subkey)), 0);
    assert_int_equal(gcry_cipher_setiv(cipher, nonce12, sizeof(nonce12)), 0);
    assert_int_equal(gcry_cipher_authenticate(cipher, ad, ad_size), 0);
    assert_int_equal(gcry_cipher_final(cipher), 0);
    assert_int_equal(gcry_cipher_encrypt(cipher, sealed, size, plain, size), 0);
    assert_int_equal(gcry_cipher_gettag(cipher, sealed + size, 16), 0);
    gcry_cipher_close(cipher);
}

void reference_seal(uint8_t *sealed, const uint8_t key[32], const char *label, const uint8_t nonce[24],
                    const uint8_t *ad, size_t ad_size, const uint8_t *plain, size_t size)
{
    uint8_t okm[64];
    uint8_t *input = calloc(1, 16 + 24 + ad_size);
    assert_non_null(input);
    memcpy(input, label, strlen(label));
    memcpy(input + 16, nonce, 24);
    memcpy(input + 40, ad, ad_size);
    reference_blake2b(okm, sizeof(okm), key, 32, input, 40 + ad_size);
    free(input);

    memcpy(sealed, nonce, 24);
    memcpy(sealed + 24, okm, 32);
    reference_xchacha20poly1305(sealed + 56, okm + 32, nonce, NULL, 0, plain, size);
}

static gcry_cipher_hd_t aes_blocks(const uint8_t key[32])
{
    gcry_cipher_hd_t cipher;
    assert_int_equal(gcry_cipher_open(&cipher, GCRY_CIPHER_AES256, GCRY_CIPHER_MODE_ECB, 0), 0);
    assert_int_equal(gcry_cipher_setkey(cipher, key, 32), 0);
    return cipher;
}

/* The tweak times x in GF(2^128), IEEE 1619 5.2. */
static void times_x(uint8_t tweak[16])
{
    unsigned carry = 0;
    for (unsigned i = 0; i < 16; i++) {
        unsigned shifted = (unsigned)tweak[i] << 1 | carry;
        tweak[i] = (uint8_t)shifted;
        carry = shifted >> 8;
    }
    if (carry) {
        tweak[0] ^= 0x87;
    }
}

void reference_xts(bool encrypt, const uint8_t key[64], const uint8_t tweak[16], uint8_t *out, const uint8_t *in,
                   size_t size)
{
    gcry_cipher_hd_t data = aes_blocks(key);
    gcry_cipher_hd_t tweaks = aes_blocks(key + 32);
    uint8_t mask[16];
    assert_int_equal(size % 16, 0);
    assert_int_equal(gcry_cipher_encrypt(tweaks, mask, 16, tweak, 16), 0);
    for (size_t at = 0; at < size; at += 16) {
        uint8_t block[16];
        for (unsigned i = 0; i < 16; i++) {
            block[i] = in[at + i] ^ mask[i];
        }
        assert_int_equal((encrypt ? gcry_cipher_encrypt : gcry_cipher_decrypt)(data, block, 16, NULL, 0), 0);
        for (unsigned i = 0; i < 16; i++) {
            out[at + i] = block[i] ^ mask[i];
        }
        times_x(mask);
    }
    gcry_cipher_close(data);
    gcry_cipher_close(tweaks);
}

uint64_t reference_number(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

void reference_bytes(uint64_t *state, uint8_t *out, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        out[i] = (uint8_t)(reference_number(state) >> 56);
    }
}
