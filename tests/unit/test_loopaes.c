/* SPDX-License-Identifier: ISC */
/*
 * loop-AES: from the lines of a key file to sectors. The ciphertexts are those of aespipe 2.4d, which is by the author of
 * loop-AES: of each the SHA-256 that 'aespipe -e AES128 -P keys -O 0 <plain | sha256sum' printed.
 * The others run over the end of 32 bits, in the middle of a run.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <gcrypt.h>

#include "cipher_name.h"
#include "helper_reference.h"
#include "loopaes_key.h"

#define SECTORS 150
#define SIZE    (SECTORS * 512)

static const struct {
    unsigned version;
    uint32_t bits;
    uint64_t first; /* number of the first sector */
    const char *digest;
} ROWS[] = {
    { 1, 128, 0, "8236e06b13561e8f66f06e808f58b8037ea4162aa18c28dbc6ebd3c96ee90233" },
    { 1, 128, 0xffffffb0, "318fc7d36c5c37aee769c05eafbadc4a89af3edf0854166f47727a8b5dd8b3a7" },
    { 1, 192, 0, "8d7d5171544da63c4efa897474daea5991a0fc26dd12a43a6782bba619c33e60" },
    { 1, 192, 0xffffffb0, "cbb3e720de09277eb1210bc690a0ebd2fcda94ed5248c09e54d5a91d51d91854" },
    { 1, 256, 0, "24df3f819a651a88f8f02eac89aeabf53c2bd153da8d70ccf11830e5fbcbeb59" },
    { 1, 256, 0xffffffb0, "b4b8621a113ccf353be428a83d695054ecc134177213423376abf8b077736a10" },
    { 2, 128, 0, "2206f37286e727d2bae12d43f4fc6052e52603534ea351182eb02f610cfcee6c" },
    { 2, 128, 0xffffffb0, "a856ec632b8826b9ade8039ebd5edf2d19df48cbc5b3ac02288ca75e10e798ea" },
    { 2, 192, 0, "e6844ee2cb53b4b9c2b1f7f7a137a51d5be0122fd61d8e60414501aae0c8c7ea" },
    { 2, 192, 0xffffffb0, "ca9ab5415f61f1374a8d0983ae1458fa15e4a589fd420e7d32dd6dca3d03f15b" },
    { 2, 256, 0, "2454dcb03b4e0c576d1a0c61f8c433e4ce680007f9b0db3d803c33f0beddb5ae" },
    { 2, 256, 0xffffffb0, "24dc088a32e2b3bc49080934537353e8e94ee3a6acf723111cded2c1b4baed06" },
    { 3, 128, 0, "46c6059b07bb64b7b1e38792b09f6838725a3b51b71e9313895b8892183911b7" },
    { 3, 128, 0xffffffb0, "07a796f3fa7f9cec126006a6d107c1c404e1972370ada8524c4df7688495447c" },
    { 3, 192, 0, "f821d9d3945d4df65a74b5c5597f4a0d356846e2bece8d6276c69174331ee80c" },
    { 3, 192, 0xffffffb0, "7a1a043eb23d3735ba1a9a069dd471c6783295abc02eed0a1d0769b215ce088b" },
    { 3, 256, 0, "24868150b682491fc0bcda52cbf8e9d458ffb22f99cb0e1356d0a316ecf207b9" },
    { 3, 256, 0xffffffb0, "c237b549267fd2df0c696373c3be479d743e0fe8bf219d55e21332dc7a310a82" },
};
#define ROWS_COUNT (sizeof(ROWS) / sizeof(ROWS[0]))

/* "key 00 of a loop-AES file", "key 01 ..." */
static size_t write_lines(unsigned lines, char text[static 4096])
{
    size_t size = 0;
    for (unsigned i = 0; i < lines; i++) {
        size += (size_t)snprintf(text + size, 4096 - size, "key %02u of a loop-AES file\n", i);
    }
    return size;
}

static struct crypto_sector_spec make_spec(unsigned version, uint32_t bits)
{
    static char text[4096];
    struct crypto_sector_spec spec = {
        .layer = { { CRYPTO_AES, bits / 8 } },
        .layers = 1,
        .mode = CRYPTO_CBC,
        .iv = version == 1 ? CRYPTO_IV_PLAIN64 : CRYPTO_IV_LMK,
        .sector_size = 512,
        .iv_unit = 512,
    };
    unsigned wanted = version == 1 ? 1 : 62 + version, keys = 0;
    size_t size = write_lines(wanted, text);
    assert_int_equal(
        loopaes_key_make((const uint8_t *)text, size, loopaes_hash_of(bits / 8), spec.key, &keys, NULL),
        COFFER_OK);
    assert_int_equal(keys, wanted);
    spec.key_size = keys * bits / 8;
    return spec;
}

static const uint8_t *plain(void)
{
    static uint8_t data[SIZE];
    for (unsigned i = 0; i < SIZE; i++) {
        data[i] = (uint8_t)(i * 7 + (i >> 9) * 31);
    }
    return data;
}

