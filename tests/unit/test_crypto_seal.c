/* SPDX-License-Identifier: ISC */
/*
 * SEAL and OPEN: the bytes are those of the format, nothing changed opens, nothing opens under another key, label
 * or context, and a box made to fit two keys opens with the one that it is committed to.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "crypto.h"
#include "helper_reference.h"
#include "helper_vectors.h"

#define BOX_OFFSET 56 /* nonce 24, commitment 32 */

/* The reference is only worth something when it gives the published answers itself. */
static void reference_gives_the_published_answers(void **state)
{
    (void)state;
    struct vectors *vectors = vectors_open("primitives/xchacha20-poly1305.txt");
    while (vectors_next(vectors)) {
        uint8_t key[32], in[16], nonce[24], ad[64], plain[256], expected[512], got[512];
        vectors_exactly(vectors, "key", key, sizeof(key));
        if (vectors_has(vectors, "hchacha_input")) {
            vectors_exactly(vectors, "hchacha_input", in, sizeof(in));
            vectors_exactly(vectors, "hchacha_output", expected, 32);
            reference_hchacha20(got, key, in);
            assert_memory_equal(got, expected, 32);
            continue;
        }
        vectors_exactly(vectors, "nonce", nonce, sizeof(nonce));
        size_t ad_size = vectors_bytes(vectors, "ad", ad, sizeof(ad));
        size_t size = vectors_bytes(vectors, "plain", plain, sizeof(plain));
        vectors_exactly(vectors, "sealed", expected, size + 16);
        reference_xchacha20poly1305(got, key, nonce, ad, ad_size, plain, size);
        assert_memory_equal(got, expected, size + 16);
    }
    vectors_close(vectors);
}

static void opens_what_others_sealed(void **state)
{
    (void)state;
    struct vectors *vectors = vectors_open("primitives/seal.txt");
    while (vectors_next(vectors)) {
        uint8_t key[32], ad[1024], plain[2048], sealed[2048 + CRYPTO_SEAL_OVERHEAD], got[2048];
        const char *label = vectors_text(vectors, "label");
        vectors_exactly(vectors, "key", key, sizeof(key));
        size_t ad_size = vectors_bytes(vectors, "ad", ad, sizeof(ad));
        size_t size = vectors_bytes(vectors, "plain", plain, sizeof(plain));
        vectors_exactly(vectors, "sealed", sealed, size + CRYPTO_SEAL_OVERHEAD);
        assert_true(crypto_open(got, key, label, ad, ad_size, sealed, size + CRYPTO_SEAL_OVERHEAD));
        assert_memory_equal(got, plain, size);
    }
    vectors_close(vectors);
}

/* Every size around the ones the format uses, against the reference and back. */
static void seals_as_the_reference_does(void **state)
{
    (void)state;
    uint64_t seed = 4;
    uint8_t key[32], ad[200], plain[300], sealed[sizeof(plain) + CRYPTO_SEAL_OVERHEAD], expected[sizeof(sealed)];
    for (size_t size = 0; size <= sizeof(plain); size++) {
        size_t ad_size = reference_number(&seed) % sizeof(ad);
        size_t sealed_size = size + CRYPTO_SEAL_OVERHEAD;
        reference_bytes(&seed, key, sizeof(key));
        reference_bytes(&seed, ad, ad_size);
        reference_bytes(&seed, plain, size);
        crypto_seal(sealed, key, "coffer1 slot", ad, ad_size, plain, size);
        reference_seal(expected, key, "coffer1 slot", sealed, ad, ad_size, plain, size);
        assert_memory_equal(sealed, expected, sealed_size);

        uint8_t got[sizeof(plain)];
        assert_true(crypto_open(got, key, "coffer1 slot", ad, ad_size, sealed, sealed_size));
        assert_memory_equal(got, plain, size);
    }
}

struct slot {
    uint8_t key[32], ad[18], plain[56], sealed[128];
};

static void make_slot(struct slot *slot)
{
    uint64_t seed = 5;
    reference_bytes(&seed, slot->key, sizeof(slot->key));
    reference_bytes(&seed, slot->ad, sizeof(slot->ad));
    reference_bytes(&seed, slot->plain, sizeof(slot->plain));
    crypto_seal(slot->sealed, slot->key, "coffer1 slot", slot->ad, sizeof(slot->ad), slot->plain,
                sizeof(slot->plain));
}

/* It does not open, and the output is left as it was. */
static void assert_refused(const struct slot *slot, const char *label, size_t ad_size, size_t sealed_size)
{
    uint8_t got[sizeof(slot->plain)], before[sizeof(slot->plain)];
    memset(got, 0x5a, sizeof(got));
    memset(before, 0x5a, sizeof(before));
    assert_false(crypto_open(got, slot->key, label, slot->ad, ad_size, slot->sealed, sealed_size));
    assert_memory_equal(got, before, sizeof(got));
}

