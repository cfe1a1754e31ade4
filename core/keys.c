/* SPDX-License-Identifier: ISC */
/*
 * keys.c - key slots: list, add, change, remove.
 *
 * A new secret is in its slot, on the medium and verified before an old one goes: there is no moment at which
 * neither opens. The header is held against others from open to close; the data is not, so a mounted volume
 * can have its passphrase changed.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "crypto.h"
#include "error.h"
#include "format_coffer.h"
#include "header_lock.h"
#include "memory_budget.h"
#include "scope.h"
#include "slot.h"

struct coffer_header {
    struct storage *storage;
    struct copies *copies;
};

/* A secret on its way into a slot; in secret memory. */
struct newcomer {
    uint8_t salt[HEADER_COPIES][HEADER_SALT_SIZE];
    uint8_t kek[HEADER_COPIES][CREDENTIAL_KEK_SIZE];
    uint8_t master[HEADER_MASTER_SIZE]; /* what a trial unwrapping gave */
    struct header_body body;            /* and a trial opening */
    struct header_slot_record record;
    unsigned slot;
};

static void free_newcomer(struct newcomer **newcomer)
{
    crypto_secret_free(*newcomer);
}

void coffer_header_close(struct coffer_header *header)
{
    if (header == NULL) {
        return;
    }
    copies_free(header->copies);
    storage_close(header->storage); /* lets go of the lock, too */
    free(header);
}

static enum coffer_status unlock_into(struct coffer_header *header, const struct coffer_credential *credential,
                                      const struct coffer_open_options *options, struct coffer_error *error)
{
    enum coffer_status status = header_lock(header->storage, error);
    if (status != COFFER_OK) {
        return status;
    }
    struct unlock_image *image __attribute__((cleanup(free_image))) = unlock_read(header->storage);
    header->copies = copies_new();
    if (image == NULL || header->copies == NULL) {
        return error_set_no_memory(error);
    }
    return format_coffer_unlock(image, credential, options, header->copies, error);
}

enum coffer_status coffer_header_open(const char *path, const struct coffer_credential *credential,
                                      const struct coffer_open_options *options, struct coffer_header **header,
                                      struct coffer_error *error)
{
    if (options->size != sizeof(*options)) {
        return error_set(error, COFFER_INVALID, EINVAL, "the options have an unknown size");
    }
    if (options->type != NULL && strcmp(options->type, FORMAT_COFFER.name) != 0) {
        return error_set(error, COFFER_UNSUPPORTED, 0, "headers of this format are never changed");
    }
    struct coffer_header *new = calloc(1, sizeof(*new));
    if (new == NULL) {
        return error_set_no_memory(error);
    }
    enum coffer_status status = storage_open(path, options->fd, options->read_only, STORAGE_UNLOCKED,
                                             &options->callbacks, &new->storage, error);
    if (status == COFFER_OK) {
        status = unlock_into(new, credential, options, error);
    }
    if (status != COFFER_OK) {
        coffer_header_close(new);
        return status;
    }
    *header = new;
    return COFFER_OK;
}

void coffer_header_keys(const struct coffer_header *header, struct coffer_key keys[COFFER_SLOTS])
{
    for (unsigned slot = 0; slot < COFFER_SLOTS; slot++) {
        struct header_slot_record record;
        header_get_slot(&header->copies->body, slot, &record);
        memset(&keys[slot], 0, sizeof(keys[slot]));
        keys[slot].kind = (enum coffer_key_kind)record.kind;
        keys[slot].opened_it = slot == header->copies->slot;
        keys[slot].created = record.time;
        memcpy(keys[slot].name, record.name, HEADER_NAME_SIZE);
    }
}

/* ---- adding ---- */

