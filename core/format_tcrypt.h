/* SPDX-License-Identifier: ISC */
/* format_tcrypt.h - TrueCrypt and VeraCrypt at once, for stores of which nothing is known. */
#ifndef CORE_FORMAT_TCRYPT_H
#define CORE_FORMAT_TCRYPT_H

#include "format.h"

/* As the open of struct format, for one of the two or for both. */
enum coffer_status format_tcrypt_open(struct storage *storage, const struct coffer_credential *credential,
                                      const struct coffer_open_options *options, bool truecrypt, bool veracrypt,
                                      struct format_opened *opened, struct coffer_error *error);

#endif
