/* SPDX-License-Identifier: ISC */
/*
 * Critical data blocks. The first format has a digest of the details as its check value, right before them; later ones
 * have an HMAC under the key that decrypts the block, in a field of 64 bytes. Integers are big-endian.
 */
#include "freeotfe_cdb.h"

#include <errno.h>
#include <string.h>

#include "bytes.h"

#define MAC_FIELD 64
#define UNIT      512

/* Bits of the flags; the first formats say with two of them how IVs are made. */
#define FLAG_OLD_NUMBER 1u
#define FLAG_FROM_START 2u
#define FLAG_OLD_DIGEST 8u

#define OLD_FLAGS_AT 9 /* where the programs that wrote the first format read the flags from: in the size */

/* ---- decrypting ---- */

struct work {
    struct crypto_sector_spec spec;
    uint8_t unit[UNIT]; /* zeros where the block ends before the unit does */
    uint8_t check[CRYPTO_DIGEST_MAX];
};

int freeotfe_cdb_old_key(enum crypto_digest digest, const uint8_t *passphrase, size_t passphrase_size,
                         const uint8_t *salt, size_t salt_size, uint8_t key[FREEOTFE_KEY_MAX])
{
    uint8_t *joined = crypto_secret_alloc(passphrase_size + salt_size);
    if (joined == NULL) {
        return -ENOMEM;
    }
    memcpy(joined, passphrase, passphrase_size);
    memcpy(joined + passphrase_size, salt, salt_size);
    memset(key, 0, FREEOTFE_KEY_MAX);
    crypto_digest(digest, key, joined, passphrase_size + salt_size);
    crypto_secret_free(joined);
    return 0;
}

static int check_value(struct work *work, bool is_old, enum crypto_digest digest,
                       const struct freeotfe_cipher *cipher, const uint8_t *key, const uint8_t *details,
                       size_t size)
{
    if (is_old) {
        crypto_digest(digest, work->check, details, size);
        return 0;
    }
    return crypto_hmac(digest, work->check, key, cipher->key_size, details, size);
}

static int open_with(struct work *work, const uint8_t *encrypted, size_t size, bool is_old,
                     enum crypto_digest digest, const struct freeotfe_cipher *cipher, const uint8_t *key,
                     struct freeotfe_plain *plain)
{
    struct crypto_sector *sector;
    freeotfe_cipher_of_cdb(cipher, key, &work->spec);
    int failed = crypto_sector_new_spec(&sector, &work->spec);
    if (failed) {
        return failed;
    }
    memcpy(work->unit, encrypted, size);
    crypto_sector_decrypt(sector, 0, work->unit, work->unit, UNIT);
    crypto_sector_free(sector);
    size_t check_size = crypto_digest_size(digest);
    size_t begin = is_old ? check_size : MAC_FIELD;
    failed = check_value(work, is_old, digest, cipher, key, work->unit + begin, size - begin);
    if (failed) {
        return failed;
    }
    if (!crypto_equal(work->check, work->unit, check_size)) {
        return -EBADMSG;
    }
    plain->size = size - begin;
    memcpy(plain->details, work->unit + begin, plain->size);
    return 0;
}

int freeotfe_cdb_open(const uint8_t raw[FREEOTFE_CDB_SIZE], size_t salt_size, bool is_old,
                      enum crypto_digest digest, const struct freeotfe_cipher *cipher, const uint8_t *key,
                      struct freeotfe_plain *plain)
{
    struct work *work = crypto_secret_alloc(sizeof(*work));
    size_t size = FREEOTFE_CDB_SIZE - salt_size;
    if (work == NULL) {
        return -ENOMEM;
    }
    size -= size % crypto_cipher_block(cipher->cipher);
    int failed = open_with(work, raw + salt_size, size, is_old, digest, cipher, key, plain);
    crypto_secret_free(work);
    return failed;
}

/* ---- reading ---- */