/* Under the salts that the body lists: they are right even where the block that shows them is damaged. */
static enum coffer_status derive_both(struct copies *copies, const struct coffer_credential *secret,
                                      struct newcomer *newcomer, struct coffer_error *error)
{
    enum coffer_status status = COFFER_OK;
    if (credential_kind(secret) == CREDENTIAL_EMPTY) {
        return error_set(error, COFFER_INVALID, 0, "neither a passphrase nor a key file was given");
    }
    if (credential_needs_kdf(secret, CREDENTIAL_AS_GIVEN)) {
        status = memory_budget_allows(copies->memory, error);
    }
    for (enum header_copy copy = HEADER_FRONT; copy < HEADER_COPIES && status == COFFER_OK; copy++) {
        memcpy(newcomer->salt[copy], header_listed_salt(&copies->body, copy), HEADER_SALT_SIZE);
        status = credential_derive(secret, CREDENTIAL_AS_GIVEN, newcomer->salt[copy], copies->memory,
                                   copies->passes, newcomer->kek[copy], error);
    }
    return status;
}

/* Two slots for one secret would make the second one unreachable, and a removal of the first no removal. What an
 * update that failed left in memory counts as well as what is on the medium. */
static enum coffer_status refuse_known(struct unlock_image *image, const struct copies *copies,
                                       struct newcomer *newcomer, struct coffer_error *error)
{
    bool known = unlock_opens_any(image, (const uint8_t(*)[CREDENTIAL_KEK_SIZE])newcomer->kek,
                                  (const uint8_t(*)[HEADER_SALT_SIZE])newcomer->salt);
    for (enum header_copy copy = HEADER_FRONT; copy < HEADER_COPIES; copy++) {
        memcpy(image->block[copy][copies->volume], copies->block[copy], HEADER_BLOCK_SIZE);
        image->present[copy][copies->volume] = true;
    }
    known |= unlock_opens_any(image, (const uint8_t(*)[CREDENTIAL_KEK_SIZE])newcomer->kek,
                              (const uint8_t(*)[HEADER_SALT_SIZE])newcomer->salt);
    return known ? error_set(error, COFFER_INVALID, 0, "this secret opens the volume already") : COFFER_OK;
}

static void renew_record(struct copies *next, struct newcomer *newcomer)
{
    struct header_fields fields;
    header_get_fields(&next->body, &fields);
    newcomer->record.seq_written = fields.seq;
    newcomer->record.time = fields.created == 0 ? 0 : (uint64_t)time(NULL);
    header_put_slot(&next->body, newcomer->slot, &newcomer->record);
}

static void put_into_front(struct copies *next, void *user)
{
    struct newcomer *newcomer = user;
    copies_put_cell(next, HEADER_FRONT, newcomer->slot, newcomer->kek[HEADER_FRONT]);
    renew_record(next, newcomer);
}

static void put_into_tail(struct copies *next, void *user)
{
    struct newcomer *newcomer = user;
    copies_put_cell(next, HEADER_TAIL, newcomer->slot, newcomer->kek[HEADER_TAIL]);
    renew_record(next, newcomer);
}

static void put_into_both(struct copies *next, void *user)
{
    put_into_front(next, user);
    put_into_tail(next, user);
}

/* The copy, read from the medium again, opens with the new secret, and its slot counts. */
static enum coffer_status verify_copy(const struct coffer_header *header, enum header_copy copy,
                                      struct newcomer *newcomer, struct coffer_error *error)
{
    const struct copies *copies = header->copies;
    uint8_t block[HEADER_BLOCK_SIZE], digest[HEADER_DIGEST_SIZE];
    storage_forget(header->storage, copies->offset[copy], sizeof(block));
    int result = storage_read(header->storage, block, sizeof(block), copies->offset[copy]);
    if (result != 0) {
        return error_set_system(error, -result, "cannot read the new header back");
    }
    header_slot_digest(block, newcomer->slot, digest);
    if (slot_unwrap(block, newcomer->slot, newcomer->kek[copy], newcomer->salt[copy], copies->volume,
                    newcomer->master) != SLOT_OPEN ||
        !header_open_body(block, &newcomer->body, newcomer->master, copy, copies->volume) ||
        !crypto_equal(digest, header_listed_digest(&newcomer->body, copy, newcomer->slot), sizeof(digest))) {
        return error_set(error, COFFER_FAILED, EIO, "the new header does not read back as it was written");
    }
    return COFFER_OK;
}

