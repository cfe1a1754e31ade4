/* SPDX-License-Identifier: ISC */
/*
 * tcrypt_header.h - the decrypted header of TrueCrypt and VeraCrypt: is it one, and what does it say. Pure: hostile
 * bytes in, numbers that have been looked at out.
 */
#ifndef CORE_TCRYPT_HEADER_H
#define CORE_TCRYPT_HEADER_H

#include <stdbool.h>
#include <stdint.h>

#define TCRYPT_HEADER_SIZE 512 /* bytes on the medium: the salt, then what is encrypted */
#define TCRYPT_SALT_SIZE   64
#define TCRYPT_PLAIN_SIZE  448
#define TCRYPT_KEYS_SIZE   256

struct tcrypt_header {
    bool veracrypt;
    uint16_t version;
    uint64_t hidden_size; /* of a hidden volume's header, else 0; bytes as all sizes */
    uint64_t volume_size;
    uint64_t data_offset;
    uint64_t data_size; /* that is encrypted */
    uint32_t flags;
    uint8_t keys[TCRYPT_KEYS_SIZE];
};

#define TCRYPT_FLAG_SYSTEM   1u
#define TCRYPT_FLAG_IN_PLACE 2u

/* Whether the bytes are such a header: magic and checksums hold. Then the header is filled: a wrong key passes by
 * chance once in 2^64. */
bool tcrypt_header_decode(const uint8_t plain[TCRYPT_PLAIN_SIZE], struct tcrypt_header *header);

/* Where the data of a volume is. */
struct tcrypt_place {
    uint64_t offset, size; /* bytes of the store, multiples of 512 */
};

enum tcrypt_verdict {
    TCRYPT_USABLE,
    TCRYPT_UNFINISHED, /* encrypting it has not come to its end */
    TCRYPT_DAMAGED,    /* the header says what cannot be */
};

/* is_system: it was found where the header of a system's disk is. */
enum tcrypt_verdict tcrypt_header_place(const struct tcrypt_header *header, bool is_system, uint64_t storage_size,
                                        struct tcrypt_place *place);

#endif
