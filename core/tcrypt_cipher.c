/* SPDX-License-Identifier: ISC */
/*
 * The ciphers of TrueCrypt and VeraCrypt. XTS key material: the data keys of all layers, then their tweak keys. LRW and
 * CBC: 32 bytes that all layers share (LRW: the tweak key; CBC: the seeds of IV and whitening), then the keys.
 */
#include "tcrypt_cipher.h"

#include <errno.h>
#include <string.h>

#define UNIT        512
#define SHARED_SIZE 32 /* LRW uses the first 16 */

/* clang-format off */
static const struct tcrypt_cipher CIPHERS[] = {
    { "aes-xts", CRYPTO_XTS, 1, { CRYPTO_AES } },
    { "serpent-xts", CRYPTO_XTS, 1, { CRYPTO_SERPENT } },
    { "twofish-xts", CRYPTO_XTS, 1, { CRYPTO_TWOFISH } },
    { "camellia-xts", CRYPTO_XTS, 1, { CRYPTO_CAMELLIA } },
    { "kuznyechik-xts", CRYPTO_XTS, 1, { CRYPTO_KUZNYECHIK } },
    { "twofish-aes-xts", CRYPTO_XTS, 2, { CRYPTO_TWOFISH, CRYPTO_AES } },
    { "aes-serpent-xts", CRYPTO_XTS, 2, { CRYPTO_AES, CRYPTO_SERPENT } },
    { "serpent-twofish-xts", CRYPTO_XTS, 2, { CRYPTO_SERPENT, CRYPTO_TWOFISH } },
    { "serpent-camellia-xts", CRYPTO_XTS, 2, { CRYPTO_SERPENT, CRYPTO_CAMELLIA } },
    { "aes-kuznyechik-xts", CRYPTO_XTS, 2, { CRYPTO_AES, CRYPTO_KUZNYECHIK } },
    { "kuznyechik-camellia-xts", CRYPTO_XTS, 2, { CRYPTO_KUZNYECHIK, CRYPTO_CAMELLIA } },
    { "twofish-kuznyechik-xts", CRYPTO_XTS, 2, { CRYPTO_TWOFISH, CRYPTO_KUZNYECHIK } },
    { "serpent-twofish-aes-xts", CRYPTO_XTS, 3, { CRYPTO_SERPENT, CRYPTO_TWOFISH, CRYPTO_AES } },
    { "aes-twofish-serpent-xts", CRYPTO_XTS, 3, { CRYPTO_AES, CRYPTO_TWOFISH, CRYPTO_SERPENT } },
    { "camellia-serpent-kuznyechik-xts", CRYPTO_XTS, 3, { CRYPTO_CAMELLIA, CRYPTO_SERPENT, CRYPTO_KUZNYECHIK } },
    { "aes-lrw", CRYPTO_LRW, 1, { CRYPTO_AES } },
    { "serpent-lrw", CRYPTO_LRW, 1, { CRYPTO_SERPENT } },
    { "twofish-lrw", CRYPTO_LRW, 1, { CRYPTO_TWOFISH } },
    { "twofish-aes-lrw", CRYPTO_LRW, 2, { CRYPTO_TWOFISH, CRYPTO_AES } },
    { "aes-serpent-lrw", CRYPTO_LRW, 2, { CRYPTO_AES, CRYPTO_SERPENT } },
    { "serpent-twofish-lrw", CRYPTO_LRW, 2, { CRYPTO_SERPENT, CRYPTO_TWOFISH } },
    { "serpent-twofish-aes-lrw", CRYPTO_LRW, 3, { CRYPTO_SERPENT, CRYPTO_TWOFISH, CRYPTO_AES } },
    { "aes-twofish-serpent-lrw", CRYPTO_LRW, 3, { CRYPTO_AES, CRYPTO_TWOFISH, CRYPTO_SERPENT } },
    { "aes-cbc", CRYPTO_CBC, 1, { CRYPTO_AES } },
    { "serpent-cbc", CRYPTO_CBC, 1, { CRYPTO_SERPENT } },
    { "twofish-cbc", CRYPTO_CBC, 1, { CRYPTO_TWOFISH } },
    { "blowfish-cbc", CRYPTO_CBC, 1, { CRYPTO_BLOWFISH_LE } },
    { "cast5-cbc", CRYPTO_CBC, 1, { CRYPTO_CAST5 } },
    { "3des-cbc", CRYPTO_CBC, 1, { CRYPTO_3DES } },
    { "twofish-aes-cbc", CRYPTO_CBC_OUTER, 2, { CRYPTO_TWOFISH, CRYPTO_AES } },
    { "aes-serpent-cbc", CRYPTO_CBC_OUTER, 2, { CRYPTO_AES, CRYPTO_SERPENT } },
    { "serpent-twofish-cbc", CRYPTO_CBC_OUTER, 2, { CRYPTO_SERPENT, CRYPTO_TWOFISH } },
    { "serpent-twofish-aes-cbc", CRYPTO_CBC_OUTER, 3, { CRYPTO_SERPENT, CRYPTO_TWOFISH, CRYPTO_AES } },
    { "aes-twofish-serpent-cbc", CRYPTO_CBC_OUTER, 3, { CRYPTO_AES, CRYPTO_TWOFISH, CRYPTO_SERPENT } },
    { "blowfish-aes-cbc", CRYPTO_CBC, 2, { CRYPTO_BLOWFISH_LE, CRYPTO_AES } },
    { "serpent-blowfish-aes-cbc", CRYPTO_CBC, 3, { CRYPTO_SERPENT, CRYPTO_BLOWFISH_LE, CRYPTO_AES } },
};
/* clang-format on */

