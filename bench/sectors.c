/* SPDX-License-Identifier: ISC */
/*
 * sectors.c - how fast one processor decrypts the sectors of volumes of other programs, against two things in the
 * same run: sectors of our own format of the same size, and libgcrypt's XTS called sector by sector, as it offers
 * itself. The ways are measured in turn, several times; the median counts.
 *
 * Of AES, 512-byte sectors run at half the rate of 4096-byte ones in any format: every sector costs a tweak and a
 * call. That is libgcrypt's own rate to 5 %, 6.7 GB/s of one processor where that was measured, so that only an AES
 * of our own could do better; it would be one more to trust, for what no mount is held up by.
 */
#include <gcrypt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "crypto.h"

#define PIECE  ((size_t)1 << 20)
#define ROUNDS 7
#define PIECES 16 /* in a round */

struct way {
    const char *name;
    uint32_t sector_size;
    enum crypto_mode mode;
    enum crypto_iv iv;
    unsigned layers;
    enum crypto_cipher layer[CRYPTO_LAYERS_MAX];
    int algorithm; /* libgcrypt's, for its own XTS; 0: not compared */
    double own[ROUNDS], theirs[ROUNDS];
    struct crypto_sector *sector;
    gcry_cipher_hd_t handle;
};

static struct way ways[] = {
    { "aes-xts, 4096", 4096, CRYPTO_XTS, CRYPTO_IV_PLAIN64, 1, { CRYPTO_AES }, GCRY_CIPHER_AES256 },
    { "aes-xts, 512", 512, CRYPTO_XTS, CRYPTO_IV_PLAIN64, 1, { CRYPTO_AES }, GCRY_CIPHER_AES256 },
    { "serpent-xts, 512", 512, CRYPTO_XTS, CRYPTO_IV_PLAIN64, 1, { CRYPTO_SERPENT }, GCRY_CIPHER_SERPENT256 },
    { "twofish-xts, 512", 512, CRYPTO_XTS, CRYPTO_IV_PLAIN64, 1, { CRYPTO_TWOFISH }, GCRY_CIPHER_TWOFISH },
    { "camellia-xts, 512", 512, CRYPTO_XTS, CRYPTO_IV_PLAIN64, 1, { CRYPTO_CAMELLIA }, GCRY_CIPHER_CAMELLIA256 },
    { "kuznyechik-xts, 512", 512, CRYPTO_XTS, CRYPTO_IV_PLAIN64, 1, { CRYPTO_KUZNYECHIK }, 0 },
    { "serpent-twofish-aes-xts, 512",
      512,
      CRYPTO_XTS,
      CRYPTO_IV_PLAIN64,
      3,
      { CRYPTO_SERPENT, CRYPTO_TWOFISH, CRYPTO_AES },
      0 },
    { "aes-cbc-essiv, 512", 512, CRYPTO_CBC, CRYPTO_IV_ESSIV, 1, { CRYPTO_AES }, 0 },
    { "aes-cbc-elephant, 512", 512, CRYPTO_CBC_ELEPHANT, CRYPTO_IV_EBOIV, 1, { CRYPTO_AES }, 0 },
};
#define WAYS (sizeof(ways) / sizeof(ways[0]))

/* Our own format, with either of its sizes. */
static struct {
    uint32_t sector_size;
    double rate[ROUNDS];
    struct crypto_sector *sector;
} ours[] = { { .sector_size = 4096 }, { .sector_size = 512 } };
#define OURS (sizeof(ours) / sizeof(ours[0]))

static uint8_t data[PIECE];

static void prepare(struct way *way)
{
    struct crypto_sector_spec spec = {
        .layers = way->layers,
        .mode = way->mode,
        .iv = way->iv,
        .iv_digest = CRYPTO_SHA256,
        .sector_size = way->sector_size,
        .iv_unit = 512,
    };
    for (unsigned i = 0; i < way->layers; i++) {
        spec.layer[i].cipher = way->layer[i];
        spec.layer[i].key_size = way->mode == CRYPTO_XTS ? 64 : 32;
        spec.key_size += spec.layer[i].key_size;
    }
    spec.key_size += way->mode == CRYPTO_CBC_ELEPHANT ? 32 : 0;
    for (uint32_t i = 0; i < spec.key_size; i++) {
        spec.key[i] = (uint8_t)i;
    }
    if (crypto_sector_new_spec(&way->sector, &spec) != 0 ||
        (way->algorithm != 0 && (gcry_cipher_open(&way->handle, way->algorithm, GCRY_CIPHER_MODE_XTS, 0) != 0 ||
                                 gcry_cipher_setkey(way->handle, spec.key, 64) != 0))) {
        fprintf(stderr, "sectors: cannot prepare %s\n", way->name);
        exit(1);
    }
}

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* MiB per second. */
static double measure(struct crypto_sector *sector)
{
    double start = seconds();
    for (unsigned piece = 0; piece < PIECES; piece++) {
        crypto_sector_decrypt(sector, piece * (PIECE / 512), data, data, PIECE);
    }
    return PIECES * (double)PIECE / (1 << 20) / (seconds() - start);
}

static double measure_theirs(struct way *way)
{
    double start = seconds();
    for (unsigned piece = 0; piece < PIECES; piece++) {
        for (size_t at = 0; at < PIECE; at += way->sector_size) {
            uint8_t tweak[16] = { (uint8_t)at, (uint8_t)(at >> 8), (uint8_t)piece };
            gcry_cipher_setiv(way->handle, tweak, sizeof(tweak));
            gcry_cipher_decrypt(way->handle, data + at, way->sector_size, NULL, 0);
        }
    }
    return PIECES * (double)PIECE / (1 << 20) / (seconds() - start);
}

static int compare(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;
    return left < right ? -1 : left > right;
}

static double median(double *values)
{
    qsort(values, ROUNDS, sizeof(values[0]), compare);
    return values[ROUNDS / 2];
}

static double our_rate(uint32_t sector_size)
{
    size_t i = 0;
    while (ours[i].sector_size != sector_size) {
        i++;
    }
    return median(ours[i].rate);
}

int main(void)
{
    if (crypto_init() != 0) {
        return 1;
    }
    for (size_t i = 0; i < WAYS; i++) {
        prepare(&ways[i]);
    }
    for (size_t i = 0; i < OURS; i++) {
        uint8_t key[CRYPTO_SECTOR_KEY_SIZE] = { 1 };
        if (crypto_sector_new(&ours[i].sector, key, ours[i].sector_size) != 0) {
            return 1;
        }
    }
    for (unsigned round = 0; round < ROUNDS; round++) {
        for (size_t i = 0; i < OURS; i++) {
            ours[i].rate[round] = measure(ours[i].sector);
        }
        for (size_t i = 0; i < WAYS; i++) {
            ways[i].own[round] = measure(ways[i].sector);
            ways[i].theirs[round] = ways[i].handle != NULL ? measure_theirs(&ways[i]) : 0;
        }
    }
    printf("%-32s%14s%18s%24s\n", "decrypting, one processor", "MiB/s", "of our format's",
           "of libgcrypt's own XTS");
    for (size_t i = 0; i < WAYS; i++) {
        double own = median(ways[i].own), theirs = median(ways[i].theirs);
        printf("%-32s%14.0f%18.2f", ways[i].name, own, own / our_rate(ways[i].sector_size));
        if (theirs > 0) {
            printf("%24.2f", own / theirs);
        }
        putchar('\n');
    }
    return 0;
}