/* A cursor over the details; what lies beyond their end reads as zero, and leaves `beyond`. */
struct cursor {
    struct bytes view;
    size_t at;
    bool beyond;
};

static const uint8_t *take(struct cursor *cursor, size_t size)
{
    static const uint8_t zeros[FREEOTFE_KEY_MAX];
    if (size > sizeof(zeros) || !bytes_has(cursor->view, cursor->at, size)) {
        cursor->beyond = true;
        return zeros;
    }
    cursor->at += size;
    return bytes_at(cursor->view, cursor->at - size, size);
}

static uint64_t take_number(struct cursor *cursor, size_t size)
{
    const uint8_t *data = take(cursor, size);
    uint64_t value = 0;
    for (size_t i = 0; i < size; i++) {
        value = value << 8 | data[i];
    }
    return value;
}

/* A length in bits, then so many bytes, which have to be `size`, or where that is allowed none. */
static bool take_field(struct cursor *cursor, uint8_t *out, size_t size, bool may_be_empty)
{
    uint64_t bits = take_number(cursor, 4);
    if (bits != (uint64_t)size * 8) {
        return bits == 0 && may_be_empty;
    }
    memcpy(out, take(cursor, size), size);
    return true;
}

static enum freeotfe_iv iv_of_flags(uint32_t flags)
{
    switch (flags & (FLAG_OLD_NUMBER | FLAG_OLD_DIGEST)) {
    case 0:
        return FREEOTFE_IV_NULL;
    case FLAG_OLD_NUMBER:
        return FREEOTFE_IV_NUMBER64;
    case FLAG_OLD_NUMBER | FLAG_OLD_DIGEST:
        return FREEOTFE_IV_DIGEST64;
    default:
        return FREEOTFE_IVS;
    }
}

static enum freeotfe_verdict decode(struct cursor *cursor, const struct freeotfe_cipher *cipher,
                                    struct freeotfe_cdb *cdb)
{
    cdb->format = (unsigned)take_number(cursor, 1);
    if (cdb->format < FREEOTFE_FORMAT_FIRST || cdb->format > FREEOTFE_FORMAT_LAST) {
        return cdb->format > FREEOTFE_FORMAT_LAST ? FREEOTFE_TOO_NEW : FREEOTFE_DAMAGED;
    }
    uint32_t flags = (uint32_t)take_number(cursor, 4);
    cdb->size = take_number(cursor, 8);
    bool fits = take_field(cursor, cdb->key, cipher->key_size, false);
    (void)take(cursor, 1); /* the letter of a drive */
    if (cdb->format == 1) {
        flags = bytes_get_u8(cursor->view, OLD_FLAGS_AT);
    } else if (fits) {
        fits = take_field(cursor, cdb->volume_iv, crypto_cipher_block(cipher->cipher), true);
    }
    uint64_t iv = cdb->format < 3 ? iv_of_flags(flags) : take_number(cursor, 1);
    if (!fits || cursor->beyond || cdb->size == 0 || cdb->size % UNIT != 0 || cdb->size > INT64_MAX) {
        return FREEOTFE_DAMAGED;
    }
    if (iv >= FREEOTFE_IVS) {
        return FREEOTFE_UNKNOWN_IV;
    }
    cdb->iv = (enum freeotfe_iv)iv;
    cdb->from_start = (flags & FLAG_FROM_START) != 0;
    return FREEOTFE_USABLE;
}

enum freeotfe_verdict freeotfe_cdb_decode(const struct freeotfe_plain *plain, const struct freeotfe_cipher *cipher,
                                          struct freeotfe_cdb *cdb)
{
    struct cursor cursor = { .view = { (uint8_t *)(uintptr_t)plain->details, plain->size } };
    memset(cdb, 0, sizeof(*cdb));
    return plain->size > OLD_FLAGS_AT ? decode(&cursor, cipher, cdb) : FREEOTFE_DAMAGED;
}
