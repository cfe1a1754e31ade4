/* SPDX-License-Identifier: ISC */
/*
 * fill.c - writes over or looks at long ranges of the medium, with progress and a way to stop.
 */
#include "fill.h"

#include <stdlib.h>
#include <string.h>

#include "crypto.h"
#include "error.h"
#include "scope.h"

#define PIECE (1u << 20)

/* What is done with one piece at `offset` bytes from the start of the range. */
struct work {
    const char *what;
    enum coffer_status (*piece)(struct storage *storage, void *with, uint8_t *data, size_t size, uint64_t at,
                                uint64_t offset, struct coffer_error *error);
    void *with;
};

static enum coffer_status over_range(struct storage *storage, uint64_t start, uint64_t end,
                                     const struct work *work, const struct coffer_callbacks *callbacks,
                                     struct coffer_error *error)
{
    uint8_t *data __attribute__((cleanup(free_bytes))) = malloc(PIECE);
    if (data == NULL) {
        return error_set_no_memory(error);
    }
    for (uint64_t at = start; at < end;) {
        size_t size = end - at < PIECE ? (size_t)(end - at) : PIECE;
        enum coffer_status status = work->piece(storage, work->with, data, size, at, at - start, error);
        if (status != COFFER_OK) {
            return status;
        }
        at += size;
        if (callbacks != NULL && callbacks->progress != NULL &&
            !callbacks->progress(callbacks->user, work->what, at - start, end - start)) {
            return error_set(error, COFFER_INTERRUPTED, 0, "stopped");
        }
    }
    return COFFER_OK;
}

static enum coffer_status put(struct storage *storage, const uint8_t *data, size_t size, uint64_t at,
                              struct coffer_error *error)
{
    int result = storage_write(storage, data, size, at);
    return result == 0 ? COFFER_OK : error_set_system(error, -result, "cannot write the volume");
}

static enum coffer_status put_noise(struct storage *storage, void *with, uint8_t *data, size_t size, uint64_t at,
                                    uint64_t offset, struct coffer_error *error)
{
    (void)offset;
    crypto_noise_next(with, data, size);
    return put(storage, data, size, at, error);
}

enum coffer_status fill_with_noise(struct storage *storage, uint64_t start, uint64_t end,
                                   struct coffer_error *error)
{
    struct crypto_noise *noise = crypto_noise_begin();
    if (noise == NULL) {
        return error_set_no_memory(error);
    }
    struct work work = { "header", put_noise, noise };
    enum coffer_status status = over_range(storage, start, end, &work, NULL, error);
    crypto_noise_end(noise);
    return status;
}

static enum coffer_status put_sectors(struct storage *storage, void *with, uint8_t *data, size_t size, uint64_t at,
                                      uint64_t offset, struct coffer_error *error)
{
    memset(data, 0, size);
    crypto_sector_encrypt(with, offset / 512, data, data, size);
    return put(storage, data, size, at, error);
}

enum coffer_status fill_with_sectors(struct storage *storage, uint64_t start, uint64_t end,
                                     const struct coffer_callbacks *callbacks, struct coffer_error *error)
{
    /* Never the volume's own key: what it will write over this must not be seen to differ from it. */
    struct crypto_sector *sector;
    uint8_t key[CRYPTO_SECTOR_KEY_SIZE];
    crypto_random(key, sizeof(key));
    int result = crypto_sector_new(&sector, key, 4096);
    crypto_wipe(key, sizeof(key));
    if (result != 0) {
        return error_set_system(error, -result, "cannot prepare the cipher");
    }
    struct work work = { "fill", put_sectors, sector };
    enum coffer_status status = over_range(storage, start, end, &work, callbacks, error);
    crypto_sector_free(sector);
    return status;
}

static enum coffer_status look_for_zeros(struct storage *storage, void *with, uint8_t *data, size_t size,
                                         uint64_t at, uint64_t offset, struct coffer_error *error)
{
    (void)with;
    (void)offset;
    int result = storage_read(storage, data, size, at);
    if (result != 0) {
        return error_set_system(error, -result, "cannot read the device");
    }
    if (data[0] != 0 || memcmp(data, data + 1, size - 1) != 0) {
        return error_set(error, COFFER_INVALID, 0, "the device does not read as zeros: it cannot be thin");
    }
    return COFFER_OK;
}

enum coffer_status fill_check_zero(struct storage *storage, uint64_t start, uint64_t end,
                                   const struct coffer_callbacks *callbacks, struct coffer_error *error)
{
    struct work work = { "check for zeros", look_for_zeros, NULL };
    return over_range(storage, start, end, &work, callbacks, error);
}
