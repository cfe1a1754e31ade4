/* SPDX-License-Identifier: ISC */
/*
 * PBKDF2 of foreign formats, written out over libgcrypt's HMAC, block by block: gcry_kdf_derive runs for seconds
 * without a way to stop it, and derives all blocks where the first may do. It is as fast.
 */
#include <errno.h>
#include <gcrypt.h>
#include <string.h>

#include "crypto.h"
#include "digest.h"

#define ROUNDS_PER_QUESTION 2048

static bool may_go_on(const struct crypto_pbkdf2 *input, uint32_t rounds)
{
    return !input->go_on || input->go_on(input->user, rounds);
}

/* T = U1 ^ U2 ^ .., each U the HMAC of the one before. `hmac` has been fed what U1 is made of. */
static bool iterate(gcry_md_hd_t hmac, const struct crypto_pbkdf2 *input, uint8_t *out, size_t size)
{
    memcpy(out, gcry_md_read(hmac, 0), size);
    const uint8_t *last = gcry_md_read(hmac, 0);
    uint8_t next[CRYPTO_DIGEST_MAX];
    bool going = true;
    for (uint32_t round = 1; going && round < input->iterations; round++) {
        memcpy(next, last, size);
        gcry_md_reset(hmac);
        gcry_md_write(hmac, next, size);
        last = gcry_md_read(hmac, 0);
        for (size_t i = 0; i < size; i++) {
            out[i] ^= last[i];
        }
        going = round % ROUNDS_PER_QUESTION != 0 || may_go_on(input, ROUNDS_PER_QUESTION);
    }
    crypto_wipe(next, sizeof(next));
    return going && may_go_on(input, input->iterations % ROUNDS_PER_QUESTION);
}

int crypto_pbkdf2_block(uint8_t *out, const struct crypto_pbkdf2 *input, uint32_t index)
{
    size_t size = crypto_digest_size(input->digest);
    const uint8_t number[4] = { (uint8_t)(index >> 24), (uint8_t)(index >> 16), (uint8_t)(index >> 8),
                                (uint8_t)index };
    gcry_md_hd_t hmac;
    if (size == 0 || input->iterations == 0 || index == 0) {
        return -EINVAL;
    }
    if (gcry_md_open(&hmac, digest_algorithm(input->digest), GCRY_MD_FLAG_HMAC | GCRY_MD_FLAG_SECURE)) {
        return -ENOMEM;
    }
    int failed = gcry_md_setkey(hmac, input->password, input->password_size) ? -EINVAL : 0;
    if (!failed) {
        gcry_md_write(hmac, input->salt, input->salt_size);
        gcry_md_write(hmac, number, sizeof(number));
        failed = iterate(hmac, input, out, size) ? 0 : -ECANCELED;
    }
    gcry_md_close(hmac); /* wipes */
    if (failed) {
        crypto_wipe(out, size);
    }
    return failed;
}

int crypto_pbkdf2(uint8_t *out, size_t out_size, const struct crypto_pbkdf2 *input)
{
    uint8_t block[CRYPTO_DIGEST_MAX];
    size_t size = crypto_digest_size(input->digest);
    int failed = size > 0 ? 0 : -EINVAL;
    for (size_t at = 0; at < out_size && !failed; at += size) {
        failed = crypto_pbkdf2_block(block, input, (uint32_t)(at / size) + 1);
        memcpy(out + at, block, out_size - at < size ? out_size - at : size);
    }
    crypto_wipe(block, sizeof(block));
    if (failed) {
        crypto_wipe(out, out_size);
    }
    return failed;
}
