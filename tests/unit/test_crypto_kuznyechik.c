/* SPDX-License-Identifier: ISC */
/*
 * Kuznyechik: the example of RFC 7801, 5.4 and 5.5; 300 blocks against an implementation with tables (in Python, not kept);
 * blocks that are alone against blocks among others; and XTS, put together by hand.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "crypto.h"
#include "helper_reference.h"
#include "kuznyechik.h"

#define BLOCKS 300

static const uint8_t KEY[32] = { 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff, 0x00, 0x11, 0x22,
                                 0x33, 0x44, 0x55, 0x66, 0x77, 0xfe, 0xdc, 0xba, 0x98, 0x76, 0x54,
                                 0x32, 0x10, 0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef };

static struct kuznyechik *open_key(void)
{
    struct kuznyechik *kuznyechik = kuznyechik_new(KEY);
    assert_non_null(kuznyechik);
    return kuznyechik;
}

static void the_published_block_agrees(void **state)
{
    (void)state;
    static const uint8_t plain[16] = { 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x00,
                                       0xff, 0xee, 0xdd, 0xcc, 0xbb, 0xaa, 0x99, 0x88 };
    static const uint8_t cipher[16] = { 0x7f, 0x67, 0x9d, 0x90, 0xbe, 0xbc, 0x24, 0x30,
                                        0x5a, 0x46, 0x8d, 0x42, 0xb9, 0xd4, 0xed, 0xcd };
    uint8_t got[16];
    struct kuznyechik *kuznyechik = open_key();
    kuznyechik_crypt(kuznyechik, true, got, plain, 16);
    assert_memory_equal(got, cipher, 16);
    kuznyechik_crypt(kuznyechik, false, got, got, 16);
    assert_memory_equal(got, plain, 16);
    kuznyechik_free(kuznyechik);
}

static void many_blocks_are_each_encrypted_alone(void **state)
{
    (void)state;
    static const uint8_t digest[32] = { 0xba, 0x1a, 0x34, 0xcd, 0xa8, 0xe8, 0xde, 0xb9, 0xe1, 0xc3, 0x75,
                                        0x59, 0xf4, 0xd7, 0x19, 0xf0, 0x8f, 0x1e, 0xf1, 0x02, 0xaf, 0xa4,
                                        0xa5, 0xf8, 0x9b, 0x76, 0xa0, 0x5c, 0x1a, 0x57, 0x02, 0x96 };
    static uint8_t plain[BLOCKS * 16], cipher[BLOCKS * 16];
    uint8_t got[32];
    for (uint64_t i = 0; i < BLOCKS * 2; i++) {
        for (unsigned b = 0; b < 8; b++) {
            plain[i * 8 + b] = (uint8_t)(i * UINT64_C(0x9e3779b97f4a7c15) >> (8 * b));
        }
    }
    struct kuznyechik *kuznyechik = open_key();
    kuznyechik_crypt(kuznyechik, true, cipher, plain, sizeof(plain));
    crypto_digest(CRYPTO_SHA256, got, cipher, sizeof(cipher));
    assert_memory_equal(got, digest, sizeof(digest));
    static const unsigned alone[] = { 0, 1, 7, 8, 100, 255, 256, 299 };
    for (unsigned i = 0; i < sizeof(alone) / sizeof(alone[0]); i++) {
        kuznyechik_crypt(kuznyechik, true, got, plain + (size_t)alone[i] * 16, 16);
        assert_memory_equal(got, cipher + (size_t)alone[i] * 16, 16);
    }
    kuznyechik_crypt(kuznyechik, false, cipher, cipher, sizeof(cipher));
    assert_memory_equal(cipher, plain, sizeof(plain));
    kuznyechik_free(kuznyechik);
}

/* out = E(in ^ mask) ^ mask for one sector of XTS. */
static void reference_sector(struct kuznyechik *data, struct kuznyechik *tweaks, uint64_t number, uint8_t *sector,
                             size_t size)
{
    uint8_t mask[16] = { 0 };
    for (unsigned b = 0; b < 8; b++) {
        mask[b] = (uint8_t)(number >> (8 * b));
    }
    kuznyechik_crypt(tweaks, true, mask, mask, 16);
    for (size_t at = 0; at < size; at += 16) {
        for (unsigned i = 0; i < 16; i++) {
            sector[at + i] ^= mask[i];
        }
        kuznyechik_crypt(data, true, sector + at, sector + at, 16);
        for (unsigned i = 0; i < 16; i++) {
            sector[at + i] ^= mask[i];
        }
        unsigned carry = mask[15] >> 7;
        for (unsigned i = 16; i-- > 0;) {
            mask[i] = (uint8_t)(mask[i] << 1 | (i > 0 ? mask[i - 1] >> 7 : 0));
        }
        mask[0] ^= (uint8_t)(carry * 0x87);
    }
}

static struct crypto_sector_spec xts_spec(uint64_t seed)
{
    struct crypto_sector_spec spec = {
        .layer = { { CRYPTO_KUZNYECHIK, 64 } },
        .layers = 1,
        .mode = CRYPTO_XTS,
        .iv = CRYPTO_IV_PLAIN64,
        .sector_size = 512,
        .iv_unit = 512,
        .key_size = 64,
    };
    reference_bytes(&seed, spec.key, 64);
    return spec;
}

static void xts_is_made_of_it(void **state)
{
    (void)state;
    static uint8_t plain[18 * 512], expected[18 * 512], got[18 * 512];
    uint64_t seed = 5, number = UINT64_C(0xfffffffb);
    struct crypto_sector_spec spec = xts_spec(6);
    struct kuznyechik *data = kuznyechik_new(spec.key), *tweaks = kuznyechik_new(spec.key + 32);
    struct crypto_sector *sector;
    assert_non_null(data);
    assert_non_null(tweaks);
    reference_bytes(&seed, plain, sizeof(plain));
    memcpy(expected, plain, sizeof(plain));
    for (size_t at = 0; at < sizeof(plain); at += 512) {
        reference_sector(data, tweaks, number + at / 512, expected + at, 512);
    }
    assert_int_equal(crypto_sector_new_spec(&sector, &spec), 0);
    crypto_sector_encrypt(sector, number, got, plain, sizeof(plain));
    assert_memory_equal(got, expected, sizeof(plain));
    crypto_sector_decrypt(sector, number, got, got, sizeof(plain));
    assert_memory_equal(got, plain, sizeof(plain));
    crypto_sector_free(sector);
    kuznyechik_free(data);
    kuznyechik_free(tweaks);
}

static void other_sizes_and_modes_are_refused(void **state)
{
    (void)state;
    struct crypto_sector *sector = NULL;
    struct crypto_sector_spec spec = xts_spec(7);
    spec.layer[0].key_size = spec.key_size = 32;
    assert_int_equal(crypto_sector_new_spec(&sector, &spec), -EINVAL);
    spec.mode = CRYPTO_CBC;
    assert_int_equal(crypto_sector_new_spec(&sector, &spec), -EOPNOTSUPP);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_published_block_agrees),
        cmocka_unit_test(many_blocks_are_each_encrypted_alone),
        cmocka_unit_test(xts_is_made_of_it),
        cmocka_unit_test(other_sizes_and_modes_are_refused),
    };
    return crypto_init() == 0 ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
}