static void assert_digest(const uint8_t *data, const char *wanted)
{
    uint8_t digest[32];
    char text[65];
    crypto_digest(CRYPTO_SHA256, digest, data, SIZE);
    for (unsigned i = 0; i < 32; i++) {
        (void)snprintf(text + (size_t)2 * i, 3, "%02x", digest[i]);
    }
    assert_string_equal(text, wanted);
}

static void gives_what_aespipe_gives(void **state)
{
    (void)state;
    static uint8_t got[SIZE];
    for (size_t row = 0; row < ROWS_COUNT; row++) {
        struct crypto_sector_spec spec = make_spec(ROWS[row].version, ROWS[row].bits);
        struct crypto_sector *sector;
        assert_int_equal(crypto_sector_new_spec(&sector, &spec), 0);
        crypto_sector_encrypt(sector, ROWS[row].first, got, plain(), SIZE);
        assert_digest(got, ROWS[row].digest);
        crypto_sector_decrypt(sector, ROWS[row].first, got, got, SIZE);
        assert_memory_equal(got, plain(), SIZE);
        crypto_sector_encrypt(sector, ROWS[row].first, got, got, SIZE);
        assert_digest(got, ROWS[row].digest);
        crypto_sector_free(sector);
    }
}

/* Runs of every length from every key on: keys and lanes do not depend on what is around a sector. */
static void a_run_is_its_sectors(void **state)
{
    (void)state;
    static uint8_t whole[SIZE], part[SIZE];
    uint64_t seed = 1;
    struct crypto_sector_spec spec = make_spec(3, 128);
    struct crypto_sector *sector;
    assert_int_equal(crypto_sector_new_spec(&sector, &spec), 0);
    crypto_sector_encrypt(sector, 5, whole, plain(), SIZE);
    for (unsigned round = 0; round < 200; round++) {
        size_t first = reference_number(&seed) % SECTORS, count = 1 + reference_number(&seed) % (SECTORS - first);
        size_t at = first * 512, size = count * 512;
        crypto_sector_encrypt(sector, 5 + first, part, plain() + at, size);
        assert_memory_equal(part, whole + at, size);
        memset(part, 0, size);
        crypto_sector_decrypt(sector, 5 + first, part, whole + at, size);
        assert_memory_equal(part, plain() + at, size);
    }
    crypto_sector_free(sector);
}

/* Without a seed the IV is an MD5 that a library has, of blocks 1 to 31 and 7 bytes of number. */
static void the_iv_of_version_2_is_an_md5(void **state)
{
    (void)state;
    uint8_t message[503], iv[16], wanted[512], got[512];
    uint64_t number = UINT64_C(0xab123456789abcde); /* the uppermost byte does not count */
    struct crypto_sector_spec spec = make_spec(2, 256);
    struct crypto_sector *sector;
    gcry_cipher_hd_t cbc;
    memcpy(message, plain() + 16, 496);
    for (unsigned i = 0; i < 7; i++) {
        message[496 + i] = (uint8_t)(number >> (8 * i));
    }
    gcry_md_hash_buffer(GCRY_MD_MD5, iv, message, sizeof(message));
    assert_int_equal(gcry_cipher_open(&cbc, GCRY_CIPHER_AES256, GCRY_CIPHER_MODE_CBC, 0), 0);
    assert_int_equal(gcry_cipher_setkey(cbc, spec.key + number % 64 * 32, 32), 0);
    assert_int_equal(gcry_cipher_setiv(cbc, iv, 16), 0);
    assert_int_equal(gcry_cipher_encrypt(cbc, wanted, 512, plain(), 512), 0);
    gcry_cipher_close(cbc);
    assert_int_equal(crypto_sector_new_spec(&sector, &spec), 0);
    crypto_sector_encrypt(sector, number, got, plain(), 512);
    assert_memory_equal(got, wanted, 512);
    crypto_sector_free(sector);
}

static void refuses_what_is_not_that_way(void **state)
{
    (void)state;
    struct crypto_sector *sector = NULL;
    const struct crypto_sector_spec good = make_spec(3, 256);
    struct crypto_sector_spec bad;
#define REFUSED(result, change)                                      \
    bad = good;                                                      \
    change;                                                          \
    assert_int_equal(crypto_sector_new_spec(&sector, &bad), result); \
    assert_null(sector)
    REFUSED(-EINVAL, bad.key_size = 66 * 32);
    REFUSED(-EINVAL, bad.key_size = 63 * 32);
    REFUSED(-EINVAL, bad.key_size = 32);
    REFUSED(-EINVAL, bad.layer[0].key_size = 17; bad.key_size = 64 * 17);
    REFUSED(-EINVAL, bad.layer[0].key_size = UINT32_MAX);
    REFUSED(-EOPNOTSUPP, bad.sector_size = 4096);
    REFUSED(-EOPNOTSUPP, bad.mode = CRYPTO_CBC_OUTER);
    REFUSED(-EOPNOTSUPP, bad.layer[0].cipher = CRYPTO_BLOWFISH);
}

