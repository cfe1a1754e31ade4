/* SPDX-License-Identifier: ISC */
/*
 * format_freeotfe.c - opens volumes of FreeOTFE and of LibreCrypt, its successor. They have no magic: a critical
 * data block looks like noise, and only a secret shows what it is. It lies before the data, or in a file of its
 * own, a "keyfile". It is read and never written.
 */
#include "format_freeotfe.h"

#include <stdio.h>
#include <string.h>

#include "credential.h"
#include "error.h"
#include "freeotfe_search.h"
#include "scope.h"

#define UNIT               512
#define DEFAULT_SALT_BITS  256
#define DEFAULT_ITERATIONS 2048

/* Everything that is secret while a volume is opened. */
struct attempt {
    struct freeotfe_input input;
    struct freeotfe_found found;
    struct freeotfe_cdb cdb;
};

static void free_attempt(struct attempt **attempt)
{
    crypto_secret_free(*attempt);
}

bool format_freeotfe_is_named(const struct coffer_open_options *options)
{
    return options->salt_bits >= 0 || options->iterations != 0 || options->offset >= 0;
}

bool format_freeotfe_fits(const struct coffer_credential *credential)
{
    return credential_kind(credential) == CREDENTIAL_PASSPHRASE;
}

/* ---- what to try ---- */

/* With at least so much behind it. */
static enum coffer_status read_block(struct storage *storage, uint64_t offset, uint64_t data,
                                     uint8_t raw[FREEOTFE_CDB_SIZE], struct coffer_error *error)
{
    if (offset > storage->size || FREEOTFE_CDB_SIZE + data > storage->size - offset) {
        return error_set(error, COFFER_NOT_FOUND, 0, "it is too small for a volume of FreeOTFE");
    }
    int failed = storage_read(storage, raw, FREEOTFE_CDB_SIZE, offset);
    return failed ? error_set_system(error, -failed, "cannot read the critical data block") : COFFER_OK;
}

static enum coffer_status read_header(const struct coffer_open_options *options, uint8_t raw[FREEOTFE_CDB_SIZE],
                                      struct coffer_error *error)
{
    struct storage *storage __attribute__((cleanup(close_storage))) = NULL;
    enum coffer_status status =
        storage_open(options->header, -1, true, STORAGE_UNLOCKED, &options->callbacks, &storage, error);
    return status == COFFER_OK ? read_block(storage, 0, 0, raw, error) : status;
}

static enum coffer_status prepare(struct storage *storage, const struct coffer_credential *credential,
                                  const struct coffer_open_options *options, struct freeotfe_input *input,
                                  struct coffer_error *error)
{
    int salt_bits = options->salt_bits >= 0 ? options->salt_bits : DEFAULT_SALT_BITS;
    if (!format_freeotfe_fits(credential)) {
        return error_set(error, COFFER_INVALID, 0,
                         "FreeOTFE takes a passphrase alone; what it calls a keyfile is a header");
    }
    if (salt_bits > FREEOTFE_SALT_MAX * 8 || salt_bits % 8 != 0) {
        return error_set(error, COFFER_INVALID, 0, "the salt has at most %d bits, whole bytes of them",
                         FREEOTFE_SALT_MAX * 8);
    }
    if (options->offset > 0 && options->offset % UNIT != 0) {
        return error_set(error, COFFER_INVALID, 0, "a volume begins at a multiple of %d bytes", UNIT);
    }
    input->passphrase_size = credential_passphrase(credential, &input->passphrase);
    input->salt_size = (size_t)salt_bits / 8;
    input->iterations = options->iterations != 0 ? options->iterations : DEFAULT_ITERATIONS;
    input->hash = options->hash;
    return options->header != NULL
               ? read_header(options, input->raw, error)
               : read_block(storage, options->offset > 0 ? (uint64_t)options->offset : 0, UNIT, input->raw, error);
}

/* ---- what was found ---- */

