/* SPDX-License-Identifier: ISC */
/*
 * The digests and ciphers of FreeOTFE and LibreCrypt, as far as libgcrypt has them: MD2, RIPEMD-128, -256 and -320,
 * CAST-256, MARS, RC6 and Twofish with 192 bits are not there. Its ciphers that encrypt nothing, "null" and "XOR",
 * are never tried: a volume must not be written in the clear because its header says so.
 */
#include "freeotfe_cipher.h"

#include <stdio.h>
#include <string.h>

#define UNIT 512

static const struct freeotfe_digest DIGESTS[] = {
    { "sha512", CRYPTO_SHA512 },
    { "sha256", CRYPTO_SHA256 },
    { "whirlpool", CRYPTO_WHIRLPOOL },
    { "ripemd160", CRYPTO_RIPEMD160 },
    { "sha1", CRYPTO_SHA1 },
    { "sha384", CRYPTO_SHA384 },
    { "sha224", CRYPTO_SHA224 },
    { "tiger", CRYPTO_TIGER },
    { "md5", CRYPTO_MD5 },
    { "md4", CRYPTO_MD4 },
};

/* clang-format off */
static const struct freeotfe_cipher CIPHERS[] = {
    { "aes-256-xts", CRYPTO_AES, CRYPTO_XTS, 64 },
    { "twofish-256-xts", CRYPTO_TWOFISH, CRYPTO_XTS, 64 },
    { "serpent-256-xts", CRYPTO_SERPENT, CRYPTO_XTS, 64 },
    { "aes-256-cbc", CRYPTO_AES, CRYPTO_CBC, 32 },
    { "twofish-256-cbc", CRYPTO_TWOFISH, CRYPTO_CBC, 32 },
    { "serpent-256-cbc", CRYPTO_SERPENT, CRYPTO_CBC, 32 },
    { "aes-256-lrw", CRYPTO_AES, CRYPTO_LRW_GCM, 48 },
    { "twofish-256-lrw", CRYPTO_TWOFISH, CRYPTO_LRW_GCM, 48 },
    { "blowfish-448-cbc", CRYPTO_BLOWFISH, CRYPTO_CBC, 56 },
    { "blowfish-256-cbc", CRYPTO_BLOWFISH, CRYPTO_CBC, 32 },
    { "aes-192-xts", CRYPTO_AES, CRYPTO_XTS, 48 },
    { "aes-128-xts", CRYPTO_AES, CRYPTO_XTS, 32 },
    { "twofish-128-xts", CRYPTO_TWOFISH, CRYPTO_XTS, 32 },
    { "serpent-192-xts", CRYPTO_SERPENT, CRYPTO_XTS, 48 },
    { "serpent-128-xts", CRYPTO_SERPENT, CRYPTO_XTS, 32 },
    { "aes-192-cbc", CRYPTO_AES, CRYPTO_CBC, 24 },
    { "aes-128-cbc", CRYPTO_AES, CRYPTO_CBC, 16 },
    { "twofish-128-cbc", CRYPTO_TWOFISH, CRYPTO_CBC, 16 },
    { "serpent-192-cbc", CRYPTO_SERPENT, CRYPTO_CBC, 24 },
    { "serpent-128-cbc", CRYPTO_SERPENT, CRYPTO_CBC, 16 },
    { "aes-192-lrw", CRYPTO_AES, CRYPTO_LRW_GCM, 40 },
    { "aes-128-lrw", CRYPTO_AES, CRYPTO_LRW_GCM, 32 },
    { "twofish-128-lrw", CRYPTO_TWOFISH, CRYPTO_LRW_GCM, 32 },
    { "blowfish-192-cbc", CRYPTO_BLOWFISH, CRYPTO_CBC, 24 },
    { "blowfish-160-cbc", CRYPTO_BLOWFISH, CRYPTO_CBC, 20 },
    { "blowfish-128-cbc", CRYPTO_BLOWFISH, CRYPTO_CBC, 16 },
    { "3des-192-cbc", CRYPTO_3DES, CRYPTO_CBC, 24 },
    { "cast5-128-cbc", CRYPTO_CAST5, CRYPTO_CBC, 16 },
    { "des-64-cbc", CRYPTO_DES, CRYPTO_CBC, 8 },
};
/* clang-format on */