static enum coffer_status verify_both(const struct coffer_header *header, struct newcomer *newcomer,
                                      struct coffer_error *error)
{
    enum coffer_status status = verify_copy(header, HEADER_FRONT, newcomer, error);
    return status == COFFER_OK ? verify_copy(header, HEADER_TAIL, newcomer, error) : status;
}

static unsigned first_empty(const struct copies *copies)
{
    struct header_slot_record record;
    for (unsigned slot = 0; slot < HEADER_SLOTS; slot++) {
        header_get_slot(&copies->body, slot, &record);
        if (record.kind == CREDENTIAL_EMPTY) {
            return slot;
        }
    }
    return HEADER_SLOTS;
}

static void clear_slot(struct copies *next, void *user)
{
    copies_clear_slot(next, *(const unsigned *)user);
}

/* Derives the newcomer's keys; refuses a secret that opens something already. */
static enum coffer_status prepare(struct coffer_header *header, const struct coffer_credential *secret,
                                  struct newcomer *newcomer, struct coffer_error *error)
{
    struct unlock_image *image __attribute__((cleanup(free_image))) = unlock_read(header->storage);
    if (image == NULL) {
        return error_set_no_memory(error);
    }
    newcomer->record.kind = (uint8_t)credential_kind(secret);
    enum coffer_status status = derive_both(header->copies, secret, newcomer, error);
    return status == COFFER_OK ? refuse_known(image, header->copies, newcomer, error) : status;
}

/* Puts a prepared secret into an empty slot; one that does not read back is taken out again. */
static enum coffer_status admit(struct coffer_header *header, struct newcomer *newcomer,
                                struct coffer_error *error)
{
    enum coffer_status status = copies_update(header->copies, put_into_both, newcomer, error);
    if (status != COFFER_OK) {
        return status;
    }
    status = verify_both(header, newcomer, error);
    if (status != COFFER_OK) {
        (void)copies_update(header->copies, clear_slot, &newcomer->slot, NULL);
    }
    return status;
}

enum coffer_status coffer_header_add_key(struct coffer_header *header, const struct coffer_credential *secret,
                                         const char *name, unsigned *slot, struct coffer_error *error)
{
    struct newcomer *newcomer __attribute__((cleanup(free_newcomer))) = crypto_secret_alloc(sizeof(*newcomer));
    if (newcomer == NULL) {
        return error_set_no_memory(error);
    }
    if (name != NULL && strlen(name) > HEADER_NAME_SIZE) {
        return error_set(error, COFFER_INVALID, 0, "the name of a key slot has at most %u bytes",
                         HEADER_NAME_SIZE);
    }
    newcomer->slot = first_empty(header->copies);
    if (newcomer->slot == HEADER_SLOTS) {
        return error_set(error, COFFER_INVALID, 0, "all %u key slots are in use", HEADER_SLOTS);
    }
    if (name != NULL) {
        memcpy(newcomer->record.name, name, strlen(name));
    }
    enum coffer_status status = prepare(header, secret, newcomer, error);
    if (status == COFFER_OK) {
        status = admit(header, newcomer, error);
    }
    if (status == COFFER_OK) {
        *slot = newcomer->slot;
    }
    return status;
}

/* ---- removing and changing ---- */

/* Whether a secret can still come in through this slot: an addition that was cut short can leave a record whose
 * bytes are listed nowhere. */
static bool is_way_in(const struct copies *copies, unsigned slot)
{
    struct header_slot_record record;
    header_get_slot(&copies->body, slot, &record);
    return record.kind != CREDENTIAL_EMPTY &&
           (copies_slot_is_listed(copies, HEADER_FRONT, slot) || copies_slot_is_listed(copies, HEADER_TAIL, slot));
}

