/* SPDX-License-Identifier: ISC */
/*
 * fuzz_open.c - hostile headers under a known key: whoever holds a key may be the attacker (spec/volume.md,
 * validation). The sealed bodies, cells and preambles of a good volume are changed as the input says, and sealed
 * again. A volume that still opens must map into its store and stay open for good: what opening it repaired is
 * not written a second time.
 */
#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "credential.h"
#include "crypto.h"
#include "format.h"
#include "memory_store.h"
#include "slot.h"

#define STORE_SIZE (2u << 20)
#define TAIL       (STORE_SIZE - HEADER_END_SIZE)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint8_t master[HEADER_MASTER_SIZE] = "a master key that everyone knows";
static struct coffer_credential *credential;

static void start(void)
{
    static const char raw[COFFER_RAW_KEY_SIZE + 1] = "a raw key that everyone knows ..";
    if (coffer_init(NULL) != COFFER_OK) {
        abort();
    }
    struct coffer_secret *key = coffer_secret_new(COFFER_RAW_KEY_SIZE);
    credential = coffer_credential_new();
    if (!key || !credential) {
        abort();
    }
    memcpy(coffer_secret_data(key), raw, COFFER_RAW_KEY_SIZE);
    coffer_secret_set_size(key, COFFER_RAW_KEY_SIZE);
    if (coffer_credential_set_raw_key(credential, key, NULL) != COFFER_OK) {
        abort();
    }
    coffer_secret_free(key);
}

/* A body that is right in every field. */
static void good_body(struct header_body *body, uint8_t block[HEADER_COPIES][HEADER_BLOCK_SIZE])
{
    struct header_fields fields = {
        .seq = 7,
        .container_size = STORE_SIZE,
        .data_offset = HEADER_DATA_OFFSET,
        .data_size = STORE_SIZE - HEADER_END_SIZE - HEADER_DATA_OFFSET,
        .sector_shift = 12,
        .cipher = 1,
    };
    struct header_slot_record record = { .kind = CREDENTIAL_RAW, .seq_written = 1 };
    memset(body, 0, sizeof(*body));
    header_put_fields(body, &fields);
    header_put_slot(body, 0, &record);
    for (size_t i = 0; i < HEADER_KEY_SIZE; i++) {
        header_key(body)[i] = (uint8_t)i;
    }
    for (enum header_copy copy = HEADER_FRONT; copy < HEADER_COPIES; copy++) {
        memcpy(header_listed_salt(body, copy), header_salt(block[copy]), HEADER_SALT_SIZE);
        for (unsigned slot = 0; slot < HEADER_SLOTS; slot++) {
            header_slot_digest(block[copy], slot, header_listed_digest(body, copy, slot));
        }
    }
}

static void good_front(uint8_t block[HEADER_BLOCK_SIZE], enum header_copy copy)
{
    struct header_preamble preamble = { .memory = HEADER_MEMORY_MIN, .passes = 1, .salt = { (uint8_t)copy } };
    uint8_t kek[CREDENTIAL_KEK_SIZE];
    if (credential_derive(credential, CREDENTIAL_AS_GIVEN, preamble.salt, preamble.memory, preamble.passes, kek,
                          NULL) != COFFER_OK) {
        abort();
    }
    slot_wrap(block, 0, kek, preamble.salt, 0, master);
    header_write_preamble(block, copy, &preamble);
}

/* One change: where (2 bytes, of which the upper bits say what is changed), and 8 bytes to put or to xor there. */
static void change(uint8_t *block, struct header_body *body, const uint8_t step[10], bool *second)
{
    struct bytes view = { .data = body->raw, .size = HEADER_BODY_SIZE };
    size_t where = (size_t)step[0] | (size_t)(step[1] & 0x0f) << 8;
    bool is_body = (step[1] & 0x10) != 0;
    if (!is_body) {
        view = (struct bytes){ .data = block, .size = HEADER_BODY_OFFSET };
    }
    where %= view.size - 7;
    *second = (step[1] & 0x80) != 0;
    for (size_t i = 0; i < 8; i++) {
        uint8_t old = (step[1] & 0x20) != 0 ? bytes_get_u8(view, where + i) : 0;
        bytes_put_u8(view, where + i, (uint8_t)(old ^ step[2 + i]));
    }
}

/* Whether it opens; then its map has been checked. */
static bool open_and_check(struct memory_store *store)
{
    struct coffer_open_options options = COFFER_OPEN_OPTIONS_INIT;
    struct coffer_error error = COFFER_ERROR_INIT;
    struct format_opened *opened = format_opened_new();
    if (!opened) {
        abort();
    }
    enum coffer_status status = FORMAT_COFFER.open(&store->storage, credential, &options, opened, &error);
    if (status != error.status || status == COFFER_FAILED || status == COFFER_INVALID) {
        abort();
    }
    const struct segment *segment = &opened->segment[0];
    if (status == COFFER_OK && (opened->segments != 1 || segment->size != opened->data_size ||
                                segment->storage_offset < HEADER_END_SIZE || segment->storage_offset > TAIL ||
                                segment->size > TAIL - segment->storage_offset ||
                                segment->size % opened->sector_size != 0 || segment->tweak >= 1ull << 63)) {
        abort();
    }
    format_opened_free(opened);
    return status == COFFER_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bool started;
    if (!started) {
        start();
        started = true;
    }
    static uint8_t block[HEADER_COPIES][HEADER_BLOCK_SIZE];
    struct header_body body[HEADER_COPIES];
    struct memory_store store;
    memset(block, 0, sizeof(block));
    good_front(block[HEADER_FRONT], HEADER_FRONT);
    good_front(block[HEADER_TAIL], HEADER_TAIL);
    good_body(&body[HEADER_FRONT], block);
    body[HEADER_TAIL] = body[HEADER_FRONT];

    /* The first byte: which copies are changed and sealed again. */
    uint8_t copies = size > 0 ? data[0] & 3 : 0;
    bool second = false;
    for (size_t at = 1; at + 10 <= size; at += 10) {
        enum header_copy copy = second ? HEADER_TAIL : HEADER_FRONT;
        change(block[copy], &body[copy], data + at, &second);
    }
    if (copies == 3) {
        body[HEADER_TAIL] = body[HEADER_FRONT]; /* the same lie in both */
    }
    memory_store_open(&store, STORE_SIZE);
    for (enum header_copy copy = HEADER_FRONT; copy < HEADER_COPIES; copy++) {
        header_seal_body(block[copy], &body[copy], master, copy, 0);
        memcpy(store.data + (copy == HEADER_FRONT ? 0 : TAIL), block[copy], HEADER_BLOCK_SIZE);
    }
    if (open_and_check(&store)) {
        store.writes = 0;
        if (!open_and_check(&store) || store.writes > 0) {
            abort();
        }
    }
    memory_store_close(&store);
    return 0;
}
