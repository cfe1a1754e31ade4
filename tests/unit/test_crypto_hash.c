/* SPDX-License-Identifier: ISC */
/*
 * BLAKE2b: published answers, other sizes, and any way of cutting the input into pieces.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "crypto.h"
#include "helper_reference.h"
#include "helper_vectors.h"

static void hash(uint8_t *out, size_t out_size, const uint8_t *key, size_t key_size, const uint8_t *data,
                 size_t size)
{
    struct crypto_hash state;
    crypto_hash_begin(&state, out_size, key_size ? key : NULL, key_size);
    crypto_hash_add(&state, data, size);
    crypto_hash_end(&state, out, out_size);
    assert_true(crypto_is_zero(&state, sizeof(state)));
}

static void check_file(const char *name)
{
    struct vectors *vectors = vectors_open(name);
    while (vectors_next(vectors)) {
        uint8_t key[64], input[4096], expected[64], got[64];
        size_t key_size = vectors_bytes(vectors, "key", key, sizeof(key));
        size_t size = vectors_bytes(vectors, "input", input, sizeof(input));
        size_t out_size = vectors_bytes(vectors, "hash", expected, sizeof(expected));
        hash(got, out_size, key, key_size, input, size);
        assert_memory_equal(got, expected, out_size);
    }
    vectors_close(vectors);
}

static void gives_the_published_answers(void **state)
{
    (void)state;
    check_file("primitives/blake2b.txt");
    check_file("primitives/blake2b-sizes.txt");
}

static void pieces_make_no_difference(void **state)
{
    (void)state;
    uint64_t seed = 1;
    uint8_t data[1000], whole[64], pieced[64];
    reference_bytes(&seed, data, sizeof(data));
    hash(whole, 64, NULL, 0, data, sizeof(data));
    for (unsigned round = 0; round < 200; round++) {
        struct crypto_hash hashing;
        crypto_hash_begin(&hashing, 64, NULL, 0);
        for (size_t done = 0; done < sizeof(data);) {
            size_t piece = reference_number(&seed) % 300;
            piece = piece < sizeof(data) - done ? piece : sizeof(data) - done;
            crypto_hash_add(&hashing, data + done, piece);
            done += piece;
        }
        crypto_hash_end(&hashing, pieced, 64);
        assert_memory_equal(pieced, whole, 64);
    }
}

static void agrees_with_the_reference(void **state)
{
    (void)state;
    uint64_t seed = 2;
    for (unsigned round = 0; round < 500; round++) {
        static const size_t sizes[] = { 32, 48, 64 };
        uint8_t key[64], data[600], got[64], expected[64];
        size_t key_size = reference_number(&seed) % 65;
        size_t size = reference_number(&seed) % (sizeof(data) + 1);
        size_t out_size = sizes[round % 3];
        reference_bytes(&seed, key, key_size);
        reference_bytes(&seed, data, size);
        hash(got, out_size, key, key_size, data, size);
        reference_blake2b(expected, out_size, key, key_size, data, size);
        assert_memory_equal(got, expected, out_size);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_the_published_answers),
        cmocka_unit_test(pieces_make_no_difference),
        cmocka_unit_test(agrees_with_the_reference),
    };
    return crypto_init() == 0 ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
}