enum coffer_status coffer_header_remove_key(struct coffer_header *header, unsigned slot, bool last,
                                            struct coffer_error *error)
{
    struct header_slot_record record = { .kind = CREDENTIAL_EMPTY };
    unsigned others = 0;
    for (unsigned i = 0; i < HEADER_SLOTS; i++) {
        others += i != slot && is_way_in(header->copies, i);
    }
    if (slot < HEADER_SLOTS) {
        header_get_slot(&header->copies->body, slot, &record);
    }
    if (record.kind == CREDENTIAL_EMPTY) {
        return error_set(error, COFFER_INVALID, 0, "key slot %u is empty", slot);
    }
    if (others == 0 && !last) {
        return error_set(error, COFFER_INVALID, 0, "it is the last key slot: nothing would open the volume again");
    }
    return copies_update(header->copies, clear_slot, &slot, error);
}

/* All slots are full: the new secret goes into one copy, is verified there, and only then replaces the old one in
 * the other. In between either opens; with one update for both, a torn write could leave neither. */
static enum coffer_status change_in_place(struct coffer_header *header, struct newcomer *newcomer,
                                          struct coffer_error *error)
{
    struct copies *copies = header->copies;
    if (!copies->good[HEADER_FRONT] || !copies->good[HEADER_TAIL]) {
        return error_set(error, COFFER_DAMAGED, 0, "one header copy is damaged, and no key slot is empty");
    }
    /* First the copy that the present secret does not open, where a former change was cut short. */
    bool opens_front = copies->kek_known[HEADER_FRONT] &&
                       slot_unwrap(copies->block[HEADER_FRONT], newcomer->slot, copies->kek[HEADER_FRONT],
                                   header_listed_salt(&copies->body, HEADER_FRONT), copies->volume,
                                   newcomer->master) == SLOT_OPEN;
    enum header_copy first = opens_front ? HEADER_TAIL : HEADER_FRONT;
    enum header_copy second = opens_front ? HEADER_FRONT : HEADER_TAIL;
    copies_edit_fn *const put[] = { [HEADER_FRONT] = put_into_front, [HEADER_TAIL] = put_into_tail };
    copies_write_last(copies, second);
    enum coffer_status status = copies_update(copies, put[first], newcomer, error);
    if (status == COFFER_OK) {
        status = verify_copy(header, first, newcomer, error);
    }
    if (status != COFFER_OK) {
        return status;
    }
    copies_write_last(copies, first);
    return copies_update(copies, put[second], newcomer, error);
}

enum coffer_status coffer_header_change_key(struct coffer_header *header, const struct coffer_credential *secret,
                                            unsigned *slot, struct coffer_error *error)
{
    struct newcomer *newcomer __attribute__((cleanup(free_newcomer))) = crypto_secret_alloc(sizeof(*newcomer));
    if (newcomer == NULL) {
        return error_set_no_memory(error);
    }
    unsigned old = header->copies->slot;
    header_get_slot(&header->copies->body, old, &newcomer->record); /* its name stays */
    if (newcomer->record.kind == CREDENTIAL_EMPTY) {
        return error_set(error, COFFER_INVALID, 0, "the key that opened the header has been removed");
    }
    newcomer->slot = first_empty(header->copies);
    bool in_place = newcomer->slot == HEADER_SLOTS;
    newcomer->slot = in_place ? old : newcomer->slot;
    enum coffer_status status = prepare(header, secret, newcomer, error);
    if (status == COFFER_OK) {
        status = in_place ? change_in_place(header, newcomer, error) : admit(header, newcomer, error);
    }
    if (status == COFFER_OK && !in_place) {
        header->copies->slot = newcomer->slot;
        status = copies_update(header->copies, clear_slot, &old, error);
    }
    if (status == COFFER_OK) {
        *slot = newcomer->slot;
    }
    return status;
}
