/* SPDX-License-Identifier: ISC */
/*
 * Key files as formats of others see them: what is in them, of which a part can be named.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "credential.h"
#include "crypto.h"

static char path[] = "/tmp/coffer-key-file.XXXXXX";

/* A file of `size` bytes, byte i being i % 251 + first. */
static void write_file(size_t size, uint8_t first)
{
    FILE *file = fopen(path, "wbe");
    assert_non_null(file);
    for (size_t i = 0; i < size; i++) {
        assert_int_not_equal(fputc((uint8_t)(i % 251 + first), file), EOF);
    }
    assert_int_equal(fclose(file), 0);
}

static void expect_file(const struct coffer_credential *credential, size_t index, size_t size, size_t from,
                        bool is_cut)
{
    const uint8_t *data;
    bool cut;
    assert_int_equal(credential_key_file(credential, index, &data, &cut), size);
    assert_int_equal(cut, is_cut);
    for (size_t i = 0; i < size; i++) {
        assert_int_equal(data[i], (from + i) % 251);
    }
}

static void test_sizes(void **state)
{
    static const size_t SIZES[] = { 1, 4095, 4096, 4097, 70000, 1u << 20 };
    (void)state;
    for (size_t i = 0; i < sizeof(SIZES) / sizeof(SIZES[0]); i++) {
        struct coffer_credential *credential = coffer_credential_new();
        write_file(SIZES[i], 0);
        assert_int_equal(coffer_credential_add_key_file(credential, path, NULL), COFFER_OK);
        assert_int_equal(credential_key_files(credential), 1);
        expect_file(credential, 0, SIZES[i], 0, false);
        coffer_credential_free(credential);
    }
}

static void test_large(void **state)
{
    (void)state;
    struct coffer_credential *credential = coffer_credential_new();
    write_file((1u << 20) + 1, 0);
    assert_int_equal(coffer_credential_add_key_file(credential, path, NULL), COFFER_OK);
    expect_file(credential, 0, 1u << 20, 0, true);
    coffer_credential_free(credential);
}

static void test_part(void **state)
{
    (void)state;
    struct coffer_credential *credential = coffer_credential_new();
    write_file(5000, 0);
    coffer_credential_set_key_file_part(credential, 4000, 500);
    assert_int_equal(coffer_credential_add_key_file(credential, path, NULL), COFFER_OK);
    expect_file(credential, 0, 500, 4000, false);
    assert_int_equal(coffer_credential_add_key_file(credential, path, NULL), COFFER_INVALID); /* the same again */
    coffer_credential_set_key_file_part(credential, 4500, 0);
    assert_int_equal(coffer_credential_add_key_file(credential, path, NULL), COFFER_OK);
    assert_int_equal(credential_key_files(credential), 2);
    coffer_credential_set_key_file_part(credential, 5000, 0);
    assert_int_equal(coffer_credential_add_key_file(credential, path, NULL),
                     COFFER_INVALID); /* nothing is there */
    assert_int_equal(credential_key_files(credential), 2);
    coffer_credential_free(credential);
}

/* The part is the whole: the key of our own format is that of a file with nothing else in it. */
static void test_factor_of_part(void **state)
{
    static const uint8_t SALT[CREDENTIAL_SALT_SIZE] = { 1 };
    uint8_t kek[2][CREDENTIAL_KEK_SIZE];
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        struct coffer_credential *credential = coffer_credential_new();
        write_file(i == 0 ? 600 : 100, i == 0 ? 0 : 10);
        coffer_credential_set_key_file_part(credential, i == 0 ? 10 : 0, i == 0 ? 100 : 0);
        assert_int_equal(coffer_credential_add_key_file(credential, path, NULL), COFFER_OK);
        assert_int_equal(credential_derive(credential, CREDENTIAL_AS_GIVEN, SALT, 64, 1, kek[i], NULL), COFFER_OK);
        coffer_credential_free(credential);
    }
    assert_memory_equal(kek[0], kek[1], sizeof(kek[0]));
}

static void test_passphrase(void **state)
{
    const uint8_t *data;
    (void)state;
    struct coffer_credential *credential = coffer_credential_new();
    assert_int_equal(credential_passphrase(credential, &data), 0);
    struct coffer_secret *secret = coffer_secret_new(8);
    memcpy(coffer_secret_data(secret), "abc", 3);
    coffer_secret_set_size(secret, 3);
    assert_int_equal(coffer_credential_set_passphrase(credential, secret, NULL), COFFER_OK);
    assert_int_equal(credential_passphrase(credential, &data), 3);
    assert_memory_equal(data, "abc", 3);
    coffer_secret_free(secret);
    coffer_credential_free(credential);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sizes),          cmocka_unit_test(test_large),      cmocka_unit_test(test_part),
        cmocka_unit_test(test_factor_of_part), cmocka_unit_test(test_passphrase),
    };
    int fd = mkstemp(path);
    if (fd < 0 || close(fd) < 0 || coffer_init(NULL) != COFFER_OK) {
        return 1;
    }
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    (void)unlink(path);
    return failed;
}
