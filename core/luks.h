/* SPDX-License-Identifier: ISC */
/*
 * luks.h - what both versions of a LUKS header say, in one form.
 *
 * A reader (luks1.c, luks2.c) takes the header from the medium and checks it; the rest (luks_key.c, format_luks.c)
 * knows no version. Nothing here is secret. All numbers have been checked against each other, not against the
 * size of the store of the data: a header can lie elsewhere.
 */
#ifndef CORE_LUKS_H
#define CORE_LUKS_H

#include "coffer.h"
#include "storage.h"

#define LUKS_MAGIC_SIZE   6
#define LUKS_NAME_MAX     64 /* bytes, with the NUL: "aes-xts-plain64", "whirlpool" */
#define LUKS_SLOTS_MAX    32
#define LUKS_DIGESTS_MAX  32
#define LUKS_SEGMENTS_MAX 16
#define LUKS_KEY_MAX      128 /* bytes; 64 of the ciphers we know */
#define LUKS_STRIPES      4000
#define LUKS_UNIT         512 /* bytes of a sector of a key slot's area, and what tweaks count */

enum luks_kdf { LUKS_PBKDF2, LUKS_ARGON2I, LUKS_ARGON2ID, LUKS_OTHER };

enum luks_priority { LUKS_IGNORED, LUKS_NORMAL, LUKS_PREFERRED };

/* A key that was stretched into LUKS_STRIPES pieces and encrypted under what the secret derives. */
struct luks_slot {
    bool used;
    enum luks_priority priority;
    uint32_t key_size; /* bytes of the volume key */

    enum luks_kdf kdf;
    char hash[LUKS_NAME_MAX]; /* of PBKDF2; the name of a derivation that is not known */
    uint32_t passes;          /* iterations of PBKDF2 */
    uint32_t memory;          /* KiB */
    uint32_t lanes;
    uint8_t salt[64];
    uint32_t salt_size;

    char split_hash[LUKS_NAME_MAX];
    uint64_t area_offset, area_size; /* bytes, of the store of the header */
    char area_cipher[LUKS_NAME_MAX];
    uint32_t area_key_size;
};

/* Tells a right volume key from a wrong one. */
struct luks_digest {
    bool used;
    uint32_t slots, segments; /* bit n: number n */
    char hash[LUKS_NAME_MAX];
    uint32_t iterations;
    uint8_t salt[64];
    uint32_t salt_size;
    uint8_t value[64];
    uint32_t value_size;
};

struct luks_segment {
    uint64_t offset; /* bytes, of the store of the data */
    uint64_t size;   /* bytes; 0 = to the end of the store */
    uint64_t tweak;  /* of the first sector, in 512-byte units */
    uint32_t sector_size;
    char cipher[LUKS_NAME_MAX];
};

struct luks_header {
    unsigned version;
    char uuid[41];  /* as it is written there; hostile text */
    char label[49]; /* hostile text */
    uint64_t seq;
    uint64_t end; /* bytes from the start that belong to the header and its key slots */
    bool second;  /* LUKS2: this is the second copy, the first is damaged or older */
    struct luks_slot slot[LUKS_SLOTS_MAX];
    struct luks_digest digest[LUKS_DIGESTS_MAX];
    struct luks_segment segment[LUKS_SEGMENTS_MAX];
    unsigned segments;
    bool unfinished;  /* coffer_create_options.unfinished */
    char refused[96]; /* what of it is not supported, so that it must not be opened; "" = nothing */
};

/* Reads and checks. Errors: DAMAGED, UNSUPPORTED, NO_MEMORY, FAILED. */
enum coffer_status luks1_read(struct storage *storage, struct luks_header *header, struct coffer_error *error);
enum coffer_status luks2_read(struct storage *storage, struct luks_header *header, struct coffer_error *error);

/* One copy of the two, the first (0) or the second (1). Errors: DAMAGED, NO_MEMORY. */
enum coffer_status luks2_read_copy(struct storage *storage, unsigned which, struct luks_header *header,
                                   struct coffer_error *error);

/* Whether a second header lies at one of the places that the format allows. */
bool luks2_has_second(struct storage *storage);

/* Fills the public part of info. */
void luks_describe(const struct luks_header *header, struct coffer_info *info);

/* The JSON of a LUKS2 header, after its checksum: `size` bytes with a NUL at the end. `start`: bytes that the two
 * headers take. Errors: DAMAGED, NO_MEMORY. */
enum coffer_status luks2_parse(const char *text, size_t size, uint64_t start, struct luks_header *header,
                               struct coffer_error *error);

#endif
