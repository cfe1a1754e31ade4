/* SPDX-License-Identifier: ISC */
/*
 * Seals, key slots, header blocks and sectors against spec/vectors: PRE-1, PRE-2, PRE-3, PRE-5, SLOT-1, SLOT-3, BODY-1,
 * BODY-3, BODY-4, COST-1, SEAL-2, SEAL-3, SEAL-4, VALID-1, VALID-2, VALID-3, VALID-4, VALID-5, VALID-6, VALID-7, VALID-8,
 * CONV-1, CONV-4, CONV-7, DATA-2, DATA-3.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "crypto.h"
#include "header.h"
#include "helper_vectors.h"
#include "slot.h"

static bool verdict_is(const struct vectors *vectors, const char *word)
{
    return strcmp(vectors_text(vectors, "verdict"), word) == 0;
}

static void seals(void **state)
{
    (void)state;
    struct vectors *vectors = vectors_open("seal.txt");
    while (vectors_next(vectors)) {
        uint8_t key[32], context[256], sealed[4096], plain[4096], expected[4096];
        vectors_exactly(vectors, "key", key, sizeof(key));
        size_t context_size = vectors_bytes(vectors, "context", context, sizeof(context));
        size_t size = vectors_bytes(vectors, "sealed", sealed, sizeof(sealed));
        bool opens = verdict_is(vectors, "ok");
        assert_int_equal(
            crypto_open(plain, key, vectors_text(vectors, "label"), context, context_size, sealed, size), opens);
        if (opens) {
            vectors_exactly(vectors, "plain", expected, size - CRYPTO_SEAL_OVERHEAD);
            assert_memory_equal(plain, expected, size - CRYPTO_SEAL_OVERHEAD);
        }
    }
    vectors_close(vectors);
}

static void slots(void **state)
{
    (void)state;
    struct vectors *vectors = vectors_open("slots.txt");
    while (vectors_next(vectors)) {
        uint8_t kek[32], salt[HEADER_SALT_SIZE], master[HEADER_MASTER_SIZE], expected[HEADER_MASTER_SIZE];
        uint8_t block[HEADER_BLOCK_SIZE] = { 0 };
        unsigned slot = (unsigned)vectors_number(vectors, "index");
        vectors_exactly(vectors, "kek", kek, sizeof(kek));
        vectors_exactly(vectors, "salt", salt, sizeof(salt));
        vectors_exactly(vectors, "master", expected, sizeof(expected));
        vectors_exactly(vectors, "cell", header_slot_cell(block, slot), HEADER_CELL_SIZE);
        enum slot_result result =
            slot_unwrap(block, slot, kek, salt, (unsigned)vectors_number(vectors, "volume"), master);
        assert_int_equal(result, verdict_is(vectors, "ok")        ? SLOT_OPEN
                                 : verdict_is(vectors, "too-new") ? SLOT_TOO_NEW
                                                                  : SLOT_CLOSED);
        if (result == SLOT_OPEN) {
            assert_memory_equal(master, expected, sizeof(master));
        }
    }
    vectors_close(vectors);
}

/* The slot's cell opens to the master key, and the body lists it. */
static void check_slot(const struct vectors *vectors, const uint8_t block[HEADER_BLOCK_SIZE],
                       struct header_body *body, unsigned slot, const char *kek_name)
{
    enum header_copy copy = vectors_number(vectors, "copy") == 0 ? HEADER_FRONT : HEADER_TAIL;
    uint8_t kek[32], salt[HEADER_SALT_SIZE], master[HEADER_MASTER_SIZE], expected[HEADER_MASTER_SIZE];
    uint8_t digest[HEADER_DIGEST_SIZE];
    vectors_exactly(vectors, kek_name, kek, sizeof(kek));
    vectors_exactly(vectors, "salt", salt, sizeof(salt));
    vectors_exactly(vectors, "master", expected, sizeof(expected));
    assert_int_equal(slot_unwrap(block, slot, kek, salt, (unsigned)vectors_number(vectors, "volume"), master),
                     SLOT_OPEN);
    assert_memory_equal(master, expected, sizeof(master));
    header_slot_digest(block, slot, digest);
    assert_memory_equal(digest, header_listed_digest(body, copy, slot), sizeof(digest));
    assert_memory_equal(salt, header_listed_salt(body, copy), sizeof(salt));
}