const struct freeotfe_digest *freeotfe_digest_at(unsigned index)
{
    return index < sizeof(DIGESTS) / sizeof(DIGESTS[0]) ? &DIGESTS[index] : NULL;
}

const struct freeotfe_cipher *freeotfe_cipher_at(unsigned index)
{
    return index < sizeof(CIPHERS) / sizeof(CIPHERS[0]) ? &CIPHERS[index] : NULL;
}

void freeotfe_cipher_of_cdb(const struct freeotfe_cipher *cipher, const uint8_t *key,
                            struct crypto_sector_spec *spec)
{
    uint32_t shared = cipher->mode == CRYPTO_LRW_GCM ? CRYPTO_LRW_KEY_SIZE : 0;
    *spec = (struct crypto_sector_spec){
        .layer = { { cipher->cipher, cipher->key_size - shared } },
        .layers = 1,
        .mode = cipher->mode,
        .iv = cipher->mode == CRYPTO_XTS ? CRYPTO_IV_PLAIN64 : CRYPTO_IV_NULL,
        .sector_size = UNIT,
        .iv_unit = UNIT,
        .key_size = cipher->key_size,
    };
    memcpy(spec->key, key, cipher->key_size);
}

void freeotfe_cipher_of_volume(const struct freeotfe_cipher *cipher, enum crypto_digest digest,
                               enum freeotfe_iv iv, const uint8_t volume_iv[CRYPTO_IV_MASK_SIZE],
                               const uint8_t *key, struct crypto_sector_spec *spec)
{
    static const enum crypto_iv IVS[FREEOTFE_IVS] = {
        [FREEOTFE_IV_NULL] = CRYPTO_IV_NULL,         [FREEOTFE_IV_NUMBER32] = CRYPTO_IV_PLAIN,
        [FREEOTFE_IV_NUMBER64] = CRYPTO_IV_PLAIN64,  [FREEOTFE_IV_DIGEST32] = CRYPTO_IV_DIGEST,
        [FREEOTFE_IV_DIGEST64] = CRYPTO_IV_DIGEST64, [FREEOTFE_IV_ESSIV] = CRYPTO_IV_ESSIV,
    };
    freeotfe_cipher_of_cdb(cipher, key, spec);
    if (cipher->mode == CRYPTO_CBC) {
        spec->iv = IVS[iv];
        spec->iv_digest = digest;
        spec->essiv_key_size = cipher->key_size;
        memcpy(spec->iv_mask, volume_iv, CRYPTO_IV_MASK_SIZE);
    }
}

void freeotfe_cipher_describe(const struct freeotfe_cipher *cipher, const char *digest, enum freeotfe_iv iv,
                              bool has_volume_iv, char text[FREEOTFE_NAME_MAX])
{
    static const char *const IVS[FREEOTFE_IVS] = {
        [FREEOTFE_IV_NULL] = "null",      [FREEOTFE_IV_NUMBER32] = "plain",   [FREEOTFE_IV_NUMBER64] = "plain64",
        [FREEOTFE_IV_DIGEST32] = "plain", [FREEOTFE_IV_DIGEST64] = "plain64", [FREEOTFE_IV_ESSIV] = "essiv",
    };
    bool has_iv = cipher->mode == CRYPTO_CBC;
    bool has_digest =
        has_iv && (iv == FREEOTFE_IV_DIGEST32 || iv == FREEOTFE_IV_DIGEST64 || iv == FREEOTFE_IV_ESSIV);
    (void)snprintf(text, FREEOTFE_NAME_MAX, "%s%s%s%s%s%s", cipher->name, has_iv ? "-" : "", has_iv ? IVS[iv] : "",
                   has_digest ? ":" : "", has_digest ? digest : "", has_iv && has_volume_iv ? ", volume IV" : "");
}
