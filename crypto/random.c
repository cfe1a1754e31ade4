/* SPDX-License-Identifier: ISC */
/*
 * Random bytes from the kernel, and a fast stream of noise. There is no pool, no seed file and no fallback: when
 * the kernel gives nothing, a key or nonce made from what is in the buffer would be a disaster that nobody
 * notices, so the process ends.
 */
#include <sodium.h>
#include <unistd.h>

#include "crypto.h"
#include "private.h"

/* getentropy gives at most so much per call, all or nothing, and is not interrupted by signals. */
#define GETENTROPY_LIMIT 256U

void crypto_random(void *out, size_t size)
{
    uint8_t *at = out;
    while (size > 0) {
        size_t part = size < GETENTROPY_LIMIT ? size : GETENTROPY_LIMIT;
        if (getentropy(at, part) != 0) {
            crypto_panic();
        }
        at += part;
        size -= part;
    }
}

struct crypto_noise {
    uint8_t key[crypto_stream_chacha20_KEYBYTES];
    uint64_t calls;
};

struct crypto_noise *crypto_noise_begin(void)
{
    struct crypto_noise *noise = crypto_secret_alloc(sizeof(*noise));
    if (!noise) {
        return NULL;
    }
    crypto_random(noise->key, sizeof(noise->key));
    return noise;
}

void crypto_noise_next(struct crypto_noise *noise, void *out, size_t size)
{
    /* Each call is a stream of its own: its number is the nonce, so no keystream comes twice. */
    uint8_t nonce[crypto_stream_chacha20_NONCEBYTES];
    _Static_assert(sizeof(nonce) == sizeof(noise->calls), "the nonce is the number of the call");
    for (size_t i = 0; i < sizeof(nonce); i++) {
        nonce[i] = (uint8_t)(noise->calls >> (8 * i));
    }
    noise->calls++;
    crypto_stream_chacha20(out, size, nonce, noise->key);
}

void crypto_noise_end(struct crypto_noise *noise)
{
    crypto_secret_free(noise);
}
