/* SPDX-License-Identifier: ISC */
/* The key wrap of FileVault: the example of RFC 3394, 4.1, and what is one bit off. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "crypto.h"

static void the_published_key_opens_and_no_other(void **state)
{
    (void)state;
    static const uint8_t key[16] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 };
    static const uint8_t expected[16] = { 0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77,
                                          0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff };
    static const uint8_t published[24] = {
        0x1f, 0xa6, 0x8b, 0x0a, 0x81, 0x12, 0xb4, 0x47, 0xae, 0xf3, 0x4b, 0xd8,
        0xfb, 0x5a, 0x7b, 0x82, 0x9d, 0x3e, 0x86, 0x23, 0x71, 0xd2, 0xcf, 0xe5
    };
    uint8_t got[16], wrapped[24];
    assert_true(crypto_unwrap(got, key, published));
    assert_memory_equal(got, expected, sizeof(expected));
    for (unsigned i = 0; i < sizeof(wrapped); i++) {
        memcpy(wrapped, published, sizeof(wrapped));
        wrapped[i] ^= 1;
        assert_false(crypto_unwrap(got, key, wrapped));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(the_published_key_opens_and_no_other) };
    return crypto_init() == 0 ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
}
