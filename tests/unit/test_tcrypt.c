/* SPDX-License-Identifier: ISC */
/*
 * TrueCrypt and VeraCrypt without volumes of theirs: headers that say what cannot be, key files, costs, and volumes
 * that this test makes itself with a header under a cheap derivation: writing, hidden volumes and their protection,
 * backup headers, interrupting.
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
#include <unistd.h>

#include "coffer.h"
#include "crc32.h"
#include "crypto.h"
#include "helper_reference.h"
#include "helper_volume.h"
#include "tcrypt_header.h"
#include "tcrypt_kdf.h"
#include "tcrypt_keyfile.h"

#define STORE_SIZE  (1u << 20)
#define DATA_OFFSET 131072u
#define DATA_SIZE   (STORE_SIZE - 2 * DATA_OFFSET)
#define HIDDEN_SIZE 262144u
#define HIDDEN_AT   (STORE_SIZE - DATA_OFFSET - HIDDEN_SIZE)

/* ---- headers ---- */

static void put_be(uint8_t *at, unsigned size, uint64_t value)
{
    for (unsigned i = 0; i < size; i++) {
        at[i] = (uint8_t)(value >> (8 * (size - 1 - i)));
    }
}

static void seal_header(uint8_t plain[TCRYPT_PLAIN_SIZE])
{
    put_be(plain + 8, 4, (uint32_t)~crc32_add(CRC32_BEGIN, plain + 192, 256));
    put_be(plain + 188, 4, (uint32_t)~crc32_add(CRC32_BEGIN, plain, 188));
}

/* TrueCrypt's, version 4. */
static void make_header(uint8_t plain[TCRYPT_PLAIN_SIZE], uint64_t hidden_size, uint64_t offset, uint64_t size,
                        uint64_t seed)
{
    memset(plain, 0, TCRYPT_PLAIN_SIZE);
    memcpy(plain, "TRUE", 4);
    put_be(plain + 4, 2, 4);
    put_be(plain + 28, 8, hidden_size);
    put_be(plain + 36, 8, size);
    put_be(plain + 44, 8, offset);
    put_be(plain + 52, 8, size);
    put_be(plain + 64, 4, 512);
    reference_bytes(&seed, plain + 192, 64);
    seal_header(plain);
}

static void a_header_is_known_by_its_checksums(void **state)
{
    (void)state;
    uint8_t plain[TCRYPT_PLAIN_SIZE];
    struct tcrypt_header header;
    make_header(plain, 0, DATA_OFFSET, DATA_SIZE, 1);
    assert_true(tcrypt_header_decode(plain, &header));
    assert_int_equal(header.data_offset, DATA_OFFSET);
    static const size_t changed[] = { 0, 3, 8, 44, 100, 188, 192, 447 };
    for (size_t i = 0; i < sizeof(changed) / sizeof(changed[0]); i++) {
        plain[changed[i]] ^= 1;
        assert_false(tcrypt_header_decode(plain, &header));
        plain[changed[i]] ^= 1;
    }
    assert_true(tcrypt_header_decode(plain, &header));
}

static void data_outside_of_the_store_is_damage(void **state)
{
    (void)state;
    static const struct {
        uint64_t offset, size;
        enum tcrypt_verdict verdict;
    } cases[] = {
        { DATA_OFFSET, DATA_SIZE, TCRYPT_USABLE },  { DATA_OFFSET, STORE_SIZE, TCRYPT_DAMAGED },
        { DATA_OFFSET, 0, TCRYPT_DAMAGED },         { DATA_OFFSET + 1, 512, TCRYPT_DAMAGED },
        { DATA_OFFSET, 513, TCRYPT_DAMAGED },       { STORE_SIZE + 512, 512, TCRYPT_DAMAGED },
        { UINT64_MAX - 511, 1024, TCRYPT_DAMAGED }, { 512, UINT64_MAX - 511, TCRYPT_DAMAGED },
    };
    struct tcrypt_place place;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct tcrypt_header header = {
            .version = 5, .volume_size = cases[i].size, .data_offset = cases[i].offset, .data_size = cases[i].size
        };
        assert_int_equal(tcrypt_header_place(&header, false, STORE_SIZE, &place), cases[i].verdict);
        header.flags = TCRYPT_FLAG_IN_PLACE;
        header.volume_size = cases[i].size + 512;
        assert_int_equal(tcrypt_header_place(&header, false, STORE_SIZE, &place), TCRYPT_UNFINISHED);
    }
    struct tcrypt_header old = { .version = 2, .hidden_size = UINT64_MAX - 100 };
    assert_int_equal(tcrypt_header_place(&old, false, STORE_SIZE, &place), TCRYPT_DAMAGED);
    assert_int_equal(tcrypt_header_place(&old, false, 100, &place), TCRYPT_DAMAGED);
}

