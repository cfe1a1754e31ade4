/* SPDX-License-Identifier: ISC */
/*
 * FreeOTFE's critical data blocks: every digest with every cipher is found by its check value, and details that say what
 * cannot be are told from those that can. Blocks are laid out here; tests/foreign/freeotfe.sh has those of another
 * implementation.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "freeotfe_search.h"
#include "helper_reference.h"

#define SALT_SIZE 32
#define SIZE      (1u << 20)

static const struct freeotfe_cipher *cipher_named(const char *name)
{
    const struct freeotfe_cipher *cipher;
    for (unsigned i = 0; (cipher = freeotfe_cipher_at(i)) != NULL; i++) {
        if (strcmp(cipher->name, name) == 0) {
            return cipher;
        }
    }
    fail_msg("no cipher %s", name);
    return NULL;
}

static void put_be(uint8_t *at, unsigned size, uint64_t value)
{
    for (unsigned i = 0; i < size; i++) {
        at[i] = (uint8_t)(value >> (8 * (size - 1 - i)));
    }
}

/* Format 4, a key that counts up, IV 2, a volume IV of one block; noise behind it. Its size without the noise. */
static size_t make_details(struct freeotfe_plain *plain, const struct freeotfe_cipher *cipher)
{
    uint64_t seed = 5;
    size_t block = crypto_cipher_block(cipher->cipher), at = 17;
    uint8_t *details = plain->details;
    plain->size = FREEOTFE_DETAILS_MAX - SALT_SIZE - 64;
    reference_bytes(&seed, details, plain->size);
    details[0] = 4;
    put_be(details + 1, 4, 2);
    put_be(details + 5, 8, SIZE);
    put_be(details + 13, 4, cipher->key_size * 8);
    for (uint32_t i = 0; i < cipher->key_size; i++) {
        details[at++] = (uint8_t)(i + 1);
    }
    details[at++] = 'F';
    put_be(details + at, 4, block * 8);
    memset(details + at + 4, 0x77, block);
    details[at + 4 + block] = FREEOTFE_IV_NUMBER64;
    return at + 5 + block;
}

/* A block with one round of PBKDF2. */
static void make_block(uint8_t raw[FREEOTFE_CDB_SIZE], const struct freeotfe_digest *digest,
                       const struct freeotfe_cipher *cipher)
{
    struct crypto_sector_spec spec;
    struct crypto_sector *sector;
    struct freeotfe_plain plain;
    uint8_t key[FREEOTFE_KEY_MAX], unit[FREEOTFE_CDB_SIZE] = { 0 };
    const struct crypto_pbkdf2 pbkdf2 = {
        .digest = digest->digest,
        .password = "passphrase",
        .password_size = 10,
        .salt = raw,
        .salt_size = SALT_SIZE,
        .iterations = 1,
    };
    memset(raw, 0x5a, FREEOTFE_CDB_SIZE);
    (void)make_details(&plain, cipher);
    assert_int_equal(crypto_pbkdf2(key, sizeof(key), &pbkdf2), 0);
    assert_int_equal(crypto_hmac(digest->digest, unit, key, cipher->key_size, plain.details, plain.size), 0);
    memcpy(unit + 64, plain.details, plain.size);
    freeotfe_cipher_of_cdb(cipher, key, &spec);
    assert_int_equal(crypto_sector_new_spec(&sector, &spec), 0);
    crypto_sector_encrypt(sector, 0, unit, unit, sizeof(unit));
    crypto_sector_free(sector);
    memcpy(raw + SALT_SIZE, unit, FREEOTFE_CDB_SIZE - SALT_SIZE);
}

static enum coffer_status search(struct freeotfe_input *input, struct freeotfe_found *found)
{
    static const struct coffer_callbacks none;
    input->passphrase = (const uint8_t *)"passphrase";
    input->passphrase_size = 10;
    input->salt_size = SALT_SIZE;
    input->iterations = 1;
    return freeotfe_search(input, &none, found, NULL);
}

static void every_pair_is_found(void **state)
{
    (void)state;
    const struct freeotfe_digest *digest;
    const struct freeotfe_cipher *cipher;
    for (unsigned i = 0; (digest = freeotfe_digest_at(i)) != NULL; i++) {
        for (unsigned j = 0; (cipher = freeotfe_cipher_at(j)) != NULL; j++) {
            struct freeotfe_input input = { .hash = j % 8 == 0 ? NULL : digest->name };
            struct freeotfe_found found;
            struct freeotfe_cdb cdb;
            make_block(input.raw, digest, cipher);
            assert_int_equal(search(&input, &found), COFFER_OK);
            assert_string_equal(found.digest->name, digest->name);
            assert_string_equal(found.cipher->name, cipher->name);
            assert_false(found.is_old);
            assert_int_equal(freeotfe_cdb_decode(&found.plain, found.cipher, &cdb), FREEOTFE_USABLE);
            assert_int_equal(cdb.size, SIZE);
        }
    }
}

