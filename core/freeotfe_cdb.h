/* SPDX-License-Identifier: ISC */
/*
 * freeotfe_cdb.h - the critical data block of FreeOTFE and LibreCrypt: decrypting it, and what it says. Pure.
 *
 * A block is a salt, whose length only its owner knows, then what is encrypted: a check value and the volume's details.
 * Nothing tells which digest and which cipher it was: with the right ones, and the right key, the check value matches.
 */
#ifndef CORE_FREEOTFE_CDB_H
#define CORE_FREEOTFE_CDB_H

#include "freeotfe_cipher.h"

#define FREEOTFE_CDB_SIZE    512
#define FREEOTFE_SALT_MAX    64 /* bytes */
#define FREEOTFE_DETAILS_MAX FREEOTFE_CDB_SIZE
#define FREEOTFE_FORMAT_FIRST \
    1 /* the format of a block; the first one has a check value and a key of its own kind */
#define FREEOTFE_FORMAT_LAST 5

/* What is encrypted in a block, once it is not; secret memory. */
struct freeotfe_plain {
    uint8_t details[FREEOTFE_DETAILS_MAX];
    size_t size;
};

/* The passphrase and the salt in one digest, and zeros where that is shorter: the key of blocks of the first format.
 * key: FREEOTFE_KEY_MAX bytes of secret memory. 0 or -ENOMEM. */
CRYPTO_CHECKED int freeotfe_cdb_old_key(enum crypto_digest digest, const uint8_t *passphrase,
                                        size_t passphrase_size, const uint8_t *salt, size_t salt_size,
                                        uint8_t key[FREEOTFE_KEY_MAX]);

/* Decrypts a block with `key`, of which the cipher takes what it needs, and compares the check value. 0: it
 * matches; then `plain` is filled. -EBADMSG: it does not; -EINVAL: the cipher takes no such key; -ENOMEM. */
CRYPTO_CHECKED int freeotfe_cdb_open(const uint8_t raw[FREEOTFE_CDB_SIZE], size_t salt_size, bool is_old,
                                     enum crypto_digest digest, const struct freeotfe_cipher *cipher,
                                     const uint8_t *key, struct freeotfe_plain *plain);

/* What the details say, once looked at. */
struct freeotfe_cdb {
    unsigned format;
    bool from_start; /* sectors are counted from the start of the file, not of the data */
    uint64_t size;   /* bytes of data, a multiple of 512 and not 0 */
    enum freeotfe_iv iv;
    uint8_t volume_iv[CRYPTO_IV_MASK_SIZE]; /* zeros: none, or none any more */
    uint8_t key[FREEOTFE_KEY_MAX];          /* of the cipher's size */
};

enum freeotfe_verdict {
    FREEOTFE_USABLE,
    FREEOTFE_TOO_NEW,    /* a format after the last that is known */
    FREEOTFE_UNKNOWN_IV, /* IVs are made in a way that is not known */
    FREEOTFE_DAMAGED,    /* it says what cannot be */
};

/* Hostile bytes in, numbers that have been looked at out; cdb is filled where they are usable, and its format
 * always. */
enum freeotfe_verdict freeotfe_cdb_decode(const struct freeotfe_plain *plain, const struct freeotfe_cipher *cipher,
                                          struct freeotfe_cdb *cdb);

#endif
