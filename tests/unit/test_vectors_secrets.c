/* SPDX-License-Identifier: ISC */
/*
 * From secrets to the key-encryption key, and recovery codes, against spec/vectors: CONV-2, CONV-3, KEY-6, KEY-7,
 * KEY-8, KEY-9, REC-1, REC-2, REC-3.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "credential.h"
#include "crypto.h"
#include "helper_vectors.h"
#include "recovery.h"

static struct coffer_secret *secret_of(const struct vectors *vectors, const char *name)
{
    struct coffer_secret *secret = coffer_secret_new(COFFER_PASSPHRASE_MAX);
    assert_non_null(secret);
    coffer_secret_set_size(secret,
                           vectors_bytes(vectors, name, coffer_secret_data(secret), COFFER_PASSPHRASE_MAX));
    return secret;
}

static void add_key_file(struct coffer_credential *credential, const struct vectors *vectors, const char *name)
{
    char path[] = "/tmp/coffer-vector.XXXXXX";
    uint8_t content[8192];
    size_t size = vectors_bytes(vectors, name, content, sizeof(content));
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, content, size), size);
    close(fd);
    assert_int_equal(coffer_credential_add_key_file(credential, path, NULL), COFFER_OK);
    unlink(path);
}

static void fill_credential(struct coffer_credential *credential, const struct vectors *vectors)
{
    bool raw = vectors_has(vectors, "raw_key");
    struct coffer_secret *secret = secret_of(vectors, raw ? "raw_key" : "passphrase");
    if (raw) {
        assert_int_equal(coffer_credential_set_raw_key(credential, secret, NULL), COFFER_OK);
    } else if (coffer_secret_size(secret) > 0) {
        assert_int_equal(coffer_credential_set_passphrase(credential, secret, NULL), COFFER_OK);
    }
    coffer_secret_free(secret);
    for (int i = 0;; i++) {
        char name[32];
        snprintf(name, sizeof(name), "key_file_%d", i);
        if (!vectors_has(vectors, name)) {
            return;
        }
        add_key_file(credential, vectors, name);
    }
}

static void secrets_give_their_key(void **state)
{
    (void)state;
    struct vectors *vectors = vectors_open("secrets.txt");
    while (vectors_next(vectors)) {
        uint8_t salt[CREDENTIAL_SALT_SIZE], kek[CREDENTIAL_KEK_SIZE], expected[CREDENTIAL_KEK_SIZE];
        struct coffer_credential *credential = coffer_credential_new();
        bool soft = !vectors_has(vectors, "raw_key");
        fill_credential(credential, vectors);
        vectors_exactly(vectors, "salt", salt, sizeof(salt));
        vectors_exactly(vectors, "kek", expected, sizeof(expected));
        assert_int_equal(credential_derive(credential, CREDENTIAL_AS_GIVEN, salt,
                                           soft ? (uint32_t)vectors_number(vectors, "memory") : 0,
                                           soft ? (uint32_t)vectors_number(vectors, "passes") : 0, kek, NULL),
                         COFFER_OK);
        assert_memory_equal(kek, expected, sizeof(kek));
        assert_int_equal(credential_needs_kdf(credential, CREDENTIAL_AS_GIVEN), soft);
        coffer_credential_free(credential);
    }
    vectors_close(vectors);
}

static void recovery_codes_are_read(void **state)
{
    (void)state;
    struct vectors *vectors = vectors_open("recovery.txt");
    while (vectors_next(vectors)) {
        uint8_t key[RECOVERY_KEY_SIZE], expected[RECOVERY_KEY_SIZE];
        const char *code = vectors_text(vectors, "code");
        bool is_code = strcmp(vectors_text(vectors, "verdict"), "ok") == 0;
        assert_int_equal(recovery_decode((const uint8_t *)code, strlen(code), key), is_code);
        if (is_code) {
            vectors_exactly(vectors, "raw_key", expected, sizeof(expected));
            assert_memory_equal(key, expected, sizeof(key));
        }
    }
    vectors_close(vectors);
}

static void recovery_codes_are_written(void **state)
{
    (void)state;
    static const char *const plain[] = { "plain", "zeros", "ones" };
    struct vectors *vectors = vectors_open("recovery.txt");
    for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++) {
        uint8_t key[RECOVERY_KEY_SIZE];
        char text[RECOVERY_TEXT_SIZE];
        assert_true(vectors_next(vectors));
        assert_string_equal(vectors_text(vectors, "name"), plain[i]);
        vectors_exactly(vectors, "raw_key", key, sizeof(key));
        recovery_encode(key, text);
        assert_string_equal(text, vectors_text(vectors, "code"));
    }
    vectors_close(vectors);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(secrets_give_their_key),
        cmocka_unit_test(recovery_codes_are_read),
        cmocka_unit_test(recovery_codes_are_written),
    };
    if (crypto_init() != 0) {
        return 1;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
