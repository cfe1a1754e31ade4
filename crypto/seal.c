/* SPDX-License-Identifier: ISC */
/*
 * SEAL and OPEN of the format: XChaCha20-Poly1305 that commits to key, nonce and context.
 *
 *     okm = BLAKE2b-512(key, label16 | nonce24 | ad) = com32 | ek32
 *     out = nonce24 | com32 | XChaCha20-Poly1305(ek32, nonce24, no aad, plain)
 *
 * Poly1305 alone lets one ciphertext open under many keys, so that one query tests many passphrases; the
 * commitment is compared first and nothing is decrypted under a key that it does not name.
 */
#include <sodium.h>
#include <string.h>

#include "crypto.h"
#include "private.h"

#define LABEL_SIZE  16U
#define NONCE_SIZE  crypto_aead_xchacha20poly1305_ietf_NPUBBYTES
#define TAG_SIZE    crypto_aead_xchacha20poly1305_ietf_ABYTES
#define COMMIT_SIZE 32U

_Static_assert(NONCE_SIZE + COMMIT_SIZE + TAG_SIZE == CRYPTO_SEAL_OVERHEAD, "the overhead of the format");

struct derived {
    uint8_t commitment[COMMIT_SIZE];
    uint8_t key[crypto_aead_xchacha20poly1305_ietf_KEYBYTES];
};

static void derive(struct derived *derived, const uint8_t key[32], const char *label, const uint8_t *nonce,
                   const void *ad, size_t ad_size)
{
    uint8_t label16[LABEL_SIZE] = { 0 };
    size_t length = strlen(label);
    if (length > sizeof(label16)) {
        crypto_panic();
    }
    memcpy(label16, label, length);

    _Static_assert(sizeof(*derived) == 64, "one BLAKE2b-512 output");
    struct crypto_hash hash;
    crypto_hash_begin(&hash, sizeof(*derived), key, 32);
    crypto_hash_add(&hash, label16, sizeof(label16));
    crypto_hash_add(&hash, nonce, NONCE_SIZE);
    crypto_hash_add(&hash, ad, ad_size);
    crypto_hash_end(&hash, (uint8_t *)derived, sizeof(*derived));
}

void crypto_seal(uint8_t *out, const uint8_t key[32], const char *label, const void *ad, size_t ad_size,
                 const uint8_t *plain, size_t plain_size)
{
    uint8_t *nonce = out;
    uint8_t *commitment = nonce + NONCE_SIZE;
    uint8_t *box = commitment + COMMIT_SIZE;

    crypto_random(nonce, NONCE_SIZE);
    struct derived derived;
    derive(&derived, key, label, nonce, ad, ad_size);
    memcpy(commitment, derived.commitment, COMMIT_SIZE);
    crypto_aead_xchacha20poly1305_ietf_encrypt(box, NULL, plain, plain_size, NULL, 0, NULL, nonce, derived.key);
    crypto_wipe(&derived, sizeof(derived));
}

/* The tag is verified before the output is touched: libsodium would zero it on a bad one. */
static bool decrypt(uint8_t *plain, const uint8_t *key, const uint8_t *nonce, const uint8_t *box, size_t box_size)
{
    size_t size = box_size - TAG_SIZE;
    const uint8_t *tag = box + size;
    return crypto_aead_xchacha20poly1305_ietf_decrypt_detached(NULL, NULL, box, size, tag, NULL, 0, nonce, key) ==
               0 &&
           crypto_aead_xchacha20poly1305_ietf_decrypt_detached(plain, NULL, box, size, tag, NULL, 0, nonce, key) ==
               0;
}

bool crypto_open(uint8_t *plain, const uint8_t key[32], const char *label, const void *ad, size_t ad_size,
                 const uint8_t *sealed, size_t sealed_size)
{
    if (sealed_size < CRYPTO_SEAL_OVERHEAD) {
        return false;
    }
    const uint8_t *nonce = sealed;
    const uint8_t *commitment = nonce + NONCE_SIZE;
    const uint8_t *box = commitment + COMMIT_SIZE;

    struct derived derived;
    derive(&derived, key, label, nonce, ad, ad_size);
    bool opened = crypto_equal(derived.commitment, commitment, COMMIT_SIZE) &&
                  decrypt(plain, derived.key, nonce, box, sealed_size - NONCE_SIZE - COMMIT_SIZE);
    crypto_wipe(&derived, sizeof(derived));
    return opened;
}