const struct tcrypt_cipher *tcrypt_cipher_at(unsigned index)
{
    return index < sizeof(CIPHERS) / sizeof(CIPHERS[0]) ? &CIPHERS[index] : NULL;
}

bool tcrypt_cipher_is_old(const struct tcrypt_cipher *cipher)
{
    return cipher->mode != CRYPTO_XTS;
}

static uint32_t layer_key_size(enum crypto_cipher cipher)
{
    switch (cipher) {
    case CRYPTO_CAST5:
        return 16;
    case CRYPTO_3DES:
        return 24;
    case CRYPTO_BLOWFISH_LE:
        return 56;
    default:
        return 32;
    }
}

static size_t keys_of_layers(const struct tcrypt_cipher *cipher)
{
    size_t size = 0;
    for (unsigned i = 0; i < cipher->layers; i++) {
        size += layer_key_size(cipher->layer[i]);
    }
    return size;
}

size_t tcrypt_cipher_key_size(const struct tcrypt_cipher *cipher)
{
    size_t size = keys_of_layers(cipher);
    return cipher->mode == CRYPTO_XTS ? 2 * size : SHARED_SIZE + size;
}

static void append(struct crypto_sector_spec *spec, const uint8_t *key, size_t size)
{
    memcpy(spec->key + spec->key_size, key, size);
    spec->key_size += (uint32_t)size;
}

void tcrypt_cipher_spec(const struct tcrypt_cipher *cipher, const uint8_t *keys, struct crypto_sector_spec *spec)
{
    bool is_xts = cipher->mode == CRYPTO_XTS;
    bool is_lrw = cipher->mode == CRYPTO_LRW;
    size_t tweak_keys = keys_of_layers(cipher);
    size_t at = is_xts ? 0 : SHARED_SIZE;
    *spec = (struct crypto_sector_spec){
        .layers = cipher->layers,
        .mode = cipher->mode,
        .iv = is_xts   ? CRYPTO_IV_PLAIN64
              : is_lrw ? CRYPTO_IV_NULL
                       : CRYPTO_IV_TCW,
        .sector_size = UNIT,
        .iv_unit = UNIT,
    };
    for (unsigned i = 0; i < cipher->layers; i++) {
        uint32_t size = layer_key_size(cipher->layer[i]);
        spec->layer[i].cipher = cipher->layer[i];
        spec->layer[i].key_size = is_xts ? 2 * size : size;
        append(spec, keys + at, size);
        if (is_xts) {
            append(spec, keys + tweak_keys + at, size);
        }
        at += size;
    }
    if (!is_xts) {
        append(spec, keys, is_lrw ? 16 : SHARED_SIZE);
    }
}

