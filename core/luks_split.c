/* SPDX-License-Identifier: ISC */
/*
 * luks_split.c - blows a key up and puts it together again.
 *
 * The pieces are random but for the last one, and each goes through a digest with the sum of those before, so that
 * destroying any part of them destroys the key: media do not always forget all that they are told to.
 */
#include "luks_split.h"

#include <errno.h>
#include <string.h>

#define DIGEST_MAX CRYPTO_DIGEST_MAX

/* Secret memory. */
struct work {
    uint8_t block[LUKS_KEY_MAX];
    uint8_t piece[4 + DIGEST_MAX];
    uint8_t digest[DIGEST_MAX];
};

static void free_work(struct work **work)
{
    crypto_secret_free(*work);
}

/* Every byte of the block comes to depend on as many others as the digest has bytes. */
static void diffuse(struct work *work, enum crypto_digest digest, uint32_t size)
{
    uint32_t step = (uint32_t)crypto_digest_size(digest);
    for (uint32_t at = 0, i = 0; at < size; at += step, i++) {
        uint32_t part = size - at < step ? size - at : step;
        for (unsigned k = 0; k < 4; k++) {
            work->piece[k] = (uint8_t)(i >> (24 - 8 * k));
        }
        memcpy(work->piece + 4, work->block + at, part);
        crypto_digest(digest, work->digest, work->piece, 4 + (size_t)part);
        memcpy(work->block + at, work->digest, part);
    }
}

/* What all stripes but the last one come to. */
static void sum_up(struct work *work, enum crypto_digest digest, uint32_t size, const uint8_t *area)
{
    for (uint32_t stripe = 0; stripe + 1 < LUKS_STRIPES; stripe++) {
        for (uint32_t i = 0; i < size; i++) {
            work->block[i] ^= area[(size_t)stripe * size + i];
        }
        diffuse(work, digest, size);
    }
}

int luks_split_merge(enum crypto_digest digest, uint8_t *key, uint32_t size, const uint8_t *area)
{
    struct work *work __attribute__((cleanup(free_work))) = crypto_secret_alloc(sizeof(*work));
    if (work == NULL) {
        return -ENOMEM;
    }
    sum_up(work, digest, size, area);
    for (uint32_t i = 0; i < size; i++) {
        key[i] = work->block[i] ^ area[(size_t)(LUKS_STRIPES - 1) * size + i];
    }
    return 0;
}

int luks_split_spread(enum crypto_digest digest, const uint8_t *key, uint32_t size, uint8_t *area)
{
    struct work *work __attribute__((cleanup(free_work))) = crypto_secret_alloc(sizeof(*work));
    if (work == NULL) {
        return -ENOMEM;
    }
    crypto_random(area, (size_t)(LUKS_STRIPES - 1) * size);
    sum_up(work, digest, size, area);
    for (uint32_t i = 0; i < size; i++) {
        area[(size_t)(LUKS_STRIPES - 1) * size + i] = work->block[i] ^ key[i];
    }
    return 0;
}
