/* SPDX-License-Identifier: ISC */
/*
 * What is told to dm-crypt about a volume: the names of ciphers, one layer over the other, and what it is refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cipher_name.h"
#include "volume.h"

/* A volume without a store: as much of one as mapping.c looks at. */
static struct coffer_volume *make_volume(const struct crypto_sector_spec *spec)
{
    struct coffer_volume *volume = calloc(1, sizeof(*volume));
    assert_non_null(volume);
    volume->sectors = crypto_secret_alloc(sizeof(*spec));
    assert_non_null(volume->sectors);
    *volume->sectors = *spec;
    volume->segment = calloc(2, sizeof(*volume->segment));
    assert_non_null(volume->segment);
    volume->segments = 1;
    volume->data_size = 8192;
    volume->sector_size = spec->sector_size;
    volume->segment[0] = (struct segment){ SEGMENT_CIPHER, 0, 8192, 131072, 256 };
    return volume;
}

static void free_volume(struct coffer_volume *volume)
{
    crypto_secret_free(volume->sectors);
    free(volume->segment);
    free(volume);
}

static void names_are_written_as_they_are_read(void **state)
{
    static const struct {
        const char *name;
        uint32_t key_size;
        const char *written;
    } rows[] = {
        { "aes-xts-plain64", 64, NULL },
        { "serpent-xts-plain", 64, NULL },
        { "twofish-cbc-essiv:sha256", 32, NULL },
        { "aes-cbc-essiv:sha3-256", 32, NULL },
        { "aes-cbc-essiv:wp256", 32, NULL },
        { "aes-lrw-benbi", 48, NULL },
        { "aes-lrw-plain64", 32, NULL },
        { "capi:xts(ecb(aes-generic))-plain64", 64, "aes-xts-plain64" },
        { "cast5-cbc-plain64", 16, NULL },
        { "aes-plain", 32, "aes-cbc-plain" },
        { "aes-cbc-null", 32, NULL },
        { "camellia-xts-plain64be", 64, NULL },
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct crypto_sector_spec spec = { 0 };
        char text[CIPHER_NAME_MAX];
        assert_int_equal(cipher_name_parse(rows[i].name, rows[i].key_size, 512, &spec, NULL), COFFER_OK);
        assert_true(cipher_name_write(&spec, 0, text));
        assert_string_equal(text, rows[i].written ? rows[i].written : rows[i].name);
    }
}

/* Takes the layers off one by one, each as a mapping over the one before would. */
static void a_cascade_comes_off_layer_by_layer(void **state)
{
    struct crypto_sector_spec spec = {
        .layer = { { CRYPTO_SERPENT, 64 }, { CRYPTO_TWOFISH, 64 }, { CRYPTO_AES, 64 } },
        .layers = 3,
        .mode = CRYPTO_XTS,
        .iv = CRYPTO_IV_PLAIN64,
        .sector_size = 512,
        .iv_unit = 512,
        .key_size = 192,
    };
    uint8_t plain[2048], data[2048];
    struct coffer_mapping mapping = { .size = sizeof(mapping) };
    struct coffer_secret *key = coffer_secret_new(COFFER_MAPPING_KEY_MAX);
    struct crypto_sector *sector;
    (void)state;
    crypto_random(spec.key, spec.key_size);
    crypto_random(plain, sizeof(plain));
    assert_int_equal(crypto_sector_new_spec(&sector, &spec), 0);
    crypto_sector_encrypt(sector, 256, data, plain, sizeof(data));
    crypto_sector_free(sector);

    struct coffer_volume *volume = make_volume(&spec);
    assert_int_equal(coffer_volume_mapping(volume, &mapping, key, NULL), COFFER_OK);
    free_volume(volume);
    assert_int_equal(mapping.layers, 3);
    assert_string_equal(mapping.layer[0].cipher, "aes-xts-plain64");
    assert_string_equal(mapping.layer[2].cipher, "serpent-xts-plain64");
    assert_int_equal(coffer_secret_size(key), 192);
    for (unsigned i = 0, at = 0; i < mapping.layers; i++) {
        struct crypto_sector_spec layer = { 0 };
        assert_int_equal(cipher_name_parse(mapping.layer[i].cipher, mapping.layer[i].key_size, mapping.sector_size,
                                           &layer, NULL),
                         COFFER_OK);
        memcpy(layer.key, coffer_secret_data(key) + at, layer.key_size);
        at += layer.key_size;
        assert_int_equal(crypto_sector_new_spec(&sector, &layer), 0);
        crypto_sector_decrypt(sector, mapping.iv_offset, data, data, sizeof(data));
        crypto_sector_free(sector);
    }
    assert_memory_equal(data, plain, sizeof(plain));
    coffer_secret_free(key);
}

