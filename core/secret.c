/* SPDX-License-Identifier: ISC */
/*
 * secret.c - secret bytes of a caller: locked, left out of dumps, wiped when freed.
 *
 * The handle and its bytes are one secret allocation, so that even the length of a passphrase stays inside.
 */
#include "coffer.h"

#include "crypto.h"

#define CAPACITY_MAX 65536

struct coffer_secret {
    size_t size, capacity;
    uint8_t data[];
};

struct coffer_secret *coffer_secret_new(size_t capacity)
{
    if (capacity == 0 || capacity > CAPACITY_MAX) {
        return NULL;
    }
    const size_t align = _Alignof(struct coffer_secret);
    size_t room = (capacity + align - 1) / align * align; /* secret memory is aligned as its size is */
    struct coffer_secret *secret = crypto_secret_alloc(sizeof(*secret) + room);
    if (secret == NULL) {
        return NULL;
    }
    secret->size = 0;
    secret->capacity = capacity;
    return secret;
}

void coffer_secret_free(struct coffer_secret *secret)
{
    crypto_secret_free(secret);
}

uint8_t *coffer_secret_data(struct coffer_secret *secret)
{
    return secret->data;
}

size_t coffer_secret_size(const struct coffer_secret *secret)
{
    return secret->size;
}

size_t coffer_secret_capacity(const struct coffer_secret *secret)
{
    return secret->capacity;
}

void coffer_secret_set_size(struct coffer_secret *secret, size_t size)
{
    if (size > secret->capacity) {
        __builtin_trap();
    }
    secret->size = size;
    crypto_wipe(secret->data + size, secret->capacity - size);
}
