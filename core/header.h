/* SPDX-License-Identifier: ISC */
/*
 * header.h - one native header block of 4096 bytes: 32 cells of 128 bytes (spec/volume.md).
 *
 *     cell 0        preamble: what must be readable before a secret is known
 *     cells 1-15    key slots 0-14
 *     cells 16-31   body: geometry, the volume key, what the slots are, sealed under the master key
 *
 * Pure: bytes in, bytes out. The decrypted body is kept and edited in place, so that fields which this version
 * does not know survive a rewrite.
 */
#ifndef CORE_HEADER_H
#define CORE_HEADER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "coffer.h"

#define HEADER_BLOCK_SIZE         4096u
#define HEADER_CELL_SIZE          128u
#define HEADER_SLOTS              15u
#define HEADER_BODY_OFFSET        2048u
#define HEADER_BODY_SIZE          1976u /* plaintext */
#define HEADER_SALT_SIZE          16u
#define HEADER_KEY_SIZE           64u
#define HEADER_MASTER_SIZE        32u
#define HEADER_DIGEST_SIZE        16u
#define HEADER_LABEL_SIZE         64u
#define HEADER_PRIVATE_LABEL_SIZE 64u
#define HEADER_NAME_SIZE          40u
#define HEADER_CHECK_SIZE         8u

/* Where header blocks lie. */
#define HEADER_END_SIZE      0x20000u  /* kept free for headers at each end */
#define HEADER_VOLUME_STRIDE 0x1000u   /* from volume 0's block to volume 1's */
#define HEADER_DATA_OFFSET   0x100000u /* default */
#define HEADER_DATA_MIN      0x10000u
#define HEADER_DATA_MAX      (1ull << 48)

#define HEADER_SEQ_END (1ull << 63)

#define HEADER_MEMORY_MIN 8192u    /* KiB */
#define HEADER_MEMORY_MAX 4194304u /* KiB */
#define HEADER_PASSES_MAX 64u
#define HEADER_WORK_MAX   (64ull << 20) /* KiB times passes */

#define HEADER_INCOMPAT_HOLES 4u
#define HEADER_INCOMPAT_KNOWN HEADER_INCOMPAT_HOLES
/* The data is not all there yet: known to whoever puts it there, and unknown to all others. */
#define HEADER_INCOMPAT_UNFINISHED 32u
#define HEADER_RO_COMPAT_KNOWN     0u
#define HEADER_COMPAT_FILLED       1u

enum header_copy { HEADER_FRONT = 0, HEADER_TAIL = 1, HEADER_COPIES = 2 };
enum { HEADER_VOLUMES = 2 };

/* ---- preamble ---- */

enum header_verdict {
    HEADER_USABLE,
    HEADER_NO_MAGIC, /* not marked, or lost */
    HEADER_TOO_NEW,  /* format, kdf or lanes unknown */
    HEADER_BOUNDS,   /* memory or passes out of bounds */
};

struct header_preamble {
    uint32_t memory; /* KiB */
    uint32_t passes;
    uint8_t uuid[16];
    uint8_t label[HEADER_LABEL_SIZE]; /* NUL-padded */
    uint8_t salt[HEADER_SALT_SIZE];
};

/* Judges cell 0 of a volume 0 block; fills `preamble` when it is usable. */
enum header_verdict header_read_preamble(const uint8_t block[HEADER_BLOCK_SIZE], enum header_copy copy,
                                         struct header_preamble *preamble);

/* Whether m and t lie within what a reader accepts. */
bool header_cost_in_bounds(uint32_t memory, uint32_t passes);

/* Writes a marked cell 0, its check over cells 1-15 included: those must be in place. */
void header_write_preamble(uint8_t block[HEADER_BLOCK_SIZE], enum header_copy copy,
                           const struct header_preamble *preamble);

/* Cell 0 of a lost block from the other copy's: everything that it says, with this copy's magic and salt; check
 * as above. */