static void header_blocks(void **state)
{
    (void)state;
    struct vectors *vectors = vectors_open("headers.txt");
    while (vectors_next(vectors)) {
        uint8_t block[HEADER_BLOCK_SIZE], master[HEADER_MASTER_SIZE], expected[HEADER_BODY_SIZE];
        struct header_body body;
        enum header_copy copy = vectors_number(vectors, "copy") == 0 ? HEADER_FRONT : HEADER_TAIL;
        enum header_copy other = copy == HEADER_FRONT ? HEADER_TAIL : HEADER_FRONT;
        unsigned volume = (unsigned)vectors_number(vectors, "volume");
        vectors_exactly(vectors, "block", block, sizeof(block));
        vectors_exactly(vectors, "master", master, sizeof(master));
        vectors_exactly(vectors, "body", expected, sizeof(expected));
        assert_true(header_open_body(block, &body, master, copy, volume));
        assert_memory_equal(body.raw, expected, sizeof(expected));
        check_slot(vectors, block, &body, 0, "kek_0");
        check_slot(vectors, block, &body, 14, "kek_14");
        assert_false(header_open_body(block, &body, master, other, volume));
        assert_false(header_open_body(block, &body, master, copy, 1 - volume));
        if (volume == 0 && vectors_number(vectors, "marked") == 1) {
            assert_true(header_slots_check(block));
            block[HEADER_CELL_SIZE + 5] ^= 4;
            assert_false(header_slots_check(block));
        }
        block[77] ^= 1;
        assert_false(header_open_body(block, &body, master, copy, volume));
    }
    vectors_close(vectors);
}

static void check_record(const struct vectors *vectors, const struct header_body *body, unsigned slot)
{
    struct header_slot_record record;
    uint8_t name[HEADER_NAME_SIZE];
    char field[32];
    header_get_slot(body, slot, &record);
    snprintf(field, sizeof(field), "slot_%u_kind", slot);
    assert_int_equal(record.kind, vectors_number(vectors, field));
    snprintf(field, sizeof(field), "slot_%u_flags", slot);
    assert_int_equal(record.flags, vectors_number(vectors, field));
    snprintf(field, sizeof(field), "slot_%u_seq_written", slot);
    assert_int_equal(record.seq_written, vectors_number(vectors, field));
    snprintf(field, sizeof(field), "slot_%u_time", slot);
    assert_int_equal(record.time, vectors_number(vectors, field));
    snprintf(field, sizeof(field), "slot_%u_name", slot);
    vectors_exactly(vectors, field, name, sizeof(name));
    assert_memory_equal(record.name, name, sizeof(name));
}

static void body_fields(void **state)
{
    (void)state;
    struct vectors *vectors = vectors_open("bodies.txt");
    while (vectors_next(vectors)) {
        struct header_body body, again = { { 0 } };
        struct header_fields fields;
        uint8_t key[HEADER_KEY_SIZE], label[HEADER_PRIVATE_LABEL_SIZE], uuid[16];
        vectors_exactly(vectors, "body", body.raw, sizeof(body.raw));
        header_get_fields(&body, &fields);
        assert_int_equal(fields.incompat, vectors_number(vectors, "incompat"));
        assert_int_equal(fields.ro_compat, vectors_number(vectors, "ro_compat"));
        assert_int_equal(fields.compat, vectors_number(vectors, "compat"));
        assert_int_equal(fields.seq, vectors_number(vectors, "seq"));
        assert_int_equal(fields.created, vectors_number(vectors, "created"));
        assert_int_equal(fields.container_size, vectors_number(vectors, "container_size"));
        assert_int_equal(fields.data_offset, vectors_number(vectors, "data_off"));
        assert_int_equal(fields.data_size, vectors_number(vectors, "data_size"));
        assert_int_equal(fields.iv_base, vectors_number(vectors, "iv_base"));
        assert_int_equal(fields.sector_shift, vectors_number(vectors, "sector_shift"));
        assert_int_equal(fields.cipher, vectors_number(vectors, "cipher"));
        vectors_exactly(vectors, "uuid", uuid, sizeof(uuid));
        assert_memory_equal(fields.uuid, uuid, sizeof(uuid));
        vectors_exactly(vectors, "key", key, sizeof(key));
        assert_memory_equal(header_key(&body), key, sizeof(key));
        vectors_exactly(vectors, "label", label, sizeof(label));
        assert_memory_equal(header_private_label(&body), label, sizeof(label));
        check_record(vectors, &body, 0);
        check_record(vectors, &body, 14);

        header_put_fields(&again, &fields);
        assert_memory_equal(again.raw, body.raw, 82);
    }
    vectors_close(vectors);
}

