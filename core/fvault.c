/* SPDX-License-Identifier: ISC */
/*
 * fvault.c - finds the metadata of a CoreStorage volume: a header at either end names up to four labels, each of which
 * names two copies of the encrypted metadata, whose key is in the header. These are a log of blocks up to one of
 * zeros.
 */
#include "fvault.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "crypto.h"
#include "error.h"

#define HEADER_SIZE 512
#define BLOCKS_MAX  16384 /* 128 MiB of metadata; what Apple makes has 50 */

/* Offsets in a label, and from where it says that its descriptor is. */
enum {
    TYPE = 10,
    LABEL_DESCRIPTOR = 220,
    DESCRIPTOR_COUNT = 8,
    DESCRIPTOR_COPIES = 32,
    DESCRIPTOR_SIZE = 48,
};

#define TYPE_LABEL 0x0011

/* Secret memory only because the engine wants its spec there. */
struct work {
    struct crypto_sector_spec spec;
    uint8_t block[FVAULT_BLOCK_SIZE];
};

static void free_work(struct work **work)
{
    crypto_secret_free(*work);
}

static void free_sector(struct crypto_sector **sector)
{
    crypto_sector_free(*sector);
}

/* ---- headers ---- */

/* The one at the start (0) or at the end (1). */
static bool read_one_header(struct storage *storage, unsigned which, struct fvault *fvault)
{
    uint8_t data[HEADER_SIZE];
    struct bytes view = { data, sizeof(data) };
    if (storage->size < sizeof(data)) {
        return false;
    }
    uint64_t offset = which == 0 ? 0 : storage->size / HEADER_SIZE * HEADER_SIZE - HEADER_SIZE;
    return storage_read(storage, data, sizeof(data), offset) == 0 && fvault_parse_header(view, fvault);
}

/* At the start, and where that is damaged at the end. */
static bool read_header(struct storage *storage, struct fvault *fvault)
{
    return read_one_header(storage, 0, fvault) || read_one_header(storage, 1, fvault);
}

bool fvault_find(struct storage *storage)
{
    struct fvault fvault = { .block_size = 0 };
    return read_header(storage, &fvault);
}

/* ---- blocks ---- */

/* The byte offset of block `number`, when `size` bytes from there on are in the store. */
static bool place_block(const struct storage *storage, const struct fvault *fvault, uint64_t number, uint64_t size,
                        uint64_t *offset)
{
    return !__builtin_mul_overflow(number, fvault->block_size, offset) && *offset <= storage->size &&
           size <= storage->size - *offset;
}

/* Decrypts and takes one log of blocks. What is not whole, wiped or left over from an older log, is passed over. */
static int read_log(struct storage *storage, struct crypto_sector *sector, uint64_t offset, uint64_t count,
                    uint8_t *block, struct fvault *fvault)
{
    static const uint8_t zeros[FVAULT_BLOCK_SIZE];
    struct bytes view = { block, FVAULT_BLOCK_SIZE };
    for (uint64_t i = 0; i < count; i++) {
        int failed = storage_read(storage, block, FVAULT_BLOCK_SIZE, offset + i * FVAULT_BLOCK_SIZE);
        if (failed || memcmp(block, zeros, sizeof(zeros)) == 0) {
            return failed;
        }
        crypto_sector_decrypt(sector, i * (FVAULT_BLOCK_SIZE / 512), block, block, FVAULT_BLOCK_SIZE);
        (void)fvault_parse_block(view, fvault);
    }
    return 0;
}

static bool is_complete(const struct fvault *fvault)
{
    return fvault->volume.found && fvault->context.found && (fvault->map.found || fvault->refused[0] != '\0');
}

/* Where a log of blocks is. */
struct log {
    uint64_t offset[FVAULT_COPIES]; /* of its copies; 0: there is none */
    uint64_t count;                 /* blocks */
};

/* The log that the label at block `start` names; all 0 where there is no good label. */
static int read_label(struct storage *storage, const struct fvault *fvault, uint64_t start, uint8_t *block,
                      struct log *log)
{
    struct bytes label = { block, FVAULT_BLOCK_SIZE }, descriptor = { block, DESCRIPTOR_SIZE };
    uint64_t offset;
    *log = (struct log){ .count = 0 };
    if (!place_block(storage, fvault, start, fvault->metadata_size, &offset) ||
        fvault->metadata_size < FVAULT_BLOCK_SIZE) {
        return 0;
    }
    int failed = storage_read(storage, block, FVAULT_BLOCK_SIZE, offset);
    if (failed || bytes_get_le16(label, TYPE) != TYPE_LABEL || !fvault_is_whole(label)) {
        return failed;
    }
    uint32_t at = bytes_get_le32(label, LABEL_DESCRIPTOR);
    if (at > fvault->metadata_size - DESCRIPTOR_SIZE) {
        return 0;
    }
    failed = storage_read(storage, block, DESCRIPTOR_SIZE, offset + at);
    uint64_t count = bytes_get_le64(descriptor, DESCRIPTOR_COUNT);
    log->count = count < BLOCKS_MAX ? count : BLOCKS_MAX;
    for (unsigned i = 0; i < FVAULT_COPIES && !failed; i++) {
        uint64_t copy = bytes_get_le64(descriptor, DESCRIPTOR_COPIES + 8 * (size_t)i);
        if (copy != 0 && place_block(storage, fvault, copy, log->count * FVAULT_BLOCK_SIZE, &offset)) {
            log->offset[i] = offset;
        }
    }
    return failed;
}

