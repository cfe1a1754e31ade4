/* SPDX-License-Identifier: ISC */
/* bitlk_key.h - from a secret to the key of a BitLocker volume. */
#ifndef CORE_BITLK_KEY_H
#define CORE_BITLK_KEY_H

#include "bitlk.h"

#define BITLK_KEY_MAX 64

/* Key of the sectors. The credential is a passphrase, a recovery password typed as one, or a startup key file; nothing
 * is needed where a key lies in the clear. Of the options `slot` counts, the number of the one protector to try, and
 * callbacks. `key`: secret memory of BITLK_KEY_MAX bytes; *key_size: how many were there. *opened: the protector.
 * Errors: WRONG_SECRET, INVALID, DAMAGED, NO_MEMORY, INTERRUPTED. */
enum coffer_status bitlk_key_open(const struct bitlk *bitlk, const struct coffer_credential *credential,
                                  const struct coffer_open_options *options, uint8_t *key, uint32_t *key_size,
                                  unsigned *opened, struct coffer_error *error);

/* 48 digits in 8 groups, each a multiple of 11. False: it is no recovery password. */
bool bitlk_parse_recovery(const uint8_t *text, size_t size, uint8_t key[16]);

/* UTF-8 to UTF-16, at most `room` bytes; its size, or 0 where it is no UTF-8 or too long. */
size_t bitlk_utf16(const uint8_t *text, size_t size, uint8_t *out, size_t room);

#endif
