/* SPDX-License-Identifier: ISC */
/*
 * BLAKE2b (RFC 7693) as libsodium's generichash. Its calls fail only on sizes out of range, which is a mistake
 * of the caller and not of the input. It puts the result together in a buffer on the stack, and results are keys
 * here, so the stack is wiped too.
 */
#include <sodium.h>

#include "crypto.h"
#include "private.h"

#define STACK_USED 1024 /* deeper than the frames of the last call */

_Static_assert(sizeof(struct crypto_hash) >= sizeof(crypto_generichash_state), "the state fits");
_Static_assert(_Alignof(struct crypto_hash) >= _Alignof(crypto_generichash_state), "the state is aligned");

static crypto_generichash_state *state(struct crypto_hash *hash)
{
    return (crypto_generichash_state *)(void *)hash->opaque;
}

void crypto_hash_begin(struct crypto_hash *hash, size_t out_size, const void *key, size_t key_size)
{
    if (crypto_generichash_init(state(hash), key, key_size, out_size) != 0) {
        crypto_panic();
    }
}

void crypto_hash_add(struct crypto_hash *hash, const void *data, size_t size)
{
    crypto_generichash_update(state(hash), data, size);
}

void crypto_hash_end(struct crypto_hash *hash, uint8_t *out, size_t out_size)
{
    if (crypto_generichash_final(state(hash), out, out_size) != 0) {
        crypto_panic();
    }
    sodium_stackzero(STACK_USED);
    crypto_wipe(hash, sizeof(*hash));
}