static struct crypto_sector_spec simple(void)
{
    return (struct crypto_sector_spec){
        .layer = { { CRYPTO_AES, 64 } },
        .layers = 1,
        .mode = CRYPTO_XTS,
        .iv = CRYPTO_IV_PLAIN64,
        .sector_size = 4096,
        .iv_unit = 4096,
        .key_size = 64,
    };
}

static void numbers_are_those_of_the_volume(void **state)
{
    const struct crypto_sector_spec spec = simple();
    struct coffer_volume *volume = make_volume(&spec);
    struct coffer_mapping mapping = { .size = sizeof(mapping) };
    (void)state;
    volume->thin = true;
    assert_int_equal(coffer_volume_mapping(volume, &mapping, NULL, NULL), COFFER_OK);
    assert_int_equal(mapping.data_offset, 131072);
    assert_int_equal(mapping.data_size, 8192);
    assert_int_equal(mapping.iv_offset, 256);
    assert_int_equal(mapping.sector_size, 4096);
    assert_true(mapping.iv_large_sectors);
    assert_true(mapping.thin);
    free_volume(volume);
}

static void expect_refusal(struct coffer_volume *volume, enum coffer_status status)
{
    struct coffer_mapping mapping = { .size = sizeof(mapping) };
    struct coffer_error error = COFFER_ERROR_INIT;
    assert_int_equal(coffer_volume_mapping(volume, &mapping, NULL, &error), status);
    assert_int_equal(error.status, status);
    assert_int_equal(mapping.layers, 0);
}

static void what_the_kernel_cannot_do_is_refused(void **state)
{
    struct crypto_sector_spec spec = simple();
    struct coffer_volume *volume = make_volume(&spec);
    (void)state;
    volume->segments = 2;
    expect_refusal(volume, COFFER_UNSUPPORTED);
    volume->segments = 1;
    volume->segment[0].kind = SEGMENT_PLAIN;
    expect_refusal(volume, COFFER_UNSUPPORTED);
    volume->segment[0].kind = SEGMENT_CIPHER;
    volume->protected_end = 4096;
    expect_refusal(volume, COFFER_UNSUPPORTED);
    volume->protected_end = 0;
    volume->sectors->iv = CRYPTO_IV_TCW;
    volume->sectors->mode = CRYPTO_CBC;
    expect_refusal(volume, COFFER_UNSUPPORTED);
    volume->sectors->iv = CRYPTO_IV_PLAIN64;
    volume->sectors->layers = 2; /* CBC over CBC shares things that dm-crypt does not know */
    volume->sectors->layer[1] = volume->sectors->layer[0];
    expect_refusal(volume, COFFER_UNSUPPORTED);
    volume->sectors->layers = 1;
    volume->sectors->layer[0].cipher = CRYPTO_BLOWFISH_LE;
    expect_refusal(volume, COFFER_UNSUPPORTED);

    struct coffer_mapping old = { .size = sizeof(old) - 8 };
    assert_int_equal(coffer_volume_mapping(volume, &old, NULL, NULL), COFFER_INVALID);
    free_volume(volume);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_written_as_they_are_read),
        cmocka_unit_test(a_cascade_comes_off_layer_by_layer),
        cmocka_unit_test(numbers_are_those_of_the_volume),
        cmocka_unit_test(what_the_kernel_cannot_do_is_refused),
    };
    return coffer_init(NULL) == COFFER_OK ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
}