/* ---- key files ------------------------------------------------------------------------------------------- */

static void refuse_key(const char *text, size_t size, const char *pattern)
{
    uint8_t key[LOOPAES_KEYS_MAX * 16];
    unsigned keys = 0;
    struct coffer_error error = COFFER_ERROR_INIT;
    uint8_t *exact = malloc(size + 1); /* for a sanitizer to see what is read behind it */
    assert_non_null(exact);
    memcpy(exact, text, size);
    uint8_t *shrunk = size > 0 ? realloc(exact, size) : exact;
    assert_non_null(shrunk);
    assert_int_equal(loopaes_key_make(shrunk, size, loopaes_hash_of(16), key, &keys, &error), COFFER_INVALID);
    free(shrunk);
    if (strstr(error.text, pattern) == NULL) {
        fail_msg("'%s' does not say '%s'", error.text, pattern);
    }
}

static void refuses_what_is_no_key_file(void **state)
{
    (void)state;
    static char text[8192];
    refuse_key("", 0, "0 lines");
    refuse_key("a short passphrase!", 19, "less than 20 bytes; line 1");
    refuse_key("\n", 1, "line 1");
    refuse_key(text, write_lines(2, text), "has 2 lines");
    refuse_key(text, write_lines(63, text), "has 63 lines");
    size_t size = write_lines(65, text);
    memcpy(text + size, "one more of such lines\n", 23);
    refuse_key(text, size + 23, "has 66 lines");
    text[size] = '\n';
    refuse_key(text, size + 1, "line 66");
    text[100] = '\0';
    refuse_key(text, size, "NUL byte");
    refuse_key(text, write_lines(64, text) - 10, "line 64");
    refuse_key("-----BEGIN PGP MESSAGE-----\n\n", 29, "still encrypted");
    refuse_key("\x8c\x0d\x04\x09\x03", 5, "still encrypted");
    refuse_key("\x85\x01\x0c\x03", 4, "still encrypted");
}

static void takes_keys_as_they_are(void **state)
{
    (void)state;
    static char text[4096];
    uint8_t with[65 * 32], without[65 * 32];
    unsigned keys;
    /* The newline at the end may be missing. */
    size_t size = write_lines(65, text);
    assert_int_equal(loopaes_key_make((const uint8_t *)text, size, loopaes_hash_of(32), with, &keys, NULL),
                     COFFER_OK);
    assert_int_equal(loopaes_key_make((const uint8_t *)text, size - 1, loopaes_hash_of(32), without, &keys, NULL),
                     COFFER_OK);
    assert_int_equal(keys, 65);
    assert_memory_equal(with, without, sizeof(with));
    /* Everything in a line counts: a CR, too, and what is not ASCII. */
    const uint8_t odd[] = "\xc3\xa4 passphrase with a CR\r\n";
    uint8_t wanted[32];
    crypto_digest(CRYPTO_SHA256, wanted, odd, sizeof(odd) - 2);
    assert_int_equal(loopaes_key_make(odd, sizeof(odd) - 1, loopaes_hash_of(16), with, &keys, NULL), COFFER_OK);
    assert_int_equal(keys, 1);
    assert_memory_equal(with, wanted, 16);
}

/* ---- the kernel ------------------------------------------------------------------------------------------ */

static void has_the_kernels_name(void **state)
{
    (void)state;
    char name[CIPHER_NAME_MAX];
    struct crypto_sector_spec spec = make_spec(3, 256), read = { 0 };
    assert_true(cipher_name_write(&spec, 0, name));
    assert_string_equal(name, "aes:64-cbc-lmk");
    spec = make_spec(1, 128);
    assert_true(cipher_name_write(&spec, 0, name));
    assert_string_equal(name, "aes-cbc-plain64");
    /* But it cannot come from a header. */
    assert_int_equal(cipher_name_parse("aes:64-cbc-lmk", 64 * 32, 512, &read, NULL), COFFER_UNSUPPORTED);
    assert_int_equal(cipher_name_parse("aes-cbc-lmk", 32, 512, &read, NULL), COFFER_UNSUPPORTED);
    assert_int_equal(cipher_name_parse("aes-cbc-lmk", 64 * 32, 512, &read, NULL), COFFER_UNSUPPORTED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_what_aespipe_gives),      cmocka_unit_test(a_run_is_its_sectors),
        cmocka_unit_test(the_iv_of_version_2_is_an_md5), cmocka_unit_test(refuses_what_is_not_that_way),
        cmocka_unit_test(refuses_what_is_no_key_file),   cmocka_unit_test(takes_keys_as_they_are),
        cmocka_unit_test(has_the_kernels_name),
    };
    return crypto_init() == 0 ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
}
