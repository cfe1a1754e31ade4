/* SPDX-License-Identifier: ISC */
/*
 * The Elephant diffuser (Ferguson, "AES-CBC + Elephant diffuser", 2006): a key of each sector is added to it, then two
 * unkeyed diffusers mix its 32-bit words, so that a bit changed in the ciphertext changes the whole sector.
 *
 * Diffuser A looks back, B looks ahead; words count around the sector. Decrypting adds from the first word to the
 * last, encrypting subtracts from the last to the first.
 */
#include "elephant.h"

#include <string.h>

#define WORDS_MAX       (4096 / 4)
#define CYCLES_A        5
#define CYCLES_B        3
#define SECTOR_KEY_SIZE 32

static const unsigned ROTATE_A[4] = { 9, 0, 13, 0 };
static const unsigned ROTATE_B[4] = { 0, 10, 0, 25 };

int elephant_open(struct elephant *elephant, const uint8_t *key, size_t key_size)
{
    return cipher_open(&elephant->encryptor, CRYPTO_AES, GCRY_CIPHER_MODE_ECB, key, key_size);
}

void elephant_close(struct elephant *elephant)
{
    gcry_cipher_close(elephant->encryptor); /* wipes; NULL is fine */
    elephant->encryptor = NULL;
}

/* The offset encrypted, and the same with a mark in the last byte. */
static void add_sector_key(const struct elephant *elephant, uint64_t offset, uint8_t *data, size_t size)
{
    uint8_t key[SECTOR_KEY_SIZE] = { 0 };
    for (unsigned i = 0; i < 8; i++) {
        key[i] = key[16 + i] = (uint8_t)(offset >> (8 * i));
    }
    key[31] = 0x80;
    cipher_crypt(elephant->encryptor, CRYPTO_AES, true, key, key, sizeof(key));
    for (size_t at = 0; at < size; at += sizeof(key)) {
        blocks_xor(data + at, data + at, key, sizeof(key));
    }
    crypto_wipe(key, sizeof(key));
}

static uint32_t rotate(uint32_t word, unsigned bits)
{
    return bits == 0 ? word : word << bits | word >> (32 - bits);
}

/* ---- words of `count`, a power of two, in the machine's order ---- */

static void undo_a(uint32_t *word, unsigned count)
{
    const unsigned mask = count - 1;
    for (unsigned i = 0; i < CYCLES_A * count; i++) {
        word[i & mask] += word[(i - 2) & mask] ^ rotate(word[(i - 5) & mask], ROTATE_A[i % 4]);
    }
}

static void do_a(uint32_t *word, unsigned count)
{
    const unsigned mask = count - 1;
    for (unsigned i = CYCLES_A * count; i-- > 0;) {
        word[i & mask] -= word[(i - 2) & mask] ^ rotate(word[(i - 5) & mask], ROTATE_A[i % 4]);
    }
}

static void undo_b(uint32_t *word, unsigned count)
{
    const unsigned mask = count - 1;
    for (unsigned i = 0; i < CYCLES_B * count; i++) {
        word[i & mask] += word[(i + 2) & mask] ^ rotate(word[(i + 5) & mask], ROTATE_B[i % 4]);
    }
}

static void do_b(uint32_t *word, unsigned count)
{
    const unsigned mask = count - 1;
    for (unsigned i = CYCLES_B * count; i-- > 0;) {
        word[i & mask] -= word[(i + 2) & mask] ^ rotate(word[(i + 5) & mask], ROTATE_B[i % 4]);
    }
}

/* ---- sectors ---- */

static void load(uint32_t *word, const uint8_t *data, size_t size)
{
    memcpy(word, data, size);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    for (size_t i = 0; i < size / 4; i++) {
        word[i] = __builtin_bswap32(word[i]);
    }
#endif
}

static void store(uint8_t *data, uint32_t *word, size_t size)
{
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    for (size_t i = 0; i < size / 4; i++) {
        word[i] = __builtin_bswap32(word[i]);
    }
#endif
    memcpy(data, word, size);
    crypto_wipe(word, size);
}

void elephant_mix(const struct elephant *elephant, uint64_t offset, uint8_t *data, size_t size)
{
    uint32_t word[WORDS_MAX];
    add_sector_key(elephant, offset, data, size);
    load(word, data, size);
    do_a(word, (unsigned)(size / 4));
    do_b(word, (unsigned)(size / 4));
    store(data, word, size);
}

void elephant_unmix(const struct elephant *elephant, uint64_t offset, uint8_t *data, size_t size)
{
    uint32_t word[WORDS_MAX];
    load(word, data, size);
    undo_b(word, (unsigned)(size / 4));
    undo_a(word, (unsigned)(size / 4));
    store(data, word, size);
    add_sector_key(elephant, offset, data, size);
}
