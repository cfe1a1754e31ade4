/* SPDX-License-Identifier: ISC */
/* fvault_key.h - from a passphrase to the key of a FileVault volume. */
#ifndef CORE_FVAULT_KEY_H
#define CORE_FVAULT_KEY_H

#include "fvault.h"

#define FVAULT_KEY_SIZE 32

/* Of the options `slot` counts, the number of the only user to try (-1 = all), and callbacks. key: secret memory.
 * *opened: the user. Errors: WRONG_SECRET, INVALID, NO_MEMORY, INTERRUPTED. */
enum coffer_status fvault_key_open(const struct fvault *fvault, const struct coffer_credential *credential,
                                   const struct coffer_open_options *options, uint8_t key[FVAULT_KEY_SIZE],
                                   unsigned *opened, struct coffer_error *error);

#endif
