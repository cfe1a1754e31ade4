/* SPDX-License-Identifier: ISC */
/*
 * new_header.c - makes the two copies of a new header.
 *
 * Everything that could be random is: the master key, the volume key, empty slots, salts.
 */
#include "new_header.h"

#include <string.h>

#include "crypto.h"
#include "error.h"
#include "format_coffer.h"
#include "memory_budget.h"
#include "scope.h"
#include "slot.h"
#include "uuid.h"

#define MEMORY_DEFAULT (256u << 10) /* KiB */
#define PASSES_DEFAULT 3
#define LEVEL_DEFAULT  2

enum coffer_status new_header_settle_cost(struct copies *copies, const struct coffer_create_options *options,
                                          const struct coffer_credential *credential, struct coffer_error *error)
{
    if (options->unmarked) {
        const struct format_coffer_level *level =
            &FORMAT_COFFER_LEVEL[options->kdf_level < 0 ? LEVEL_DEFAULT : options->kdf_level];
        copies->memory = level->memory;
        copies->passes = level->passes;
    } else {
        copies->memory = options->kdf_memory != 0 ? options->kdf_memory : MEMORY_DEFAULT;
        copies->passes = options->kdf_passes != 0 ? options->kdf_passes : PASSES_DEFAULT;
    }
    if (!header_cost_in_bounds(copies->memory, copies->passes)) {
        return error_set(error, COFFER_INVALID, 0,
                         "the KDF takes 8 MiB to 4 GiB and 1 to 64 passes, together at most 64 GiB");
    }
    return credential_needs_kdf(credential, CREDENTIAL_AS_GIVEN) ? memory_budget_allows(copies->memory, error)
                                                                 : COFFER_OK;
}

static void fill_body(struct copies *copies, const struct header_fields *given)
{
    struct header_fields fields = *given;
    uuid_random(fields.uuid);
    header_put_fields(&copies->body, &fields);
    uint8_t *key = header_key(&copies->body);
    do {
        crypto_random(key, HEADER_KEY_SIZE);
    } while (crypto_equal(key, key + HEADER_KEY_SIZE / 2, HEADER_KEY_SIZE / 2));
    crypto_random(copies->master, sizeof(copies->master));
}

static void fill_preamble(struct copies *copies, enum header_copy copy, struct header_preamble *preamble)
{
    uint8_t *block = copies->block[copy];
    memcpy(preamble->salt, copies->salt[copy], HEADER_SALT_SIZE);
    if (copies->volume != 0) {
        header_write_random_preamble(block, NULL);
    } else if (copies->marked) {
        header_write_preamble(block, copy, preamble);
    } else {
        header_write_random_preamble(block, preamble->salt);
    }
}

static enum coffer_status fill_copy(struct copies *copies, enum header_copy copy,
                                    const struct coffer_credential *credential, struct header_preamble *preamble,
                                    struct coffer_error *error)
{
    if (!copies->salt_known[copy]) {
        crypto_random(copies->salt[copy], HEADER_SALT_SIZE);
        copies->salt_known[copy] = true;
    }
    enum coffer_status status = credential_derive(credential, CREDENTIAL_AS_GIVEN, copies->salt[copy],
                                                  copies->memory, copies->passes, copies->kek[copy], error);
    if (status != COFFER_OK) {
        return status;
    }
    copies->kek_known[copy] = copies->good[copy] = true;
    memcpy(header_listed_salt(&copies->body, copy), copies->salt[copy], HEADER_SALT_SIZE);
    for (unsigned slot = 0; slot < HEADER_SLOTS; slot++) {
        slot_erase(copies->block[copy], slot);
        header_slot_digest(copies->block[copy], slot, header_listed_digest(&copies->body, copy, slot));
    }
    fill_preamble(copies, copy, preamble);
    return COFFER_OK;
}

enum coffer_status new_header_fill(struct copies *copies, const struct header_fields *fields,
                                   const struct coffer_credential *credential, const char *label, const char *name,
                                   struct coffer_error *error)
{
    struct header_preamble preamble = { .memory = copies->memory, .passes = copies->passes };
    uuid_random(preamble.uuid);
    if (label != NULL) {
        memcpy(preamble.label, label, strnlen(label, HEADER_LABEL_SIZE));
    }
    fill_body(copies, fields);
    for (enum header_copy copy = HEADER_FRONT; copy < HEADER_COPIES; copy++) {
        enum coffer_status status = fill_copy(copies, copy, credential, &preamble, error);
        if (status != COFFER_OK) {
            return status;
        }
    }
    struct header_slot_record record = {
        .kind = (uint8_t)credential_kind(credential),
        .seq_written = fields->seq,
        .time = fields->created,
    };
    if (name != NULL) {
        memcpy(record.name, name, strnlen(name, HEADER_NAME_SIZE));
    }
    copies->way = CREDENTIAL_AS_GIVEN;
    copies->winner = HEADER_FRONT;
    copies->slot = 0;
    copies_put_slot(copies, 0, (const uint8_t(*)[CREDENTIAL_KEK_SIZE])copies->kek, &record);
    return COFFER_OK;
}

enum coffer_status new_header_add(struct copies *copies, const struct coffer_credential *credential,
                                  struct coffer_error *error)
{
    uint8_t *keks __attribute__((cleanup(free_secret_bytes))) = crypto_secret_alloc(sizeof(copies->kek));
    uint8_t(*kek)[CREDENTIAL_KEK_SIZE] = (uint8_t(*)[CREDENTIAL_KEK_SIZE])keks;
    struct header_fields fields;
    enum coffer_status status = COFFER_OK;
    if (keks == NULL) {
        return error_set_no_memory(error);
    }
    header_get_fields(&copies->body, &fields);
    for (enum header_copy copy = HEADER_FRONT; copy < HEADER_COPIES && status == COFFER_OK; copy++) {
        status = credential_derive(credential, CREDENTIAL_AS_GIVEN, copies->salt[copy], copies->memory,
                                   copies->passes, kek[copy], error);
    }
    if (status == COFFER_OK && crypto_equal(keks, copies->kek, sizeof(copies->kek))) {
        status = error_set(error, COFFER_INVALID, 0, "the second secret is the first one again");
    }
    if (status == COFFER_OK) {
        const struct header_slot_record record = {
            .kind = (uint8_t)credential_kind(credential),
            .seq_written = fields.seq,
            .time = fields.created,
        };
        copies_put_slot(copies, 1, (const uint8_t(*)[CREDENTIAL_KEK_SIZE])kek, &record);
    }
    return status;
}

enum coffer_status new_header_write(struct copies *copies, struct coffer_error *error)
{
    int result = copies_write_block(copies, HEADER_TAIL);
    result = result != 0 ? result : copies_write_block(copies, HEADER_FRONT);
    return result == 0 ? COFFER_OK : error_set_system(error, -result, "cannot write the header");
}