/* ---- costs and key files ---- */

static uint32_t iterations_of(uint32_t pim, bool is_system, const char *hash, uint32_t *memory)
{
    struct tcrypt_kdf kdfs[TCRYPT_KDFS_MAX];
    unsigned count;
    const struct tcrypt_kdf_choice choice = { .veracrypt = true, .system = is_system, .hash = hash, .pim = pim };
    assert_int_equal(tcrypt_kdf_list(&choice, kdfs, &count, NULL), COFFER_OK);
    assert_int_equal(count, 1);
    *memory = kdfs[0].memory;
    return kdfs[0].iterations;
}

static void costs_follow_the_pim(void **state)
{
    (void)state;
    uint32_t memory;
    assert_int_equal(iterations_of(0, false, "sha512", &memory), 500000);
    assert_int_equal(iterations_of(485, false, "sha512", &memory), 500000);
    assert_int_equal(iterations_of(1, false, "sha256", &memory), 16000);
    assert_int_equal(iterations_of(98, true, "sha256", &memory), 200704);
    assert_int_equal(iterations_of(0, true, "ripemd160", &memory), 327661);
    assert_int_equal(iterations_of(0, false, "argon2id", &memory), 6);
    assert_int_equal(memory, 416 << 10);

    struct tcrypt_kdf kdfs[TCRYPT_KDFS_MAX];
    unsigned count;
    const struct tcrypt_kdf_choice unknown = { .veracrypt = true, .hash = "md5" };
    const struct tcrypt_kdf_choice no_pim = { .truecrypt = true, .pim = 5 };
    const struct tcrypt_kdf_choice all = { .truecrypt = true, .veracrypt = true };
    assert_int_equal(tcrypt_kdf_list(&unknown, kdfs, &count, NULL), COFFER_INVALID);
    assert_int_equal(tcrypt_kdf_list(&no_pim, kdfs, &count, NULL), COFFER_INVALID);
    assert_int_equal(tcrypt_kdf_list(&all, kdfs, &count, NULL), COFFER_OK);
    assert_int_equal(count, 11);
}

/* Every PIM there is: up to 31 from a table; above it the memory stays, and each one more is one more pass. */
static void costs_of_argon2id_follow_the_pim(void **state)
{
    (void)state;
    static const uint8_t passes[] = { 3, 3, 3, 4, 4, 4,  5,  5,  5,  6,  6,  6,  7,  7,  7, 8,
                                      8, 8, 9, 9, 9, 10, 10, 10, 11, 11, 11, 12, 12, 12, 13 };
    static const uint16_t mebibytes[] = { 64,  96,  128, 160, 192, 224, 256, 288, 320, 352, 384,
                                          416, 448, 480, 512, 544, 576, 608, 640, 672, 704, 736,
                                          768, 800, 832, 864, 896, 928, 960, 992, 1024 };
    const uint32_t table = sizeof(passes);
    assert_int_equal(table, 31);
    assert_int_equal(sizeof(mebibytes) / sizeof(mebibytes[0]), 31);
    for (uint32_t pim = 1; pim <= TCRYPT_PIM_MAX; pim++) {
        uint32_t memory, above = pim <= table ? 0 : pim - table;
        uint32_t got = iterations_of(pim, false, "argon2id", &memory);
        assert_int_equal(got, passes[above > 0 ? table - 1 : pim - 1] + above);
        assert_int_equal(memory, (uint32_t)mebibytes[above > 0 ? table - 1 : pim - 1] << 10);
        assert_true(got == pim - 18 || pim <= table);
    }
}

static void only_the_first_mebibyte_of_a_key_file_counts(void **state)
{
    (void)state;
    struct tcrypt_pool whole = { { 0 }, { 0 } }, part = { { 0 }, { 0 } };
    uint8_t out[TCRYPT_PASSWORD_MAX], long_one[65] = { 1 };
    uint8_t *data = calloc(2, TCRYPT_KEYFILE_READ);
    assert_non_null(data);
    tcrypt_pool_add(&whole, data, 2 * TCRYPT_KEYFILE_READ);
    tcrypt_pool_add(&part, data, TCRYPT_KEYFILE_READ);
    assert_memory_equal(&whole, &part, sizeof(whole));
    tcrypt_pool_add(&part, data, 1);
    assert_memory_not_equal(&whole, &part, sizeof(whole));
    free(data);
    assert_int_equal(tcrypt_password_make(out, long_one, 64, &whole, true), 64);
    assert_int_equal(tcrypt_password_make(out, long_one, 65, &whole, true), 128);
    assert_int_equal(tcrypt_password_make(out, long_one, 65, &whole, false), 65);
}

