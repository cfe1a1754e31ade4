/* SPDX-License-Identifier: ISC */
/*
 * bitlk.h - what the metadata of a BitLocker volume says.
 *
 * bitlk.c reads it, bitlk_key.c makes the key of it, format_bitlk.c the map. Nothing here is secret, but for the key
 * that lies in the clear where protection is suspended, and that is no secret either.
 */
#ifndef CORE_BITLK_H
#define CORE_BITLK_H

#include "bytes.h"
#include "coffer.h"
#include "storage.h"

#define BITLK_AREAS      3
#define BITLK_AREA_SIZE  65536 /* bytes that a copy of the metadata takes on the medium, and reads as zeros */
#define BITLK_KEYS_MAX   16
#define BITLK_GUID_SIZE  16
#define BITLK_NONCE_SIZE 12
#define BITLK_TAG_SIZE   16
#define BITLK_SALT_SIZE  16
#define BITLK_SEALED_MAX 128

/* What protects a copy of the master key; the numbers of the metadata. */
enum bitlk_protection {
    BITLK_CLEAR = 0x0000,
    BITLK_TPM = 0x0100,
    BITLK_STARTUP_KEY = 0x0200,
    BITLK_TPM_PIN = 0x0500,
    BITLK_RECOVERY = 0x0800,
    BITLK_PASSPHRASE = 0x2000,
};

/* Sealed with AES-CCM. */
struct bitlk_sealed {
    uint8_t nonce[BITLK_NONCE_SIZE];
    uint8_t tag[BITLK_TAG_SIZE];
    uint8_t data[BITLK_SEALED_MAX];
    uint32_t size; /* of data; 0: there is none */
};

struct bitlk_master {
    uint16_t protection;
    uint8_t guid[BITLK_GUID_SIZE];
    uint8_t salt[BITLK_SALT_SIZE];
    bool has_salt;
    uint8_t clear_key[32];
    bool has_clear_key;
    struct bitlk_sealed key;
};

struct bitlk {
    unsigned version; /* 2 since Windows 7 */
    bool to_go;
    bool on_write; /* encrypts only what is written: a bitmap says what has been */
    uint32_t sector_size;
    uint64_t area[BITLK_AREAS];      /* bytes */
    uint64_t boot_offset, boot_size; /* where the first boot_size bytes of the volume are stored */
    uint64_t encrypted_size;         /* bytes from the start that are encrypted, where not all are; 0 = all */
    uint16_t method;
    uint8_t guid[BITLK_GUID_SIZE];
    char label[65]; /* UTF-8; hostile text */
    struct bitlk_master master[BITLK_KEYS_MAX];
    unsigned masters;
    struct bitlk_sealed key; /* of the sectors, under the master key */
};

/* Whether the boot sector is BitLocker's. */
bool bitlk_find(struct storage *storage);

/* Reads the first of the three copies that is whole. Errors: DAMAGED, UNSUPPORTED, FAILED. */
enum coffer_status bitlk_read(struct storage *storage, struct bitlk *bitlk, struct coffer_error *error);

/* Which of the three copies are whole and say the same about where they are as the one that was read. Errors:
 * NO_MEMORY. */
enum coffer_status bitlk_check_copies(struct storage *storage, const struct bitlk *bitlk, bool whole[BITLK_AREAS],
                                      struct coffer_error *error);

/* Parses one copy of the metadata, `view` being all of it. False: it cannot be. */
bool bitlk_parse(struct bytes view, struct bitlk *bitlk);

/* The 32-byte key in a startup key file (.BEK), and which copy of the master key it is for. False: it is no such
 * file. */
bool bitlk_parse_startup_key(const uint8_t *data, size_t size, uint8_t key[32], uint8_t guid[BITLK_GUID_SIZE]);

#endif
