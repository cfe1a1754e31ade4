/* SPDX-License-Identifier: ISC */
/*
 * The key derivations of foreign formats: PBKDF2 block by block is what gcry_kdf_derive gives and RFC 6070 says, Argon2id
 * what libsodium gives where both can.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <gcrypt.h>
#include <sodium.h>
#include <string.h>

#include "crypto.h"

static struct crypto_pbkdf2 input_of(enum crypto_digest digest, uint32_t iterations)
{
    return (struct crypto_pbkdf2){
        .digest = digest,
        .password = "password",
        .password_size = 8,
        .salt = "salt",
        .salt_size = 4,
        .iterations = iterations,
    };
}

static void pbkdf2_gives_the_published_answer(void **state)
{
    (void)state;
    static const uint8_t answer[20] = { 0x4b, 0x00, 0x79, 0x01, 0xb7, 0x65, 0x48, 0x9a, 0xbe, 0xad,
                                        0x49, 0xd9, 0x26, 0xf7, 0x21, 0xd0, 0x65, 0xa4, 0x29, 0xc1 };
    uint8_t got[CRYPTO_DIGEST_MAX];
    const struct crypto_pbkdf2 input = input_of(CRYPTO_SHA1, 4096);
    assert_int_equal(crypto_pbkdf2_block(got, &input, 1), 0);
    assert_memory_equal(got, answer, sizeof(answer));
}

static void every_block_of_every_digest_agrees(void **state)
{
    (void)state;
    static const int algorithms[CRYPTO_DIGESTS] = {
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
    static const uint32_t iterations[] = { 1, 2, 2048, 2049, 4097 };
    for (enum crypto_digest digest = CRYPTO_SHA1; digest < CRYPTO_DIGESTS; digest++) {
        size_t size = crypto_digest_size(digest);
        assert_true(size > 0 && size <= CRYPTO_DIGEST_MAX);
        for (size_t i = 0; i < sizeof(iterations) / sizeof(iterations[0]); i++) {
            const struct crypto_pbkdf2 input = input_of(digest, iterations[i]);
            uint8_t expected[3 * CRYPTO_DIGEST_MAX], got[CRYPTO_DIGEST_MAX];
            assert_int_equal(gcry_kdf_derive("password", 8, GCRY_KDF_PBKDF2, algorithms[digest], "salt", 4,
                                             iterations[i], 3 * size, expected),
                             0);
            for (uint32_t block = 1; block <= 3; block++) {
                assert_int_equal(crypto_pbkdf2_block(got, &input, block), 0);
                assert_memory_equal(got, expected + (block - 1) * size, size);
            }
        }
    }
}

/* A round of PBKDF2 is HMAC over the salt and the number of the block. */
static void hmac_is_what_pbkdf2_is_made_of(void **state)
{
    (void)state;
    for (enum crypto_digest digest = CRYPTO_SHA1; digest < CRYPTO_DIGESTS; digest++) {
        const struct crypto_pbkdf2 input = input_of(digest, 1);
        uint8_t expected[CRYPTO_DIGEST_MAX], got[CRYPTO_DIGEST_MAX];
        assert_int_equal(crypto_pbkdf2_block(expected, &input, 7), 0);
        assert_int_equal(crypto_hmac(digest, got, "password", 8, "salt\0\0\0\7", 8), 0);
        assert_memory_equal(got, expected, crypto_digest_size(digest));
    }
    uint8_t got[CRYPTO_DIGEST_MAX];
    assert_int_equal(crypto_hmac(CRYPTO_DIGESTS, got, "", 0, "", 0), -EINVAL);
}

/* HMAC: RFC 2202. Digests of "abc": RFC 1320, RFC 1321, and of Tiger that of LibTomCrypt, whose bytes libgcrypt's first Tiger
 * has in another order. */
static void old_digests_give_the_published_answers(void **state)
{
    (void)state;
    static const uint8_t hmac[16] = "\x75\x0c\x78\x3e\x6a\xb0\xb5\x03\xea\xa8\x6e\x31\x0a\x5d\xb7\x38";
    static const uint8_t md4[16] = "\xa4\x48\x01\x7a\xaf\x21\xd8\x52\x5f\xc1\x0a\xe8\x7a\xa6\x72\x9d";
    static const uint8_t md5[16] = "\x90\x01\x50\x98\x3c\xd2\x4f\xb0\xd6\x96\x3f\x7d\x28\xe1\x7f\x72";
    static const uint8_t tiger[24] = "\x2a\xab\x14\x84\xe8\xc1\x58\xf2\xbf\xb8\xc5\xff\x41\xb5\x7a\x52"
                                     "\x51\x29\x13\x1c\x95\x7b\x5f\x93";
    uint8_t got[CRYPTO_DIGEST_MAX];
    assert_int_equal(crypto_hmac(CRYPTO_MD5, got, "Jefe", 4, "what do ya want for nothing?", 28), 0);
    assert_memory_equal(got, hmac, sizeof(hmac));
    crypto_digest(CRYPTO_MD4, got, "abc", 3);
    assert_memory_equal(got, md4, sizeof(md4));
    crypto_digest(CRYPTO_MD5, got, "abc", 3);
    assert_memory_equal(got, md5, sizeof(md5));
    crypto_digest(CRYPTO_TIGER, got, "abc", 3);
    assert_memory_equal(got, tiger, sizeof(tiger));
}

