/* SPDX-License-Identifier: ISC */
/* luks_key.h - from a secret and a key slot to the key of a LUKS volume. */
#ifndef CORE_LUKS_KEY_H
#define CORE_LUKS_KEY_H

#include "luks.h"

/* What LUKS knows as a secret; it belongs to the credential. */
struct luks_secret {
    const uint8_t *data;
    size_t size;
};

/* Errors: INVALID. */
enum coffer_status luks_key_secret(const struct coffer_credential *credential, struct luks_secret *secret,
                                   struct coffer_error *error);

/* The secret is a passphrase, or what is in one key file. Of the options `slot` counts, the only one to try (-1 =
 * all in their order of preference), and callbacks. `key`: secret memory of LUKS_KEY_MAX bytes. *opened: the slot.
 * Errors: WRONG_SECRET, INVALID, DAMAGED, UNSUPPORTED, NO_MEMORY, INTERRUPTED, FAILED. */
enum coffer_status luks_key_open(struct storage *storage, const struct luks_header *header,
                                 const struct coffer_credential *credential,
                                 const struct coffer_open_options *options, uint8_t *key, uint32_t *key_size,
                                 unsigned *opened, struct coffer_error *error);

#endif
