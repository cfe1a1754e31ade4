/* SPDX-License-Identifier: ISC */
/*
 * Argon2id. RFC 9106's own vector has a secret, associated data and four lanes, none of which crypto_argon2id can
 * express. So it proves the reference (libgcrypt), and the reference and libargon2's vectors prove ours (libsodium).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "crypto.h"
#include "helper_child.h"
#include "helper_reference.h"
#include "helper_vectors.h"

struct vector {
    uint8_t password[1024], salt[16], secret[16], ad[16], key[32];
    struct reference_argon2id input;
};

static void read_vector(struct vectors *vectors, struct vector *vector)
{
    vectors_exactly(vectors, "salt", vector->salt, sizeof(vector->salt));
    vectors_exactly(vectors, "key", vector->key, sizeof(vector->key));
    vector->input = (struct reference_argon2id){
        .password = vector->password,
        .password_size = vectors_bytes(vectors, "password", vector->password, sizeof(vector->password)),
        .salt = vector->salt,
        .salt_size = sizeof(vector->salt),
        .secret = vector->secret,
        .ad = vector->ad,
        .memory = vectors_number(vectors, "memory"),
        .passes = vectors_number(vectors, "passes"),
        .lanes = vectors_number(vectors, "lanes"),
    };
    if (vectors_has(vectors, "secret")) {
        vector->input.secret_size = vectors_bytes(vectors, "secret", vector->secret, sizeof(vector->secret));
        vector->input.ad_size = vectors_bytes(vectors, "ad", vector->ad, sizeof(vector->ad));
    }
}

static void ours(uint8_t out[32], const struct reference_argon2id *input)
{
    assert_int_equal(crypto_argon2id(out, input->password, input->password_size, input->salt,
                                     (uint32_t)input->memory, (uint32_t)input->passes),
                     0);
}

static void gives_the_known_answers(void **state)
{
    (void)state;
    struct vectors *vectors = vectors_open("primitives/argon2id.txt");
    unsigned expressible = 0;
    while (vectors_next(vectors)) {
        struct vector vector;
        uint8_t got[32];
        read_vector(vectors, &vector);
        if (vector.input.password_size > 0) { /* the reference refuses an empty one */
            reference_argon2id(got, &vector.input);
            assert_memory_equal(got, vector.key, sizeof(got));
        }
        if (vector.input.lanes == 1 && vector.input.secret_size == 0) {
            ours(got, &vector.input);
            assert_memory_equal(got, vector.key, sizeof(got));
            expressible++;
        }
    }
    vectors_close(vectors);
    assert_true(expressible >= 10);
}

static void agrees_with_the_reference(void **state)
{
    (void)state;
    uint64_t seed = 3;
    for (unsigned round = 0; round < 100; round++) {
        uint8_t password[200], salt[16], got[32], expected[32];
        struct reference_argon2id input = {
            .password = password,
            .password_size = 1 + reference_number(&seed) % sizeof(password),
            .salt = salt,
            .salt_size = sizeof(salt),
            .memory = 8 + reference_number(&seed) % 600,
            .passes = 1 + reference_number(&seed) % 4,
            .lanes = 1,
        };
        reference_bytes(&seed, password, sizeof(password));
        reference_bytes(&seed, salt, sizeof(salt));
        ours(got, &input);
        reference_argon2id(expected, &input);
        assert_memory_equal(got, expected, sizeof(got));
    }
}

static void refuses_costs_out_of_range(void **state)
{
    (void)state;
    uint8_t out[32], salt[16] = { 0 };
    assert_int_equal(crypto_argon2id(out, "x", 1, salt, 7, 1), -EINVAL);
    assert_int_equal(crypto_argon2id(out, "x", 1, salt, 0, 1), -EINVAL);
    assert_int_equal(crypto_argon2id(out, "x", 1, salt, 8, 0), -EINVAL);
    assert_int_equal(crypto_argon2id(out, "x", 1, salt, 8, 1), 0);
}

static int without_memory(void *context)
{
    (void)context;
    struct rlimit limit = { 64 << 20, 64 << 20 };
    uint8_t out[32], salt[16] = { 0 };
    CHILD_CHECK(setrlimit(RLIMIT_AS, &limit) == 0);
    CHILD_CHECK(crypto_argon2id(out, "x", 1, salt, 1 << 20, 1) == -ENOMEM);
    CHILD_CHECK(crypto_argon2id(out, "x", 1, salt, 1 << 10, 1) == 0);
    return 0;
}

static void says_when_memory_is_missing(void **state)
{
    (void)state;
    if (CHILD_SANITIZED) {
        skip(); /* their shadow does not fit into any limit */
    }
    child_must_pass(without_memory, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_the_known_answers),
        cmocka_unit_test(agrees_with_the_reference),
        cmocka_unit_test(refuses_costs_out_of_range),
        cmocka_unit_test(says_when_memory_is_missing),
    };
    return crypto_init() == 0 ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
}