/* ---- volumes ---- */

/* Encrypts the header with AES-XTS under SHA-512 of 1000 rounds and writes it. */
static void write_header(FILE *file, uint64_t at, const char *passphrase, uint64_t hidden_size, uint64_t offset,
                         uint64_t size)
{
    uint8_t unit[512], key[64], plain[512] = { 0 };
    uint64_t seed = at + 99;
    struct crypto_sector *sector;
    reference_bytes(&seed, unit, 64);
    const struct crypto_pbkdf2 kdf = {
        .digest = CRYPTO_SHA512,
        .password = passphrase,
        .password_size = strlen(passphrase),
        .salt = unit,
        .salt_size = 64,
        .iterations = 1000,
    };
    assert_int_equal(crypto_pbkdf2_block(key, &kdf, 1), 0);
    make_header(plain, hidden_size, offset, size, hidden_size + 7); /* one key per volume */
    assert_int_equal(crypto_sector_new(&sector, key, 512), 0);
    crypto_sector_encrypt(sector, 0, plain, plain, 512);
    crypto_sector_free(sector);
    memcpy(unit + 64, plain, TCRYPT_PLAIN_SIZE);
    assert_int_equal(fseek(file, (long)at, SEEK_SET), 0);
    assert_int_equal(fwrite(unit, sizeof(unit), 1, file), 1);
}

static void make_volume(void)
{
    FILE *file = fopen(helper_path, "we");
    assert_non_null(file);
    assert_int_equal(ftruncate(fileno(file), STORE_SIZE), 0);
    write_header(file, 0, "outer", 0, DATA_OFFSET, DATA_SIZE);
    write_header(file, 65536, "inner", HIDDEN_SIZE, HIDDEN_AT, HIDDEN_SIZE);
    write_header(file, STORE_SIZE - 131072, "outer", 0, DATA_OFFSET, DATA_SIZE);
    write_header(file, STORE_SIZE - 65536, "inner", HIDDEN_SIZE, HIDDEN_AT, HIDDEN_SIZE);
    assert_int_equal(fclose(file), 0);
}

static enum coffer_status open_it(const char *passphrase, const char *hidden, bool backup,
                                  struct coffer_volume **volume)
{
    struct coffer_open_options options = COFFER_OPEN_OPTIONS_INIT;
    struct coffer_credential *credential = helper_credential(passphrase);
    struct coffer_credential *protected = hidden != NULL ? helper_credential(hidden) : NULL;
    options.type = "truecrypt";
    options.hash = "sha512";
    options.protect_hidden = protected;
    options.backup_header = backup;
    enum coffer_status status = coffer_volume_open(helper_path, credential, &options, volume, NULL);
    coffer_credential_free(credential);
    coffer_credential_free(protected);
    return status;
}

static void read_file(uint8_t *data)
{
    FILE *file = fopen(helper_path, "re");
    assert_non_null(file);
    assert_int_equal(fread(data, STORE_SIZE, 1, file), 1);
    assert_int_equal(fclose(file), 0);
}

/* What is written lies where and as the format says, and nothing else of the file has changed. */
static void what_is_written_is_the_formats(void **state)
{
    (void)state;
    static uint8_t before[STORE_SIZE], after[STORE_SIZE], text[4096];
    struct coffer_volume *volume;
    uint8_t key[64], tweak[16] = { 0 };
    uint64_t seed = 7, content = 3;
    make_volume();
    read_file(before);
    reference_bytes(&content, text, sizeof(text));
    assert_int_equal(open_it("outer", NULL, false, &volume), COFFER_OK);
    assert_int_equal(coffer_volume_pwrite(volume, text, sizeof(text), 1024, NULL), COFFER_OK);
    assert_int_equal(coffer_volume_close(volume, NULL), COFFER_OK);
    read_file(after);
    reference_bytes(&seed, key, sizeof(key));
    for (size_t at = 0; at < sizeof(text); at += 512) {
        uint64_t number = (DATA_OFFSET + 1024 + at) / 512;
        uint8_t unit[512];
        tweak[0] = (uint8_t)number;
        tweak[1] = (uint8_t)(number >> 8);
        reference_xts(true, key, tweak, unit, text + at, sizeof(unit));
        assert_memory_equal(after + DATA_OFFSET + 1024 + at, unit, sizeof(unit));
    }
    assert_memory_equal(before, after, DATA_OFFSET + 1024);
    assert_memory_equal(before + DATA_OFFSET + 1024 + sizeof(text), after + DATA_OFFSET + 1024 + sizeof(text),
                        STORE_SIZE - DATA_OFFSET - 1024 - sizeof(text));
}

