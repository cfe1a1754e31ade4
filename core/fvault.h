/* SPDX-License-Identifier: ISC */
/*
 * fvault.h - what the metadata of a FileVault 2 volume says: one that Mac OS X 10.7 to 10.12 encrypted with
 * CoreStorage, on a disk that is not its own system's.
 *
 * fvault.c finds and decrypts the blocks of metadata, whose key lies beside them; fvault_block.c reads what is in
 * them; fvault_key.c makes the key of it, format_fvault.c the map. Nothing here is secret.
 */
#ifndef CORE_FVAULT_H
#define CORE_FVAULT_H

#include "bytes.h"
#include "coffer.h"
#include "storage.h"

#define FVAULT_BLOCK_SIZE   8192 /* bytes of a block of metadata */
#define FVAULT_LABELS       4
#define FVAULT_COPIES       2
#define FVAULT_USERS_MAX    16
#define FVAULT_KEYS_MAX     8
#define FVAULT_EXTENTS_MAX  14
#define FVAULT_SALT_SIZE    16
#define FVAULT_WRAPPED_SIZE 24

/* Somebody whose passphrase opens it. */
struct fvault_user {
    uint8_t salt[FVAULT_SALT_SIZE];
    uint32_t iterations;
    uint8_t wrapped[FVAULT_WRAPPED_SIZE]; /* a key that opens `key` */
};

/* Blocks of the volume and where they are. */
struct fvault_extent {
    uint64_t logical, physical, count;
};

/* Every kind of block is written anew with each change: the one of the latest transaction counts. */
struct fvault_version {
    bool found;
    uint64_t transaction, object;
};

struct fvault {
    uint8_t uuid[16]; /* of the physical volume */
    uint32_t block_size;
    uint64_t label[FVAULT_LABELS]; /* blocks where the metadata may start */
    uint64_t metadata_size;        /* bytes behind each */
    uint8_t metadata_key[32];

    struct fvault_version volume;
    uint8_t family[16];
    uint64_t size; /* bytes */
    char name[65]; /* hostile text */

    struct fvault_version context;
    struct fvault_user user[FVAULT_USERS_MAX];
    unsigned users;
    uint8_t key[FVAULT_KEYS_MAX][FVAULT_WRAPPED_SIZE];
    unsigned keys;

    struct fvault_version map;
    struct fvault_extent extent[FVAULT_EXTENTS_MAX];
    unsigned extents;

    char refused[96];  /* what of it is not supported; "" = nothing */
    const char *fault; /* what of it cannot be; NULL = nothing */
};

/* Whether one of the two headers is there. */
bool fvault_find(struct storage *storage);

/* Reads all. Errors: DAMAGED, NO_MEMORY, FAILED; what is not supported is in `refused`. */
enum coffer_status fvault_read(struct storage *storage, struct fvault *fvault, struct coffer_error *error);

/* What is there more than once, each looked at alone. */
struct fvault_condition {
    bool header[2]; /* at the start, at the end: it is there, and its checksum is right */
    struct {
        bool is_named, is_whole;
        bool has_copy[FVAULT_COPIES],
            copy[FVAULT_COPIES]; /* of the metadata: named; all that opening takes is in it */
    } label[FVAULT_LABELS];
};

/* On a store that fvault_find knows. Errors: DAMAGED (nothing can be read), NO_MEMORY, FAILED. */
enum coffer_status fvault_check(struct storage *storage, struct fvault_condition *condition,
                                struct coffer_error *error);

/* Takes what matters from a header (512 bytes) or a decrypted block of metadata. False: its checksum is wrong, or it
 * is none. */
bool fvault_parse_header(struct bytes view, struct fvault *fvault);
bool fvault_parse_block(struct bytes view, struct fvault *fvault);

/* Whether the checksum in front of what the view holds is right. */
bool fvault_is_whole(struct bytes view);

/* What fvault_parse_block does once the checksum is known to be right. */
void fvault_take_block(struct bytes view, struct fvault *fvault);

#endif
