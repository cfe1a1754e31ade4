/* SPDX-License-Identifier: ISC */
/*
 * fuzz_freeotfe.c - the details of a critical data block of FreeOTFE, written by whoever holds the passphrase. Input: the
 * number of the cipher, then the details. What is called usable makes sectors, or keys that are refused.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "freeotfe_cdb.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void open_sectors(const struct freeotfe_cipher *cipher, const struct freeotfe_cdb *cdb)
{
    struct crypto_sector_spec spec;
    struct crypto_sector *sector;
    uint8_t unit[512] = { 0 };
    freeotfe_cipher_of_volume(cipher, CRYPTO_SHA256, cdb->iv, cdb->volume_iv, cdb->key, &spec);
    int failed = crypto_sector_new_spec(&sector, &spec);
    if (failed == -EINVAL) { /* two halves alike, a weak key of DES */
        return;
    }
    if (failed) {
        abort();
    }
    crypto_sector_decrypt(sector, 1, unit, unit, sizeof(unit));
    crypto_sector_free(sector);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct freeotfe_plain plain = { .size = 0 };
    struct freeotfe_cdb cdb;
    const struct freeotfe_cipher *cipher = size > 0 ? freeotfe_cipher_at(data[0]) : NULL;
    if (crypto_init() != 0 || cipher == NULL) {
        return 0;
    }
    plain.size = size - 1 < sizeof(plain.details) ? size - 1 : sizeof(plain.details);
    memcpy(plain.details, data + 1, plain.size);
    if (freeotfe_cdb_decode(&plain, cipher, &cdb) != FREEOTFE_USABLE) {
        return 0;
    }
    if (cdb.format < FREEOTFE_FORMAT_FIRST || cdb.format > FREEOTFE_FORMAT_LAST || cdb.iv >= FREEOTFE_IVS ||
        cdb.size == 0 || cdb.size % 512 != 0) {
        abort();
    }
    open_sectors(cipher, &cdb);
    return 0;
}