static void flipped_bits_never_open(void **state)
{
    (void)state;
    struct slot slot;
    make_slot(&slot);
    for (size_t bit = 0; bit < 8 * sizeof(slot.sealed); bit++) {
        slot.sealed[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_refused(&slot, "coffer1 slot", sizeof(slot.ad), sizeof(slot.sealed));
        slot.sealed[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    for (size_t bit = 0; bit < 8 * sizeof(slot.ad); bit++) {
        slot.ad[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_refused(&slot, "coffer1 slot", sizeof(slot.ad), sizeof(slot.sealed));
        slot.ad[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    for (size_t bit = 0; bit < 8 * sizeof(slot.key); bit++) {
        slot.key[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_refused(&slot, "coffer1 slot", sizeof(slot.ad), sizeof(slot.sealed));
        slot.key[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    uint8_t got[sizeof(slot.plain)];
    assert_true(
        crypto_open(got, slot.key, "coffer1 slot", slot.ad, sizeof(slot.ad), slot.sealed, sizeof(slot.sealed)));
    assert_memory_equal(got, slot.plain, sizeof(got));
}

static void other_lengths_and_labels_never_open(void **state)
{
    (void)state;
    struct slot slot;
    make_slot(&slot);
    for (size_t size = 0; size < sizeof(slot.sealed); size++) {
        assert_refused(&slot, "coffer1 slot", sizeof(slot.ad), size);
    }
    for (size_t ad_size = 0; ad_size < sizeof(slot.ad); ad_size++) {
        assert_refused(&slot, "coffer1 slot", ad_size, sizeof(slot.sealed));
    }
    static const char *const labels[] = {
        "", "coffer1 body", "coffer1 slo", "coffer1 slot ", "Coffer1 slot", "coffer1 slotxxxx"
    };
    for (size_t i = 0; i < sizeof(labels) / sizeof(labels[0]); i++) {
        assert_refused(&slot, labels[i], sizeof(slot.ad), sizeof(slot.sealed));
    }
}

struct collision {
    uint8_t key[2][32], commitment[2][32], inner_key[2][32], plain[2][64];
    uint8_t nonce[24], ad[18], box[80];
};

static void read_collision(struct collision *collision)
{
    struct vectors *vectors = vectors_open("primitives/seal-collision.txt");
    assert_true(vectors_next(vectors));
    assert_string_equal(vectors_text(vectors, "label"), "coffer1 slot");
    vectors_exactly(vectors, "nonce", collision->nonce, sizeof(collision->nonce));
    vectors_exactly(vectors, "ad", collision->ad, sizeof(collision->ad));
    vectors_exactly(vectors, "box", collision->box, sizeof(collision->box));
    for (unsigned i = 0; i < 2; i++) {
        static const char *const names[2][4] = { { "key1", "com1", "ek1", "plain1" },
                                                 { "key2", "com2", "ek2", "plain2" } };
        vectors_exactly(vectors, names[i][0], collision->key[i], 32);
        vectors_exactly(vectors, names[i][1], collision->commitment[i], 32);
        vectors_exactly(vectors, names[i][2], collision->inner_key[i], 32);
        vectors_exactly(vectors, names[i][3], collision->plain[i], 64);
    }
    vectors_close(vectors);
}

/* The box really is valid under both inner keys: a seal without a commitment would let one slot answer for two
 * passphrases, and, made larger, for thousands in one try. */
static void one_box_for_two_keys_opens_with_one(void **state)
{
    (void)state;
    struct collision collision;
    read_collision(&collision);
    for (unsigned i = 0; i < 2; i++) {
        uint8_t got[64];
        assert_int_equal(crypto_aead_xchacha20poly1305_ietf_decrypt(got, NULL, NULL, collision.box,
                                                                    sizeof(collision.box), NULL, 0,
                                                                    collision.nonce, collision.inner_key[i]),
                         0);
        assert_memory_equal(got, collision.plain[i], sizeof(got));
    }
    for (unsigned committed = 0; committed < 2; committed++) {
        uint8_t sealed[BOX_OFFSET + sizeof(collision.box)], got[64];
        memcpy(sealed, collision.nonce, 24);
        memcpy(sealed + 24, collision.commitment[committed], 32);
        memcpy(sealed + BOX_OFFSET, collision.box, sizeof(collision.box));
        for (unsigned used = 0; used < 2; used++) {
            bool opened = crypto_open(got, collision.key[used], "coffer1 slot", collision.ad, sizeof(collision.ad),
                                      sealed, sizeof(sealed));
            assert_int_equal(opened, used == committed);
        }
    }
}

static int compare_nonces(const void *a, const void *b)
{
    return memcmp(a, b, 24);
}

static void ten_thousand_seals_have_distinct_nonces(void **state)
{
    (void)state;
    enum { COUNT = 10000 };
    uint8_t(*nonces)[24] = calloc(COUNT, sizeof(*nonces));
    struct slot slot;
    make_slot(&slot);
    assert_non_null(nonces);
    for (size_t i = 0; i < COUNT; i++) {
        make_slot(&slot);
        memcpy(nonces[i], slot.sealed, sizeof(nonces[i]));
    }
    qsort(nonces, COUNT, sizeof(*nonces), compare_nonces);
    for (size_t i = 1; i < COUNT; i++) {
        assert_memory_not_equal(nonces[i - 1], nonces[i], sizeof(nonces[i]));
    }
    free(nonces);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reference_gives_the_published_answers),
        cmocka_unit_test(opens_what_others_sealed),
        cmocka_unit_test(seals_as_the_reference_does),
        cmocka_unit_test(flipped_bits_never_open),
        cmocka_unit_test(other_lengths_and_labels_never_open),
        cmocka_unit_test(one_box_for_two_keys_opens_with_one),
        cmocka_unit_test(ten_thousand_seals_have_distinct_nonces),
    };
    return crypto_init() == 0 ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
}
