/* SPDX-License-Identifier: ISC */
/*
 * format_tcrypt.c - opens volumes of TrueCrypt and VeraCrypt. They have no magic: only a secret shows what they are.
 * Their headers are read and never written.
 */
#include "format_tcrypt.h"

#include <stdio.h>
#include <string.h>

#include "credential.h"
#include "error.h"
#include "tcrypt_search.h"

#define HIDDEN_HEADER        65536 /* bytes from the start */
#define OLD_HIDDEN_HEADER    1536  /* bytes from the end, as the two below */
#define BACKUP_HEADER        131072
#define BACKUP_HIDDEN_HEADER 65536
#define SYSTEM_HEADER        31744 /* bytes from the start of the disk */
#define SMALLEST             (512 + 512 + OLD_HIDDEN_HEADER)

/* Everything that is secret while a volume is opened. */
struct attempt {
    struct tcrypt_input input;
    struct tcrypt_found found;
    struct tcrypt_found hidden; /* the one to protect */
};

static void free_attempt(struct attempt **attempt)
{
    crypto_secret_free(*attempt);
}

/* ---- what to try ---- */

static enum coffer_status add_place(struct storage *storage, struct tcrypt_input *input, uint64_t offset,
                                    bool old_only, struct coffer_error *error)
{
    if (offset > storage->size || TCRYPT_HEADER_SIZE > storage->size - offset) {
        return COFFER_OK; /* there is none */
    }
    int failed = storage_read(storage, input->place[input->places].raw, TCRYPT_HEADER_SIZE, offset);
    if (failed) {
        return error_set_system(error, -failed, "cannot read the header");
    }
    input->place[input->places].offset = offset;
    input->place[input->places].old_only = old_only;
    input->places++;
    return COFFER_OK;
}

/* From the end; beyond the start there is nothing. */
static enum coffer_status add_place_at_end(struct storage *storage, struct tcrypt_input *input, uint64_t distance,
                                           bool old_only, struct coffer_error *error)
{
    return distance > storage->size ? COFFER_OK
                                    : add_place(storage, input, storage->size - distance, old_only, error);
}

static enum coffer_status add_places(struct storage *storage, const struct coffer_open_options *options,
                                     bool only_hidden, struct tcrypt_input *input, struct coffer_error *error)
{
    enum coffer_status status = COFFER_OK;
    input->places = 0;
    if (options->system) {
        return add_place(storage, input, SYSTEM_HEADER, false, error);
    }
    if (options->backup_header) {
        status = only_hidden ? COFFER_OK : add_place_at_end(storage, input, BACKUP_HEADER, false, error);
        return status ? status : add_place_at_end(storage, input, BACKUP_HIDDEN_HEADER, false, error);
    }
    status = only_hidden ? COFFER_OK : add_place(storage, input, 0, false, error);
    status = status ? status : add_place(storage, input, HIDDEN_HEADER, false, error);
    return status ? status : add_place_at_end(storage, input, OLD_HIDDEN_HEADER, true, error);
}

/* Tries `credential` in all places. */
enum coffer_status format_tcrypt_find(struct storage *storage, const struct coffer_credential *credential,
                                      const struct coffer_open_options *options, struct tcrypt_kdf_choice choice,
                                      bool only_hidden, struct tcrypt_input *input, struct tcrypt_found *found,
                                      struct coffer_error *error)
{
    enum coffer_status status =
        credential_tcrypt_password(credential, input->password, &input->password_size, error);
    if (status != COFFER_OK) {
        return status;
    }
    if (input->password_size > TCRYPT_PASSWORD_SHORT_MAX && !choice.veracrypt) {
        return error_set(error, COFFER_WRONG_SECRET, 0, "a passphrase of TrueCrypt has at most %d bytes",
                         TCRYPT_PASSWORD_SHORT_MAX);
    }
    choice.truecrypt &= input->password_size <= TCRYPT_PASSWORD_SHORT_MAX;
    status = add_places(storage, options, only_hidden, input, error);
    status = status ? status : tcrypt_kdf_list(&choice, input->kdf, &input->kdfs, error);
    if (status != COFFER_OK) {
        return status;
    }
    if (input->places == 0 || storage->size < SMALLEST) {
        return error_set(error, COFFER_NOT_FOUND, 0, "it is too small for a TrueCrypt or VeraCrypt volume");
    }
    return tcrypt_search(input, &options->callbacks, found, error);
}

/* ---- what was found ---- */

static enum coffer_status place_of(const struct tcrypt_found *found, const struct storage *storage, bool is_system,
                                   struct tcrypt_place *place, struct coffer_error *error)
{
    switch (tcrypt_header_place(&found->header, is_system, storage->size, place)) {
    case TCRYPT_USABLE:
        return COFFER_OK;
    case TCRYPT_UNFINISHED:
        return error_set(error, COFFER_UNSUPPORTED, 0,
                         "encrypting it in place was not finished; let VeraCrypt finish that first");
    default:
        return error_set(error, COFFER_DAMAGED, 0, "its header says that the data lies outside of it");
    }
}