static bool stop_at_the_second(void *user, uint32_t rounds)
{
    uint32_t *done = user;
    *done += rounds;
    return *done < 4096;
}

static void pbkdf2_stops_when_told_and_leaves_no_key(void **state)
{
    (void)state;
    static const uint8_t zeros[32];
    uint8_t got[32];
    uint32_t done = 0;
    struct crypto_pbkdf2 input = input_of(CRYPTO_SHA256, UINT32_MAX);
    input.go_on = stop_at_the_second;
    input.user = &done;
    assert_int_equal(crypto_pbkdf2_block(got, &input, 1), -ECANCELED);
    assert_int_equal(done, 4096);
    assert_memory_equal(got, zeros, sizeof(got));
    input.iterations = 0;
    assert_int_equal(crypto_pbkdf2_block(got, &input, 1), -EINVAL);
    input = input_of(CRYPTO_DIGESTS, 1);
    assert_int_equal(crypto_pbkdf2_block(got, &input, 1), -EINVAL);
}

static struct crypto_argon2 argon2_of(const uint8_t *salt, size_t salt_size, uint32_t memory, uint32_t passes)
{
    return (struct crypto_argon2){
        .password = "password",
        .password_size = 8,
        .salt = salt,
        .salt_size = salt_size,
        .memory = memory,
        .passes = passes,
        .lanes = 1,
    };
}

static void argon2id_agrees_with_libsodium(void **state)
{
    (void)state;
    uint8_t salt[64] = { 1, 2, 3 }, expected[32], got[32], much[192];
    struct crypto_argon2 input = argon2_of(salt, 16, 64, 3);
    assert_int_equal(crypto_argon2id(expected, "password", 8, salt, 64, 3), 0);
    assert_int_equal(crypto_argon2(got, 32, &input), 0);
    assert_memory_equal(got, expected, sizeof(got));
    /* The output depends on its length, and on all of a longer salt. */
    assert_int_equal(crypto_argon2(much, sizeof(much), &input), 0);
    assert_memory_not_equal(much, expected, sizeof(got));
    input = argon2_of(salt, 64, 64, 3);
    assert_int_equal(crypto_argon2(got, 32, &input), 0);
    assert_memory_not_equal(got, expected, sizeof(got));
    input = argon2_of(salt, 16, 4, 3);
    assert_int_equal(crypto_argon2(got, 32, &input), -EINVAL);
    input = argon2_of(salt, 16, 64, 0);
    assert_int_equal(crypto_argon2(got, 32, &input), -EINVAL);
}

/* RFC 9106, 5.2 has Argon2i with a secret and associated data; without them, libsodium has it too. Four lanes have no
 * second implementation here: tests/foreign opens what cryptsetup made with them. */
static void argon2i_is_not_argon2id(void **state)
{
    (void)state;
    uint8_t salt[16] = { 1, 2, 3 }, expected[32], got[32];
    struct crypto_argon2 input = argon2_of(salt, 16, 64, 3);
    input.independent = true;
    assert_int_equal(crypto_pwhash_argon2i(expected, 32, "password", 8, salt, 3, (size_t)64 << 10,
                                           crypto_pwhash_argon2i_ALG_ARGON2I13),
                     0);
    assert_int_equal(crypto_argon2(got, 32, &input), 0);
    assert_memory_equal(got, expected, sizeof(got));
}

static bool stop_in_the_second_pass(void *user, uint32_t rounds)
{
    uint32_t *done = user;
    *done += rounds;
    return *done <= CRYPTO_ARGON2_ROUNDS;
}

static void argon2_stops_when_told_and_leaves_no_key(void **state)
{
    (void)state;
    static const uint8_t zeros[32];
    uint8_t salt[16] = { 1, 2, 3 }, got[32];
    for (uint32_t lanes = 1; lanes <= 4; lanes += 3) {
        uint32_t done = 0;
        struct crypto_argon2 input = argon2_of(salt, 16, 64, 1000000);
        input.lanes = lanes;
        input.go_on = stop_in_the_second_pass;
        input.user = &done;
        memset(got, 1, sizeof(got));
        assert_int_equal(crypto_argon2(got, sizeof(got), &input), -ECANCELED);
        assert_int_equal(done, CRYPTO_ARGON2_ROUNDS + 1);
        assert_memory_equal(got, zeros, sizeof(got));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pbkdf2_gives_the_published_answer),
        cmocka_unit_test(every_block_of_every_digest_agrees),
        cmocka_unit_test(hmac_is_what_pbkdf2_is_made_of),
        cmocka_unit_test(old_digests_give_the_published_answers),
        cmocka_unit_test(pbkdf2_stops_when_told_and_leaves_no_key),
        cmocka_unit_test(argon2id_agrees_with_libsodium),
        cmocka_unit_test(argon2i_is_not_argon2id),
        cmocka_unit_test(argon2_stops_when_told_and_leaves_no_key),
    };
    return crypto_init() == 0 ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
}