static void the_hidden_volume_is_protected(void **state)
{
    (void)state;
    static const char text[] = "hidden";
    char got[sizeof(text)] = "";
    struct coffer_volume *volume;
    struct coffer_error error = COFFER_ERROR_INIT;
    make_volume();
    assert_int_equal(open_it("inner", NULL, false, &volume), COFFER_OK);
    assert_int_equal(coffer_volume_pwrite(volume, text, sizeof(text), 0, NULL), COFFER_OK);
    assert_int_equal(coffer_volume_close(volume, NULL), COFFER_OK);

    assert_int_equal(open_it("outer", "wrong", false, &volume), COFFER_WRONG_SECRET);
    assert_int_equal(open_it("inner", "inner", false, &volume), COFFER_INVALID);
    assert_int_equal(open_it("outer", "inner", false, &volume), COFFER_OK);
    uint64_t start = HIDDEN_AT - DATA_OFFSET;
    assert_int_equal(coffer_volume_pwrite(volume, got, 1, start - 1, NULL), COFFER_OK);
    assert_int_equal(coffer_volume_pwrite(volume, got, 1, start, &error), COFFER_NOT_PERMITTED);
    assert_int_equal(error.sys, EPERM);
    assert_int_equal(coffer_volume_pwrite(volume, got, 1, start + HIDDEN_SIZE - 1, NULL), COFFER_NOT_PERMITTED);
    assert_int_equal(coffer_volume_close(volume, NULL), COFFER_OK);

    assert_int_equal(open_it("inner", NULL, false, &volume), COFFER_OK);
    assert_int_equal(coffer_volume_pread(volume, got, sizeof(got), 0, NULL), COFFER_OK);
    assert_string_equal(got, text);
    assert_int_equal(coffer_volume_close(volume, NULL), COFFER_OK);
}

static void backup_headers_open_when_the_first_are_gone(void **state)
{
    (void)state;
    static const uint8_t zeros[DATA_OFFSET];
    struct coffer_volume *volume;
    make_volume();
    FILE *file = fopen(helper_path, "r+e");
    assert_non_null(file);
    assert_int_equal(fwrite(zeros, sizeof(zeros), 1, file), 1);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(open_it("outer", NULL, false, &volume), COFFER_WRONG_SECRET);
    static const char *const passphrases[] = { "outer", "inner" };
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(open_it(passphrases[i], NULL, true, &volume), COFFER_OK);
        assert_int_equal(coffer_volume_close(volume, NULL), COFFER_OK);
    }
}

static bool say_stop(void *user, const char *what, uint64_t done, uint64_t total)
{
    unsigned *calls = user;
    assert_string_equal(what, "key derivation");
    assert_true(done <= total);
    ++*calls;
    return false;
}

static void the_search_can_be_stopped(void **state)
{
    (void)state;
    unsigned calls = 0;
    struct coffer_open_options options = COFFER_OPEN_OPTIONS_INIT;
    struct coffer_credential *credential = helper_credential("neither");
    struct coffer_volume *volume;
    make_volume();
    options.type = "veracrypt";
    options.hash = "streebog";
    options.pim = 100000; /* it would take minutes */
    options.callbacks.progress = say_stop;
    options.callbacks.user = &calls;
    assert_int_equal(coffer_volume_open(helper_path, credential, &options, &volume, NULL), COFFER_INTERRUPTED);
    assert_int_equal(calls, 1);
    coffer_credential_free(credential);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_header_is_known_by_its_checksums),
        cmocka_unit_test(data_outside_of_the_store_is_damage),
        cmocka_unit_test(costs_follow_the_pim),
        cmocka_unit_test(costs_of_argon2id_follow_the_pim),
        cmocka_unit_test(only_the_first_mebibyte_of_a_key_file_counts),
        cmocka_unit_test_setup_teardown(what_is_written_is_the_formats, helper_enter, helper_leave),
        cmocka_unit_test_setup_teardown(the_hidden_volume_is_protected, helper_enter, helper_leave),
        cmocka_unit_test_setup_teardown(backup_headers_open_when_the_first_are_gone, helper_enter, helper_leave),
        cmocka_unit_test_setup_teardown(the_search_can_be_stopped, helper_enter, helper_leave),
    };
    return crypto_init() == 0 ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
}
