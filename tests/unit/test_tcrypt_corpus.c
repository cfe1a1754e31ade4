/* SPDX-License-Identifier: ISC */
/*
 * Volumes that TrueCrypt and VeraCrypt made: every row of the corpus opens, with the keys and the cleartext that its
 * index gives. The hash of each row is named, which keeps this short; with COFFER_CORPUS_FULL=1 it is
 * not, and everything is tried as for a user who knows nothing.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <gcrypt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "coffer.h"
#include "crypto.h"
#include "format.h"
#include "helper_corpus.h"

#define KEY_MAX CRYPTO_SECTOR_KEY_MAX

static char work[64];

/* The link puts this in front of the library's. With one processor the header that opens is found before the next one is
 * tried, which is half the work. */
long __real_sysconf(int name);
long __wrap_sysconf(int name);

long __wrap_sysconf(int name)
{
    return name == _SC_NPROCESSORS_ONLN && getenv("COFFER_CORPUS_FULL") == NULL ? 1 : __real_sysconf(name);
}

/* ---- a row ---- */

struct subject {
    struct corpus_row row;
    char hash[32], type[16];
    bool is_veracrypt;
    struct coffer_open_options options;
    char path[128];
};

static void read_hash(struct subject *subject)
{
    const char *kdf = strstr(subject->row.cipher, "kdf=");
    assert_non_null(kdf);
    snprintf(subject->hash, sizeof(subject->hash), "%.*s", (int)strcspn(kdf + 4, "/ "), kdf + 4);
    if (strcmp(subject->hash, "stribog512") == 0) {
        snprintf(subject->hash, sizeof(subject->hash), "streebog");
    }
}

static void prepare(struct subject *subject)
{
    bool is_full = getenv("COFFER_CORPUS_FULL") != NULL;
    read_hash(subject);
    subject->is_veracrypt = strncmp(subject->row.variant, "VeraCrypt", 9) == 0;
    snprintf(subject->type, sizeof(subject->type), "%s", subject->is_veracrypt ? "veracrypt" : "truecrypt");
    subject->options = (struct coffer_open_options)COFFER_OPEN_OPTIONS_INIT;
    subject->options.read_only = true;
    subject->options.type = is_full ? NULL : subject->type;
    subject->options.hash = is_full ? NULL : subject->hash;
    subject->options.pim = (uint32_t)strtoul(subject->row.pim, NULL, 10);
    snprintf(subject->path, sizeof(subject->path), "%s/volume", work);
    corpus_unpack(&subject->row, subject->path);
}

/* ---- what is expected ---- */

/* The value of "name=" in the row, up to a semicolon; "" when it is not there. */
static void expected(const struct subject *subject, const char *name, char *value, size_t size)
{
    const char *at = strstr(subject->row.expected, name);
    value[0] = '\0';
    if (at != NULL) {
        at += strlen(name);
        snprintf(value, size, "%.*s", (int)strcspn(at, ";"), at);
    }
}

static void to_hex(const uint8_t *bytes, size_t size, char *hex)
{
    for (size_t i = 0; i < size; i++) {
        snprintf(hex + 2 * i, 3, "%02x", bytes[i]);
    }
}

static void append_hex(char *hex, const uint8_t *bytes, size_t size)
{
    to_hex(bytes, size, hex + strlen(hex));
}

/* The index has what all layers share behind them, before them, or behind each; no more of it than the ciphers use. */
static void check_key(const struct subject *subject, const struct crypto_sector_spec *spec)
{
    char wanted[4 * KEY_MAX + 1], behind[2 * KEY_MAX + 1] = "", before[2 * KEY_MAX + 1] = "";
    char each[4 * KEY_MAX + 1] = "";
    uint32_t own = 0;
    for (unsigned i = 0; i < spec->layers; i++) {
        own += spec->layer[i].key_size;
    }
    append_hex(behind, spec->key, spec->key_size);
    append_hex(before, spec->key + own, spec->key_size - own);
    append_hex(before, spec->key, own);
    for (uint32_t i = 0, at = 0; i < spec->layers; at += spec->layer[i++].key_size) {
        append_hex(each, spec->key + at, spec->layer[i].key_size);
        append_hex(each, spec->key + own, spec->key_size - own);
    }
    expected(subject, "vk=", wanted, sizeof(wanted));
    size_t size = strlen(wanted);
    assert_true(size >= (size_t)2 * own);
    if (strncmp(behind, wanted, size) != 0 && strncmp(before, wanted, size) != 0 &&
        strncmp(each, wanted, size) != 0) {
        fail_msg("%s: the key is %s, not %s", subject->row.path, behind, wanted);
    }
}