static void describe(const struct tcrypt_found *found, const struct tcrypt_place *place,
                     struct format_opened *opened)
{
    uint64_t tweak = tcrypt_cipher_first_tweak(found->cipher, place->offset);
    format_opened_place(opened, place->size, place->offset, tweak);
    opened->sector_size = 512;
    tcrypt_cipher_spec(found->cipher, found->header.keys, &opened->sectors);

    struct coffer_info *info = &opened->info;
    info->format = found->header.veracrypt ? "veracrypt" : "truecrypt";
    info->version = found->header.version;
    info->unlocked = true;
    info->hidden = found->header.hidden_size != 0;
    info->sector_size = opened->sector_size;
    info->data_size = place->size;
    info->data_offset = place->offset;
    info->iv_base = tweak;
    (void)snprintf(info->cipher, sizeof(info->cipher), "%s", found->cipher->name);
    (void)snprintf(info->kdf, sizeof(info->kdf), "%s", found->kdf.name);
    if (found->kdf.argon2id) {
        info->kdf_memory = found->kdf.memory;
        info->kdf_passes = found->kdf.iterations;
        info->kdf_lanes = 1;
    } else {
        info->kdf_iterations = found->kdf.iterations;
    }
}

/* What the hidden volume takes, for the outer one not to be written there. An old one's header is behind its data. */
static enum coffer_status protect(struct storage *storage, const struct coffer_open_options *options,
                                  struct attempt *attempt, struct format_opened *opened,
                                  struct coffer_error *error)
{
    struct tcrypt_place place;
    const struct tcrypt_kdf_choice choice = {
        .truecrypt = !attempt->found.header.veracrypt,
        .veracrypt = attempt->found.header.veracrypt,
        .hash = options->hash,
        .pim = options->pim,
    };
    if (attempt->found.header.hidden_size != 0) {
        return error_set(error, COFFER_INVALID, 0, "the first secret opens the hidden volume, not the outer one");
    }
    enum coffer_status status = format_tcrypt_find(storage, options->protect_hidden, options, choice, true,
                                                   &attempt->input, &attempt->hidden, error);
    status = status ? status : place_of(&attempt->hidden, storage, false, &place, error);
    if (status != COFFER_OK) {
        return status;
    }
    if (attempt->hidden.header.hidden_size == 0) {
        return error_set(error, COFFER_WRONG_SECRET, 0, "the second secret does not open a hidden volume");
    }
    opened->protected_start = place.offset;
    opened->protected_end = attempt->hidden.header.version <= 3 ? storage->size : place.offset + place.size;
    return COFFER_OK;
}

enum coffer_status format_tcrypt_open(struct storage *storage, const struct coffer_credential *credential,
                                      const struct coffer_open_options *options, bool truecrypt, bool veracrypt,
                                      struct format_opened *opened, struct coffer_error *error)
{
    struct tcrypt_place place;
    const struct tcrypt_kdf_choice choice = {
        .truecrypt = truecrypt,
        .veracrypt = veracrypt,
        .system = options->system,
        .hash = options->hash,
        .pim = options->pim,
    };
    struct attempt *attempt __attribute__((cleanup(free_attempt))) = crypto_secret_alloc(sizeof(*attempt));
    if (attempt == NULL) {
        return error_set_no_memory(error);
    }
    if (options->system && (options->backup_header || options->protect_hidden != NULL)) {
        return error_set(error, COFFER_INVALID, 0,
                         "a system's disk has neither a header backup nor a hidden volume");
    }
    enum coffer_status status =
        format_tcrypt_find(storage, credential, options, choice, false, &attempt->input, &attempt->found, error);
    if (status != COFFER_OK) {
        return status;
    }
    opened->info.unlocked = true;
    status = place_of(&attempt->found, storage, options->system, &place, error);
    if (status == COFFER_OK && options->protect_hidden != NULL) {
        status = protect(storage, options, attempt, opened, error);
    }
    if (status == COFFER_OK) {
        describe(&attempt->found, &place, opened);
    }
    return status;
}

static enum coffer_status open_veracrypt(struct storage *storage, const struct coffer_credential *credential,
                                         const struct coffer_open_options *options, struct format_opened *opened,
                                         struct coffer_error *error)
{
    return format_tcrypt_open(storage, credential, options, false, true, opened, error);
}

static enum coffer_status open_truecrypt(struct storage *storage, const struct coffer_credential *credential,
                                         const struct coffer_open_options *options, struct format_opened *opened,
                                         struct coffer_error *error)
{
    return format_tcrypt_open(storage, credential, options, true, false, opened, error);
}

const struct format FORMAT_VERACRYPT = {
    .name = "veracrypt",
    .protects_hidden = true,
    .open = open_veracrypt,
};

const struct format FORMAT_TRUECRYPT = {
    .name = "truecrypt",
    .protects_hidden = true,
    .open = open_truecrypt,
};
