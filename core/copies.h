/* SPDX-License-Identifier: ISC */
/*
 * copies.h - the two copies of one volume's header, opened: who wins, healing, updating.
 *
 * The rule behind everything here: a write that is cut short at any byte leaves the other copy whole, and a
 * key slot counts only where the newest body lists its very bytes (spec/volume.md). So no torn state locks
 * its owner out, and none lets a removed secret back in.
 */
#ifndef CORE_COPIES_H
#define CORE_COPIES_H

#include "credential.h"
#include "header.h"
#include "storage.h"

/* Keep it in secret memory (copies_new). */
struct copies {
    struct storage *storage;
    bool marked;
    unsigned volume;                                 /* 0 outer, 1 hidden */
    uint64_t offset[HEADER_COPIES];                  /* of this volume's block */
    uint8_t block[HEADER_COPIES][HEADER_BLOCK_SIZE]; /* as on the medium */
    bool good[HEADER_COPIES];                        /* opens, and is as new as the winner */
    bool stranger[HEADER_COPIES];                    /* the whole header of another volume: never written */
    enum header_copy winner;
    struct header_body body; /* the winner's */
    uint8_t master[HEADER_MASTER_SIZE];
    unsigned slot; /* the one that opened it */

    uint32_t also_known; /* incompat bits that whoever opens it can do with besides; set before it is opened */

    /* To wrap again: the way that opened it, cost, salts, and the key-encryption keys where they have been derived. */
    enum credential_way way;
    uint32_t memory, passes;
    bool salt_known[HEADER_COPIES];
    uint8_t salt[HEADER_COPIES][HEADER_SALT_SIZE];
    bool kek_known[HEADER_COPIES];
    uint8_t kek[HEADER_COPIES][CREDENTIAL_KEK_SIZE];

    /* A growth that was cut short left its old tail here, inside the new data area; 0 = none. */
    uint64_t old_tail;
};

static inline enum header_copy copies_other(enum header_copy copy)
{
    return copy == HEADER_FRONT ? HEADER_TAIL : HEADER_FRONT;
}

struct copies *copies_new(void);
void copies_free(struct copies *copies);

/* Whether the bytes of a slot are those that the newest body lists for this copy. */
bool copies_slot_is_listed(const struct copies *copies, enum header_copy copy, unsigned slot);

/* UNSUPPORTED while the newest body has features that are not known: then nothing is written, as it may be what a later
 * version needs. */
enum coffer_status copies_check_known(const struct copies *copies, struct coffer_error *error);

/* The sequence number of the next update. FAILED: there is none. */
enum coffer_status copies_count_up(struct header_fields *fields, struct coffer_error *error);

/* INVALID while one copy is another volume's: then nothing is written. */
enum coffer_status copies_check_own(const struct copies *copies, struct coffer_error *error);

/* The salt that is sealed is the right one; the one in the open may be damaged. */
void copies_trust_listed_salt(struct copies *copies, enum header_copy copy);

/* Makes the block of a copy that is not good anew, in memory: slots that the winner lists are kept, all others
 * become random. */
void copies_rebuild(struct copies *copies, enum header_copy copy);

/* Seals one copy's block over what is in memory. */
void copies_seal_block(struct copies *copies, enum header_copy copy);

/* The same, and writes and flushes it. 0 or a negative errno. */
int copies_write_block(struct copies *copies, enum header_copy copy);

/* Changes header and slots in memory; see copies_put_slot and copies_clear_slot. */
typedef void copies_edit_fn(struct copies *next, void *user);

/* One update: sequence number + 1, first the copy that did not win, flush, then the other, flush. When it fails
 * before the first flush is done, nothing has changed for a reader, and `copies` is as it was. */
enum coffer_status copies_update(struct copies *copies, copies_edit_fn *edit, void *user,
                                 struct coffer_error *error);

/* Where both copies are good: `copy` is to be written last, having the only cell of a slot that opens. A write that
 * goes wrong may take the cells of its block with it. */
void copies_write_last(struct copies *copies, enum header_copy copy);

/* For an edit: wraps the master key into a slot of one copy, under the salt that the body lists for it, and lists
 * the new cell. */
void copies_put_cell(struct copies *next, enum header_copy copy, unsigned slot,
                     const uint8_t kek[CREDENTIAL_KEK_SIZE]);

/* For an edit: the same for both copies, and the record. */
void copies_put_slot(struct copies *next, unsigned slot, const uint8_t kek[HEADER_COPIES][CREDENTIAL_KEK_SIZE],
                     const struct header_slot_record *record);

/* For an edit: randomises the slot in both copies and records it as empty. */
void copies_clear_slot(struct copies *next, unsigned slot);

/* ---- heal.c ---- */

/* Notes a lost copy that is another volume's where there is no magic to tell, for the price of a key derivation. */
enum coffer_status copies_try_stranger(struct copies *copies, const struct coffer_credential *credential,
                                       struct coffer_error *error);

/* Wipes the tail that a growth has left inside the new data area, at copies->old_tail. */
enum coffer_status copies_finish_growth(struct copies *copies, struct coffer_error *error);

/* In memory: the present secret gets its cell back in each copy that lost it, and the copy lists it. */
enum coffer_status copies_wrap_again(struct copies *copies, const struct coffer_credential *credential,
                                     struct coffer_error *error);

/* Brings a lost or stale copy back from the winner, the present secret back into its slot where one copy lost it, and
 * the public check of what is whole. Writes nothing when both copies are good, or when one is another volume's.
 * *healed says whether it wrote. */
enum coffer_status copies_heal(struct copies *copies, const struct coffer_credential *credential, bool *healed,
                               struct coffer_error *error);

#endif