static void preambles(void **state)
{
    (void)state;
    struct vectors *vectors = vectors_open("preambles.txt");
    while (vectors_next(vectors)) {
        uint8_t block[HEADER_BLOCK_SIZE] = { 0 }, salt[HEADER_SALT_SIZE];
        struct header_preamble preamble;
        vectors_exactly(vectors, "cell_0", block, HEADER_CELL_SIZE);
        enum header_copy copy = vectors_number(vectors, "copy") == 0 ? HEADER_FRONT : HEADER_TAIL;
        enum header_verdict verdict = header_read_preamble(block, copy, &preamble);
        assert_int_equal(verdict, verdict_is(vectors, "usable")     ? HEADER_USABLE
                                  : verdict_is(vectors, "no-magic") ? HEADER_NO_MAGIC
                                  : verdict_is(vectors, "too-new")  ? HEADER_TOO_NEW
                                                                    : HEADER_BOUNDS);
        if (verdict == HEADER_USABLE) {
            vectors_exactly(vectors, "salt", salt, sizeof(salt));
            assert_int_equal(preamble.memory, vectors_number(vectors, "memory"));
            assert_int_equal(preamble.passes, vectors_number(vectors, "passes"));
            assert_memory_equal(preamble.salt, salt, sizeof(salt));
        }
    }
    vectors_close(vectors);
}

static void validation(void **state)
{
    (void)state;
    struct vectors *vectors = vectors_open("validation.txt");
    while (vectors_next(vectors)) {
        struct header_body body = { { 0 } };
        struct header_fields fields = {
            .incompat = (uint32_t)vectors_number(vectors, "incompat"),
            .ro_compat = (uint32_t)vectors_number(vectors, "ro_compat"),
            .compat = (uint32_t)vectors_number(vectors, "compat"),
            .seq = vectors_number(vectors, "seq"),
            .container_size = vectors_number(vectors, "container_size"),
            .data_offset = vectors_number(vectors, "data_off"),
            .data_size = vectors_number(vectors, "data_size"),
            .iv_base = vectors_number(vectors, "iv_base"),
            .sector_shift = (uint8_t)vectors_number(vectors, "sector_shift"),
            .cipher = (uint8_t)vectors_number(vectors, "cipher"),
        };
        header_put_fields(&body, &fields);
        vectors_exactly(vectors, "key", header_key(&body), HEADER_KEY_SIZE);
        enum coffer_status status =
            header_validate(&body, vectors_number(vectors, "backing_size"), HEADER_INCOMPAT_KNOWN, NULL);
        enum coffer_status expected = verdict_is(vectors, "damaged")   ? COFFER_DAMAGED
                                      : verdict_is(vectors, "too-new") ? COFFER_UNSUPPORTED
                                                                       : COFFER_OK;
        if (status != expected) {
            fail_msg("'%s' gives %d instead of %d", vectors_text(vectors, "name"), (int)status, (int)expected);
        }
    }
    vectors_close(vectors);
}

static void sectors(void **state)
{
    (void)state;
    struct vectors *vectors = vectors_open("sectors.txt");
    while (vectors_next(vectors)) {
        uint8_t key[CRYPTO_SECTOR_KEY_SIZE], plain[8192], stored[8192], got[8192];
        struct crypto_sector *sector;
        uint32_t sector_size = (uint32_t)vectors_number(vectors, "sector_size");
        uint64_t tweak =
            vectors_number(vectors, "iv_base") + vectors_number(vectors, "first") * (sector_size / 512);
        size_t size = 2 * (size_t)sector_size;
        vectors_exactly(vectors, "key", key, sizeof(key));
        vectors_exactly(vectors, "plain", plain, size);
        vectors_exactly(vectors, "cipher", stored, size);
        assert_int_equal(crypto_sector_new(&sector, key, sector_size), 0);
        crypto_sector_encrypt(sector, tweak, got, plain, size);
        assert_memory_equal(got, stored, size);
        crypto_sector_decrypt(sector, tweak, got, stored, size);
        assert_memory_equal(got, plain, size);
        crypto_sector_free(sector);
    }
    vectors_close(vectors);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(seals),       cmocka_unit_test(slots),     cmocka_unit_test(header_blocks),
        cmocka_unit_test(body_fields), cmocka_unit_test(preambles), cmocka_unit_test(validation),
        cmocka_unit_test(sectors),
    };
    if (crypto_init() != 0) {
        return 1;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