static enum coffer_status judge(struct attempt *attempt, struct coffer_error *error)
{
    switch (freeotfe_cdb_decode(&attempt->found.plain, attempt->found.cipher, &attempt->cdb)) {
    case FREEOTFE_USABLE:
        return COFFER_OK;
    case FREEOTFE_TOO_NEW:
        return error_set(error, COFFER_UNSUPPORTED, 0, "its critical data block has format %u, which is not known",
                         attempt->cdb.format);
    case FREEOTFE_UNKNOWN_IV:
        return error_set(error, COFFER_UNSUPPORTED, 0, "its IVs are made in a way that is not known");
    case FREEOTFE_DAMAGED:
        break;
    }
    return error_set(error, COFFER_DAMAGED, 0, "its critical data block says what cannot be");
}

/* Behind the block. With the block in a file of its own nothing says where the data begins: where there is no room
 * for a block before it, at the start; else behind the volume's own block, unless it is said. */
static uint64_t data_offset(const struct storage *storage, const struct coffer_open_options *options,
                            uint64_t size)
{
    uint64_t begin = options->offset > 0 ? (uint64_t)options->offset : 0;
    bool has_block = storage->size >= FREEOTFE_CDB_SIZE && storage->size - FREEOTFE_CDB_SIZE >= size;
    if (options->header == NULL || (options->offset < 0 && has_block)) {
        begin += FREEOTFE_CDB_SIZE;
    }
    return begin;
}

static enum coffer_status place(const struct storage *storage, const struct coffer_open_options *options,
                                const struct freeotfe_cdb *cdb, struct format_opened *opened,
                                struct coffer_error *error)
{
    uint64_t offset = data_offset(storage, options, cdb->size);
    if (offset > storage->size || cdb->size > storage->size - offset) {
        return error_set(error, COFFER_DAMAGED, 0, "its data lies beyond the end, the volume was cut short");
    }
    opened->sector_size = UNIT;
    format_opened_place(opened, cdb->size, offset, cdb->from_start ? offset / UNIT : 0);
    return COFFER_OK;
}

static void describe(const struct attempt *attempt, struct format_opened *opened)
{
    const struct freeotfe_found *found = &attempt->found;
    const struct freeotfe_cdb *cdb = &attempt->cdb;
    struct coffer_info *info = &opened->info;
    bool has_volume_iv = !crypto_is_zero(cdb->volume_iv, sizeof(cdb->volume_iv));
    freeotfe_cipher_of_volume(found->cipher, found->digest->digest, cdb->iv, cdb->volume_iv, cdb->key,
                              &opened->sectors);
    info->format = FORMAT_FREEOTFE.name;
    info->version = cdb->format;
    info->unlocked = true;
    info->sector_size = opened->sector_size;
    info->data_size = opened->data_size;
    info->data_offset = opened->segment[0].storage_offset;
    info->iv_base = opened->segment[0].tweak;
    info->kdf_iterations = found->is_old ? 1 : attempt->input.iterations;
    (void)snprintf(info->kdf, sizeof(info->kdf), "%s%s", found->is_old ? "" : "pbkdf2-", found->digest->name);
    freeotfe_cipher_describe(found->cipher, found->digest->name, cdb->iv, has_volume_iv, info->cipher);
}

static enum coffer_status freeotfe_open(struct storage *storage, const struct coffer_credential *credential,
                                        const struct coffer_open_options *options, struct format_opened *opened,
                                        struct coffer_error *error)
{
    struct attempt *attempt __attribute__((cleanup(free_attempt))) = crypto_secret_alloc(sizeof(*attempt));
    if (attempt == NULL) {
        return error_set_no_memory(error);
    }
    enum coffer_status status = prepare(storage, credential, options, &attempt->input, error);
    status = status ? status : freeotfe_search(&attempt->input, &options->callbacks, &attempt->found, error);
    if (status != COFFER_OK) {
        return status;
    }
    opened->info.unlocked = true;
    status = judge(attempt, error);
    status = status ? status : place(storage, options, &attempt->cdb, opened, error);
    if (status == COFFER_OK) {
        describe(attempt, opened);
    }
    return status;
}

const struct format FORMAT_FREEOTFE = {
    .name = "freeotfe",
    .open = freeotfe_open,
};