static void check_content(const struct subject *subject, struct coffer_volume *volume, uint64_t size,
                          const char *name)
{
    char wanted[65], got[65];
    expected(subject, name, wanted, sizeof(wanted));
    if (wanted[0] == '\0') {
        return;
    }
    uint8_t *data = malloc(size);
    assert_non_null(data);
    assert_int_equal(coffer_volume_pread(volume, data, size, 0, NULL), COFFER_OK);
    uint8_t digest[32];
    gcry_md_hash_buffer(GCRY_MD_SHA256, digest, data, size);
    free(data);
    to_hex(digest, sizeof(digest), got);
    if (strcmp(got, wanted) != 0) {
        fail_msg("%s: the content has %s%s, not %s", subject->row.path, name, got, wanted);
    }
}

static void check_info(const struct subject *subject, struct coffer_volume *volume)
{
    struct coffer_info info = { .size = sizeof(info) };
    char number[32], cipher[64];
    assert_int_equal(coffer_volume_info(volume, &info, NULL), COFFER_OK);
    assert_string_equal(info.format, subject->type);
    assert_true(info.unlocked);
    assert_int_equal(info.hidden, strstr(subject->row.variant, " hidden") != NULL);
    expected(subject, "data_off=", number, sizeof(number));
    assert_int_equal(info.data_offset, strtoull(number, NULL, 10));
    expected(subject, "data_len=", number, sizeof(number));
    assert_int_equal(info.data_size, strtoull(number, NULL, 10));
    snprintf(cipher, sizeof(cipher), "%.*s", (int)strcspn(subject->row.cipher, " "), subject->row.cipher);
    for (char *at; (at = strstr(cipher, "_le")) != NULL;) {
        memmove(at, at + 3, strlen(at + 3) + 1);
    }
    assert_string_equal(info.cipher, strcmp(cipher, "des3_ede-cbc") == 0 ? "3des-cbc" : cipher);
    assert_non_null(strstr(info.kdf, subject->hash));
    check_content(subject, volume, 2048, "sha256_first2048=");
    check_content(subject, volume, info.data_size, "sha256_all=");
}

/* ---- the test ---- */

static void check_keys(const struct subject *subject, const struct coffer_credential *credential)
{
    struct storage *storage;
    struct format_opened *opened = format_opened_new();
    assert_int_equal(storage_open(subject->path, -1, true, STORAGE_UNLOCKED, NULL, &storage, NULL), COFFER_OK);
    assert_int_equal(format_by_name(subject->type)->open(storage, credential, &subject->options, opened, NULL),
                     COFFER_OK);
    check_key(subject, &opened->sectors);
    format_opened_free(opened);
    storage_close(storage);
}

static void check_row(struct subject *subject)
{
    struct coffer_error error = COFFER_ERROR_INIT;
    struct coffer_volume *volume = NULL;
    struct coffer_credential *credential = corpus_credential(&subject->row);
    prepare(subject);
    enum coffer_status status = coffer_volume_open(subject->path, credential, &subject->options, &volume, &error);
    if (status != COFFER_OK) {
        fail_msg("%s: %s", subject->row.path, error.text);
    } else {
        check_info(subject, volume);
        assert_int_equal(coffer_volume_close(volume, NULL), COFFER_OK);
        subject->options.hash = subject->hash;
        if (strstr(subject->row.expected, "HEADER ONLY") != NULL || !subject->is_veracrypt) {
            check_keys(subject, credential);
        }
    }
    coffer_credential_free(credential);
}

static void every_row_opens(void **state)
{
    (void)state;
    struct corpus *corpus = corpus_open();
    struct subject subject;
    unsigned rows = 0;
    while (corpus_next(corpus, "TCRYPT", &subject.row)) {
        print_message("%s %s\n", subject.row.path, subject.row.variant);
        check_row(&subject);
        rows++;
    }
    corpus_close(corpus);
    assert_true(rows > 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(every_row_opens) };
    if (!corpus_is_there()) {
        return 77;
    }
    snprintf(work, sizeof(work), "/tmp/coffer-corpus-XXXXXX");
    if (crypto_init() != 0 || mkdtemp(work) == NULL) {
        return 1;
    }
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    char path[128];
    snprintf(path, sizeof(path), "%s/volume", work);
    unlink(path);
    rmdir(work);
    return failed;
}