static void a_changed_block_is_not_found(void **state)
{
    (void)state;
    static const size_t changed[] = { 0, SALT_SIZE - 1, SALT_SIZE, 100, FREEOTFE_CDB_SIZE - 1 };
    struct freeotfe_input input = { .hash = "sha512" };
    struct freeotfe_found found;
    make_block(input.raw, freeotfe_digest_at(0), cipher_named("aes-256-xts"));
    for (size_t i = 0; i < sizeof(changed) / sizeof(changed[0]); i++) {
        input.raw[changed[i]] ^= 1;
        assert_int_equal(search(&input, &found), COFFER_WRONG_SECRET);
        input.raw[changed[i]] ^= 1;
    }
    assert_int_equal(search(&input, &found), COFFER_OK);
    input.hash = "blake2s";
    assert_int_equal(search(&input, &found), COFFER_INVALID);
}

/* ---- details ---- */

static void usable_details_are_read(void **state)
{
    (void)state;
    struct freeotfe_plain plain;
    struct freeotfe_cdb cdb;
    const struct freeotfe_cipher *cipher = cipher_named("3des-192-cbc");
    (void)make_details(&plain, cipher);
    assert_int_equal(freeotfe_cdb_decode(&plain, cipher, &cdb), FREEOTFE_USABLE);
    assert_int_equal(cdb.format, 4);
    assert_true(cdb.from_start);
    assert_int_equal(cdb.iv, FREEOTFE_IV_NUMBER64);
    for (unsigned i = 0; i < 24; i++) {
        assert_int_equal(cdb.key[i], i + 1);
    }
    for (unsigned i = 0; i < 16; i++) {
        assert_int_equal(cdb.volume_iv[i], i < 8 ? 0x77 : 0);
    }
    plain.details[5 + 4] = 9; /* the first format: IVs by a digest of the number, out of the size */
    plain.details[0] = 1;
    assert_int_equal(freeotfe_cdb_decode(&plain, cipher, &cdb), FREEOTFE_USABLE);
    assert_int_equal(cdb.iv, FREEOTFE_IV_DIGEST64);
    assert_false(cdb.from_start);
    assert_true(crypto_is_zero(cdb.volume_iv, sizeof(cdb.volume_iv)));
    plain.details[0] = 2; /* the second: its own flags, which are 2 */
    assert_int_equal(freeotfe_cdb_decode(&plain, cipher, &cdb), FREEOTFE_USABLE);
    assert_int_equal(cdb.iv, FREEOTFE_IV_NULL);
    assert_true(cdb.from_start);
}

static void what_cannot_be_is_told(void **state)
{
    (void)state;
    static const struct {
        size_t at;
        unsigned size;
        uint64_t value;
        enum freeotfe_verdict verdict;
    } cases[] = {
        { 0, 1, 0, FREEOTFE_DAMAGED },
        { 0, 1, 3, FREEOTFE_USABLE },
        { 0, 1, 5, FREEOTFE_USABLE },
        { 0, 1, 6, FREEOTFE_TOO_NEW },
        { 0, 1, 255, FREEOTFE_TOO_NEW },
        { 5, 8, 0, FREEOTFE_DAMAGED },
        { 5, 8, 511, FREEOTFE_DAMAGED },
        { 5, 8, 512, FREEOTFE_USABLE },
        { 5, 8, UINT64_MAX - 511, FREEOTFE_DAMAGED },
        { 13, 4, 0, FREEOTFE_DAMAGED },
        { 13, 4, 511, FREEOTFE_DAMAGED },
        { 13, 4, 520, FREEOTFE_DAMAGED },
        { 13, 4, UINT32_MAX, FREEOTFE_DAMAGED },
        { 82, 4, 64, FREEOTFE_DAMAGED }, /* the volume IV, behind 64 bytes of key */
        { 82, 4, UINT32_MAX, FREEOTFE_DAMAGED },
        { 102, 1, 5, FREEOTFE_USABLE }, /* the kind of IV */
        { 102, 1, 6, FREEOTFE_UNKNOWN_IV },
    };
    const struct freeotfe_cipher *cipher = cipher_named("aes-256-xts");
    struct freeotfe_plain plain;
    struct freeotfe_cdb cdb;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(make_details(&plain, cipher), 103);
        put_be(plain.details + cases[i].at, cases[i].size, cases[i].value);
        assert_int_equal(freeotfe_cdb_decode(&plain, cipher, &cdb), cases[i].verdict);
    }
    size_t whole = make_details(&plain, cipher);
    for (plain.size = 0; plain.size < whole; plain.size++) {
        assert_int_equal(freeotfe_cdb_decode(&plain, cipher, &cdb), FREEOTFE_DAMAGED);
    }
    assert_int_equal(freeotfe_cdb_decode(&plain, cipher, &cdb), FREEOTFE_USABLE);
    plain.size = FREEOTFE_DETAILS_MAX;
    memset(plain.details + 82, 0, 4); /* no volume IV: what follows moves up */
    plain.details[86] = 1;
    assert_int_equal(freeotfe_cdb_decode(&plain, cipher, &cdb), FREEOTFE_USABLE);
    assert_int_equal(cdb.iv, FREEOTFE_IV_NUMBER32);
    plain.details[0] = 2;
    plain.details[4] = 8; /* a digest of no number */
    assert_int_equal(freeotfe_cdb_decode(&plain, cipher, &cdb), FREEOTFE_UNKNOWN_IV);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_pair_is_found),
        cmocka_unit_test(a_changed_block_is_not_found),
        cmocka_unit_test(usable_details_are_read),
        cmocka_unit_test(what_cannot_be_is_told),
    };
    return crypto_init() == 0 ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
}
