/* SPDX-License-Identifier: ISC */
/*
 * The digests of foreign formats. Our own format uses BLAKE2b and nothing else (hash.c).
 */
#include "digest.h"

#include <errno.h>
#include <gcrypt.h>
#include <sodium.h>
#include <string.h>

/* libgcrypt keeps the state of such a short hash on the stack, and leaves it there. */
#define STACK_USED 1024

int digest_algorithm(enum crypto_digest digest)
{
    static const int algorithm[CRYPTO_DIGESTS] = {
        [CRYPTO_SHA1] = GCRY_MD_SHA1,
        [CRYPTO_SHA256] = GCRY_MD_SHA256,
        [CRYPTO_SHA512] = GCRY_MD_SHA512,
        [CRYPTO_RIPEMD160] = GCRY_MD_RMD160,
        [CRYPTO_WHIRLPOOL] = GCRY_MD_WHIRLPOOL,
        [CRYPTO_STREEBOG512] = GCRY_MD_STRIBOG512,
        [CRYPTO_BLAKE2S] = GCRY_MD_BLAKE2S_256,
        [CRYPTO_SHA224] = GCRY_MD_SHA224,
        [CRYPTO_SHA384] = GCRY_MD_SHA384,
        [CRYPTO_BLAKE2B] = GCRY_MD_BLAKE2B_512,
        [CRYPTO_SHA3_256] = GCRY_MD_SHA3_256,
        [CRYPTO_SHA3_512] = GCRY_MD_SHA3_512,
        [CRYPTO_MD4] = GCRY_MD_MD4,
        [CRYPTO_MD5] = GCRY_MD_MD5,
        [CRYPTO_TIGER] = GCRY_MD_TIGER1,
    };
    return (unsigned)digest < CRYPTO_DIGESTS ? algorithm[digest] : 0;
}

size_t crypto_digest_size(enum crypto_digest digest)
{
    return gcry_md_get_algo_dlen(digest_algorithm(digest));
}

int digest_of(enum crypto_digest digest, uint8_t *out, const void *data, size_t size)
{
    gcry_md_hd_t md;
    if (gcry_md_open(&md, digest_algorithm(digest), GCRY_MD_FLAG_SECURE)) {
        return -ENOMEM;
    }
    gcry_md_write(md, data, size);
    memcpy(out, gcry_md_read(md, 0), crypto_digest_size(digest));
    gcry_md_close(md); /* wipes */
    return 0;
}

void crypto_digest(enum crypto_digest digest, uint8_t *out, const void *data, size_t size)
{
    gcry_md_hash_buffer(digest_algorithm(digest), out, data, size);
    sodium_stackzero(STACK_USED);
}

int crypto_hmac(enum crypto_digest digest, uint8_t *out, const void *key, size_t key_size, const void *data,
                size_t size)
{
    gcry_md_hd_t hmac;
    if (crypto_digest_size(digest) == 0) {
        return -EINVAL;
    }
    if (gcry_md_open(&hmac, digest_algorithm(digest), GCRY_MD_FLAG_HMAC | GCRY_MD_FLAG_SECURE)) {
        return -ENOMEM;
    }
    int failed = gcry_md_setkey(hmac, key, key_size) ? -EINVAL : 0;
    if (!failed) {
        gcry_md_write(hmac, data, size);
        memcpy(out, gcry_md_read(hmac, 0), crypto_digest_size(digest));
    }
    gcry_md_close(hmac); /* wipes */
    return failed;
}
