/* SPDX-License-Identifier: ISC */
/* format_tcrypt.h - TrueCrypt and VeraCrypt at once, for stores of which nothing is known. */
#ifndef CORE_FORMAT_TCRYPT_H
#define CORE_FORMAT_TCRYPT_H

#include "format.h"
#include "tcrypt_search.h"

/* As the open of struct format, for one of the two or for both. */
enum coffer_status format_tcrypt_open(struct storage *storage, const struct coffer_credential *credential,
                                      const struct coffer_open_options *options, bool truecrypt, bool veracrypt,
                                      struct format_opened *opened, struct coffer_error *error);

/* The header that the secret opens: in front, or at the end where options->backup_header says so. only_hidden: of a
 * hidden volume. input, found: secret memory. Errors: WRONG_SECRET, NOT_FOUND (too small), INVALID, NO_MEMORY,
 * INTERRUPTED, FAILED. */
enum coffer_status format_tcrypt_find(struct storage *storage, const struct coffer_credential *credential,
                                      const struct coffer_open_options *options, struct tcrypt_kdf_choice choice,
                                      bool only_hidden, struct tcrypt_input *input, struct tcrypt_found *found,
                                      struct coffer_error *error);

#endif