/* ---- all of it ---- */

static enum coffer_status damaged(struct coffer_error *error, const char *what)
{
    return error_set(error, COFFER_DAMAGED, 0, "its FileVault metadata is damaged: %s", what);
}

/* What reads metadata under the key of the header. */
static enum coffer_status prepare(const struct fvault *fvault, struct work *work, struct crypto_sector **sector,
                                  struct coffer_error *error)
{
    work->spec = (struct crypto_sector_spec){
        .layer = { { CRYPTO_AES, sizeof(fvault->metadata_key) } },
        .layers = 1,
        .mode = CRYPTO_XTS,
        .iv = CRYPTO_IV_PLAIN64,
        .sector_size = FVAULT_BLOCK_SIZE,
        .iv_unit = FVAULT_BLOCK_SIZE,
        .key_size = sizeof(fvault->metadata_key),
    };
    memcpy(work->spec.key, fvault->metadata_key, sizeof(fvault->metadata_key));
    int failed = crypto_sector_new_spec(sector, &work->spec);
    if (failed) {
        return failed == -ENOMEM ? error_set_no_memory(error) : damaged(error, "the key of it cannot be");
    }
    return COFFER_OK;
}

/* The first copy that is complete; what one has lost, the next may have. */
static enum coffer_status read_metadata(struct storage *storage, struct fvault *fvault, struct coffer_error *error)
{
    struct work *work __attribute__((cleanup(free_work))) = crypto_secret_alloc(sizeof(*work));
    struct crypto_sector *sector __attribute__((cleanup(free_sector))) = NULL;
    struct log log;
    if (work == NULL) {
        return error_set_no_memory(error);
    }
    enum coffer_status status = prepare(fvault, work, &sector, error);
    if (status != COFFER_OK) {
        return status;
    }
    int failed = 0;
    for (unsigned i = 0; i < FVAULT_LABELS && !failed; i++) {
        failed = read_label(storage, fvault, fvault->label[i], work->block, &log);
        for (unsigned copy = 0; copy < FVAULT_COPIES && !failed && !is_complete(fvault); copy++) {
            if (log.offset[copy] != 0) {
                failed = read_log(storage, sector, log.offset[copy], log.count, work->block, fvault);
            }
        }
    }
    return failed ? error_set_system(error, -failed, "cannot read the metadata") : COFFER_OK;
}

enum coffer_status fvault_read(struct storage *storage, struct fvault *fvault, struct coffer_error *error)
{
    memset(fvault, 0, sizeof(*fvault));
    if (!read_header(storage, fvault)) {
        return error_set(error, COFFER_NOT_FOUND, 0, "it is not a FileVault volume");
    }
    if (fvault->fault == NULL && fvault->refused[0] == '\0') {
        enum coffer_status status = read_metadata(storage, fvault, error);
        if (status != COFFER_OK) {
            return status;
        }
    }
    if (fvault->fault != NULL) {
        return damaged(error, fvault->fault);
    }
    if (fvault->refused[0] == '\0' && !is_complete(fvault)) {
        return damaged(error, "parts of it are missing");
    }
    return COFFER_OK;
}

/* ---- the condition of what is there more than once ---- */

/* Whether a copy alone would open it. */
static int look_at_copy(struct storage *storage, const struct fvault *header, struct crypto_sector *sector,
                        const struct log *log, unsigned copy, uint8_t *block, bool *is_whole)
{
    struct fvault *alone = malloc(sizeof(*alone));
    if (alone == NULL) {
        return -ENOMEM;
    }
    *alone = *header;
    int failed = read_log(storage, sector, log->offset[copy], log->count, block, alone);
    *is_whole = !failed && is_complete(alone) && alone->fault == NULL;
    free(alone);
    return failed;
}

enum coffer_status fvault_check(struct storage *storage, struct fvault_condition *condition,
                                struct coffer_error *error)
{
    struct work *work __attribute__((cleanup(free_work))) = crypto_secret_alloc(sizeof(*work));
    struct crypto_sector *sector __attribute__((cleanup(free_sector))) = NULL;
    struct fvault header[2] = { { .block_size = 0 } };
    struct log log;
    memset(condition, 0, sizeof(*condition));
    for (unsigned i = 0; i < 2; i++) {
        condition->header[i] = read_one_header(storage, i, &header[i]);
    }
    const struct fvault *good = condition->header[0] ? &header[0] : &header[1];
    if (work == NULL) {
        return error_set_no_memory(error);
    }
    enum coffer_status status = prepare(good, work, &sector, error);
    int failed = 0;
    for (unsigned i = 0; i < FVAULT_LABELS && status == COFFER_OK && !failed; i++) {
        condition->label[i].is_named = good->label[i] != 0;
        failed = read_label(storage, good, good->label[i], work->block, &log);
        condition->label[i].is_whole = log.count > 0;
        for (unsigned copy = 0; copy < FVAULT_COPIES && !failed && log.offset[copy] != 0; copy++) {
            condition->label[i].has_copy[copy] = true;
            failed = look_at_copy(storage, good, sector, &log, copy, work->block, &condition->label[i].copy[copy]);
        }
    }
    return failed ? error_set_system(error, -failed, "cannot read the metadata") : status;
}
