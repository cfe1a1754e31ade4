/* SPDX-License-Identifier: ISC */
/*
 * The start. One function of each library is this file's own, in front of the real one, and can be told to give a
 * wrong answer: the self-test must notice each, and crypto_init must pass that on and stay with it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dlfcn.h>
#include <errno.h>
#include <gcrypt.h>
#include <pthread.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "crypto.h"
#include "helper_child.h"

enum wrong { NOTHING, HASH, ARGON2, OPEN_REFUSES, OPEN_ACCEPTS, ENCRYPT, DECRYPT, TOO_OLD };

static enum wrong wrong;

static void *next(const char *name)
{
    void *function = dlsym(RTLD_NEXT, name);
    assert_non_null(function);
    return function;
}

int crypto_generichash_final(crypto_generichash_state *state, unsigned char *out, const size_t size)
{
    int (*real)(crypto_generichash_state *, unsigned char *, size_t);
    *(void **)&real = next("crypto_generichash_final");
    int result = real(state, out, size);
    out[0] ^= wrong == HASH;
    return result;
}

int crypto_pwhash_argon2id(unsigned char *const out, unsigned long long size, const char *const password,
                           unsigned long long password_size, const unsigned char *const salt,
                           unsigned long long passes, size_t memory, int algorithm)
{
    int (*real)(unsigned char *, unsigned long long, const char *, unsigned long long, const unsigned char *,
                unsigned long long, size_t, int);
    *(void **)&real = next("crypto_pwhash_argon2id");
    int result = real(out, size, password, password_size, salt, passes, memory, algorithm);
    out[31] ^= wrong == ARGON2;
    return result;
}

int crypto_aead_xchacha20poly1305_ietf_decrypt_detached(unsigned char *m, unsigned char *nsec,
                                                        const unsigned char *c, unsigned long long size,
                                                        const unsigned char *mac, const unsigned char *ad,
                                                        unsigned long long ad_size, const unsigned char *nonce,
                                                        const unsigned char *key)
{
    int (*real)(unsigned char *, unsigned char *, const unsigned char *, unsigned long long, const unsigned char *,
                const unsigned char *, unsigned long long, const unsigned char *, const unsigned char *);
    *(void **)&real = next("crypto_aead_xchacha20poly1305_ietf_decrypt_detached");
    int result = real(m, nsec, c, size, mac, ad, ad_size, nonce, key);
    return wrong == OPEN_REFUSES ? -1 : wrong == OPEN_ACCEPTS ? 0 : result;
}

gcry_error_t gcry_cipher_encrypt(gcry_cipher_hd_t cipher, void *out, size_t out_size, const void *in,
                                 size_t in_size)
{
    gcry_error_t (*real)(gcry_cipher_hd_t, void *, size_t, const void *, size_t);
    *(void **)&real = next("gcry_cipher_encrypt");
    gcry_error_t result = real(cipher, out, out_size, in, in_size);
    *(uint8_t *)out ^= wrong == ENCRYPT;
    return result;
}

gcry_error_t gcry_cipher_decrypt(gcry_cipher_hd_t cipher, void *out, size_t out_size, const void *in,
                                 size_t in_size)
{
    gcry_error_t (*real)(gcry_cipher_hd_t, void *, size_t, const void *, size_t);
    *(void **)&real = next("gcry_cipher_decrypt");
    gcry_error_t result = real(cipher, out, out_size, in, in_size);
    *(uint8_t *)out ^= wrong == DECRYPT;
    return result;
}

const char *gcry_check_version(const char *wanted)
{
    const char *(*real)(const char *);
    *(void **)&real = next("gcry_check_version");
    return wrong == TOO_OLD && wanted ? NULL : real(wanted);
}

static int starts_wrong(void *context)
{
    wrong = *(const enum wrong *)context;
    int expected = wrong == TOO_OLD ? -ENOSYS : -EIO;
    CHILD_CHECK(crypto_init() == expected);
    wrong = NOTHING;
    CHILD_CHECK(crypto_init() == expected); /* it is not tried again */
    CHILD_CHECK((crypto_component(0) == NULL) == (expected == -ENOSYS));
    return 0;
}

static void a_wrong_answer_is_noticed(void **state)
{
    (void)state;
    for (enum wrong each = HASH; each <= TOO_OLD; each++) {
        child_must_pass(starts_wrong, &each);
    }
}

static int starts(void *context)
{
    (void)context;
    CHILD_CHECK(crypto_init() == 0);
    CHILD_CHECK(crypto_init() == 0);
    CHILD_CHECK(strncmp(crypto_component(0), "libsodium 1.", 12) == 0);
    CHILD_CHECK(strncmp(crypto_component(1), "libgcrypt 1.", 12) == 0);
    CHILD_CHECK(crypto_component(2) == NULL);
    CHILD_CHECK(crypto_component(~0U) == NULL);
    return 0;
}

static void starts_once_and_names_its_parts(void **state)
{
    (void)state;
    child_must_pass(starts, NULL);
}

/* A library that uses libgcrypt may have been there first: its settings stay, and nothing is claimed about the
 * memory that it arranged. */
static int starts_second(void *context)
{
    (void)context;
    CHILD_CHECK(gcry_check_version(NULL));
    gcry_control(GCRYCTL_INIT_SECMEM, 32768, 0);
    gcry_control(GCRYCTL_INITIALIZATION_FINISHED, 0);
    CHILD_CHECK(crypto_init() == 0);
    CHILD_CHECK(!crypto_memory_is_locked());
    return 0;
}

static void lives_with_a_libgcrypt_that_others_started(void **state)
{
    (void)state;
    child_must_pass(starts_second, NULL);
}

static void *start_in_thread(void *argument)
{
    *(int *)argument = crypto_init();
    return NULL;
}

static int starts_in_many_threads(void *context)
{
    (void)context;
    pthread_t threads[8];
    int results[8];
    for (unsigned i = 0; i < 8; i++) {
        results[i] = 1;
        CHILD_CHECK(pthread_create(&threads[i], NULL, start_in_thread, &results[i]) == 0);
    }
    for (unsigned i = 0; i < 8; i++) {
        pthread_join(threads[i], NULL);
        CHILD_CHECK(results[i] == 0);
    }
    return 0;
}

static void many_threads_may_start_it(void **state)
{
    (void)state;
    child_must_pass(starts_in_many_threads, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(starts_once_and_names_its_parts),
        cmocka_unit_test(a_wrong_answer_is_noticed),
        cmocka_unit_test(lives_with_a_libgcrypt_that_others_started),
        cmocka_unit_test(many_threads_may_start_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