void header_copy_preamble(uint8_t block[HEADER_BLOCK_SIZE], enum header_copy copy,
                          const uint8_t other[HEADER_BLOCK_SIZE], const uint8_t salt[HEADER_SALT_SIZE]);

/* Recomputes the check after cells 1-15 of a marked block changed. */
void header_renew_check(uint8_t block[HEADER_BLOCK_SIZE]);

/* An unmarked cell 0, or the one of a volume 1 block: random, the last 16 bytes being `salt` unless NULL. */
void header_write_random_preamble(uint8_t block[HEADER_BLOCK_SIZE], const uint8_t salt[HEADER_SALT_SIZE]);

/* The salt's place in cell 0, the same in marked and unmarked blocks. */
const uint8_t *header_salt(const uint8_t block[HEADER_BLOCK_SIZE]);

/* Whether the public check over cells 1-15 holds; marked volume 0 blocks only. */
bool header_slots_check(const uint8_t block[HEADER_BLOCK_SIZE]);

/* Whether a block could be noise, or sealed: no value of a byte comes much more often than the others. Of blocks
 * that are random, it says no to less than one in 10^15. */
bool header_looks_random(const uint8_t block[HEADER_BLOCK_SIZE]);

/* ---- cells ---- */

uint8_t *header_slot_cell(uint8_t block[HEADER_BLOCK_SIZE], unsigned slot);
void header_slot_digest(const uint8_t block[HEADER_BLOCK_SIZE], unsigned slot, uint8_t digest[HEADER_DIGEST_SIZE]);

/* ---- body ---- */

/* The plaintext; keep it in secret memory. */
struct header_body {
    uint8_t raw[HEADER_BODY_SIZE];
};

struct header_fields {
    uint32_t incompat, ro_compat, compat;
    uint64_t seq;
    uint8_t uuid[16];
    uint64_t created;
    uint64_t container_size, data_offset, data_size, iv_base;
    uint8_t sector_shift, cipher;
    uint32_t memory, passes; /* what a new secret of a hidden volume costs; 0 = not said here */
};

struct header_slot_record {
    uint8_t kind; /* enum credential_kind */
    uint8_t flags;
    uint64_t seq_written;
    uint64_t time; /* Unix s, 0 = withheld */
    uint8_t name[HEADER_NAME_SIZE];
};

void header_seal_body(uint8_t block[HEADER_BLOCK_SIZE], const struct header_body *body,
                      const uint8_t master[HEADER_MASTER_SIZE], enum header_copy copy, unsigned volume);
bool header_open_body(const uint8_t block[HEADER_BLOCK_SIZE], struct header_body *body,
                      const uint8_t master[HEADER_MASTER_SIZE], enum header_copy copy, unsigned volume);

void header_get_fields(const struct header_body *body, struct header_fields *fields);
void header_put_fields(struct header_body *body, const struct header_fields *fields);
void header_get_slot(const struct header_body *body, unsigned slot, struct header_slot_record *record);
void header_put_slot(struct header_body *body, unsigned slot, const struct header_slot_record *record);

/* Pointers into the body. */
uint8_t *header_key(struct header_body *body);
uint8_t *header_private_label(struct header_body *body);
uint8_t *header_listed_salt(struct header_body *body, enum header_copy copy);
uint8_t *header_listed_digest(struct header_body *body, enum header_copy copy, unsigned slot);

/* What an authenticated body says, judged before use: the holder of a key may be the attacker. known: the incompat
 * bits that the caller can do with. Errors: UNSUPPORTED (another incompat bit, sys = EINPROGRESS for UNFINISHED;
 * unknown cipher), DAMAGED (geometry that cannot be; sys = ENODATA where the store is too small for it). */
enum coffer_status header_validate(const struct header_body *body, uint64_t backing_size, uint32_t known,
                                   struct coffer_error *error);

#endif