static bool has_small_blocks(enum crypto_cipher cipher)
{
    return cipher == CRYPTO_CAST5 || cipher == CRYPTO_3DES || cipher == CRYPTO_BLOWFISH_LE;
}

static int decrypt_unit(const struct crypto_sector_spec *spec, uint8_t unit[UNIT])
{
    struct crypto_sector *sector;
    int failed = crypto_sector_new_spec(&sector, spec);
    if (!failed) {
        crypto_sector_decrypt(sector, 0, unit, unit, UNIT);
        crypto_sector_free(sector);
    }
    return failed;
}

/* A header in CBC is no sector: the shared bytes themselves are its IV, and the whitening is the ninth to sixteenth of
 * them. `count` layers from `first` on share a chain; their keys are at `keys`. */
static int decrypt_chain(const struct tcrypt_cipher *cipher, unsigned first, unsigned count, const uint8_t *shared,
                         const uint8_t *keys, struct crypto_sector_spec *spec, uint8_t unit[UNIT])
{
    *spec = (struct crypto_sector_spec){
        .layers = count,
        .mode = cipher->mode,
        .iv = CRYPTO_IV_NULL,
        .sector_size = UNIT,
        .iv_unit = UNIT,
    };
    for (unsigned i = 0; i < count; i++) {
        spec->layer[i].cipher = cipher->layer[first + i];
        spec->layer[i].key_size = layer_key_size(cipher->layer[first + i]);
        append(spec, keys, spec->layer[i].key_size);
        keys += spec->layer[i].key_size;
    }
    for (size_t i = 0; i < UNIT; i++) {
        unit[i] ^= shared[8 + i % 8];
    }
    int failed = decrypt_unit(spec, unit);
    for (size_t i = 0; i < (has_small_blocks(cipher->layer[first]) ? 8 : 16); i++) {
        unit[i] ^= shared[i];
    }
    return failed;
}

static int decrypt_cbc(const struct tcrypt_cipher *cipher, const uint8_t *keys, struct crypto_sector_spec *spec,
                       uint8_t unit[UNIT])
{
    if (cipher->mode == CRYPTO_CBC_OUTER) {
        return decrypt_chain(cipher, 0, cipher->layers, keys, keys + SHARED_SIZE, spec, unit);
    }
    size_t end = tcrypt_cipher_key_size(cipher);
    int failed = 0;
    for (unsigned i = cipher->layers; i > 0 && !failed; i--) {
        end -= layer_key_size(cipher->layer[i - 1]);
        failed = decrypt_chain(cipher, i - 1, 1, keys, keys + end, spec, unit);
    }
    return failed;
}

struct work {
    struct crypto_sector_spec spec;
    uint8_t unit[UNIT];
};

int tcrypt_cipher_open_header(const struct tcrypt_cipher *cipher, const uint8_t *keys,
                              const uint8_t encrypted[TCRYPT_PLAIN_SIZE], uint8_t plain[TCRYPT_PLAIN_SIZE])
{
    struct work *work = crypto_secret_alloc(sizeof(*work)); /* zeros where the header ends before the unit does */
    if (work == NULL) {
        return -ENOMEM;
    }
    int failed;
    memcpy(work->unit, encrypted, TCRYPT_PLAIN_SIZE);
    if (cipher->mode == CRYPTO_CBC || cipher->mode == CRYPTO_CBC_OUTER) {
        failed = decrypt_cbc(cipher, keys, &work->spec, work->unit);
    } else {
        tcrypt_cipher_spec(cipher, keys, &work->spec);
        failed = decrypt_unit(&work->spec, work->unit);
    }
    memcpy(plain, work->unit, TCRYPT_PLAIN_SIZE);
    crypto_secret_free(work);
    return failed;
}

uint64_t tcrypt_cipher_first_tweak(const struct tcrypt_cipher *cipher, uint64_t data_offset)
{
    switch (cipher->mode) {
    case CRYPTO_XTS:
        return data_offset / UNIT; /* of the whole store, for hidden volumes too */
    case CRYPTO_LRW:
        return 0;
    default:
        return 1;
    }
}
