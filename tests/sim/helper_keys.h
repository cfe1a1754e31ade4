/* SPDX-License-Identifier: ISC */
/*
 * helper_keys.h - updates of key slots, and volumes to make them on.
 *
 * Secret 0 made the volume, 1 is a bystander that must open in every state, 2 is new, 3 was removed long ago and must
 * never open again, 6 is what is added after failures.
 */
#ifndef HELPER_KEYS_H
#define HELPER_KEYS_H

#include "helper_explore.h"

#define OLD       SECRET(0)
#define BYSTANDER SECRET(1)
#define NEW       SECRET(2)
#define GONE      SECRET(3)
#define SPARE     6u

void keys_prepare_marked(void);
void keys_prepare_unmarked(void);

/* Secrets 0, 1, 3, 4, 5 and 7 in slots 0 to 5: the next slot is in another piece of the block than the preamble. */
void keys_prepare_many(void);

/* All 15 slots in use: secret 1 in slot 13, 4 in slot 14, and in most others what nobody has. */
void keys_prepare_full(void);

/* A recovery key that is thrown away. */
void keys_add_unknown(struct coffer_header *header);

enum coffer_status keys_add(struct coffer_header *header, struct coffer_error *error);
enum coffer_status keys_change(struct coffer_header *header, struct coffer_error *error);
enum coffer_status keys_remove_slot_0(struct coffer_header *header, struct coffer_error *error);
enum coffer_status keys_remove_slot_4(struct coffer_header *header, struct coffer_error *error);

#endif
