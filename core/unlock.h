/* SPDX-License-Identifier: ISC */
/*
 * unlock.h - from a backing store and a secret to an opened header.
 *
 * The blocks are read once; everything is decided from what was read.
 */
#ifndef CORE_UNLOCK_H
#define CORE_UNLOCK_H

#include "copies.h"

/* What lies at the four places of header blocks. Nothing secret. */
struct unlock_image {
    struct storage *storage;
    bool is_backup;                 /* its blocks are not those of the store: nothing is looked for there */
    uint64_t offset[HEADER_COPIES]; /* of volume 0's block */
    bool present[HEADER_COPIES][HEADER_VOLUMES];
    uint8_t block[HEADER_COPIES][HEADER_VOLUMES][HEADER_BLOCK_SIZE];
    int unreadable; /* errno when the medium gave neither volume 0 block, so that nothing can be said; else 0 */
    enum header_verdict verdict[HEADER_COPIES]; /* on volume 0's preamble */
    struct header_preamble preamble[HEADER_COPIES];
};

/* A place that lies outside the store, or cannot be read, counts as lost. NULL: no memory. */
struct unlock_image *unlock_read(struct storage *storage);

/* Looks for the tail blocks elsewhere than at the end of the store. */
void unlock_move_tail(struct unlock_image *image, uint64_t offset);

/* One block anew, from the medium. 0, -ENODATA outside the store, or the medium's error. */
int unlock_read_block(struct storage *storage, uint64_t offset, uint8_t block[HEADER_BLOCK_SIZE]);

/* The verdicts on both volume 0 preambles, after blocks were put into an image by other means than unlock_read. */
void unlock_judge_preambles(struct unlock_image *image);

/* Whether either copy has a magic of ours, usable or not, or could not be read to say so. */
bool unlock_is_marked(const struct unlock_image *image);

/* The right error for a marked volume none of whose preambles is usable, or could be read; OK when one is. */
enum coffer_status unlock_judge(const struct unlock_image *image, struct coffer_error *error);

/* Whether any of the 30 slots of either copy opens under that copy's key and salt. */
bool unlock_opens_any(const struct unlock_image *image, const uint8_t kek[HEADER_COPIES][CREDENTIAL_KEK_SIZE],
                      const uint8_t salt[HEADER_COPIES][HEADER_SALT_SIZE]);

/* With copies->master, ->volume, ->marked and ->storage given: opens both copies and fills in what the newest says.
 * DAMAGED: none opens; NO_MEMORY. */
enum coffer_status unlock_newest(const struct unlock_image *image, struct copies *copies,
                                 struct coffer_error *error);

/* Tries the secret on all slots of both volumes, front copy first: one key derivation when the front opens.
 * For an unmarked volume memory and passes are given, else 0. Errors: WRONG_SECRET, DAMAGED, UNSUPPORTED,
 * NO_MEMORY, INVALID. */
enum coffer_status unlock_header(const struct unlock_image *image, const struct coffer_credential *credential,
                                 uint32_t memory, uint32_t passes, struct copies *copies,
                                 struct coffer_error *error);

#endif
