/* SPDX-License-Identifier: ISC */
/* foreign.h - what is refused because the header of another program would have to be written: by name, and with the
 * program that can do it. */
#ifndef FOREIGN_H
#define FOREIGN_H

#include <stdbool.h>

#include "coffer.h"
#include "explain.h"
#include "status.h"

/* Whether it is one of the two that no magic tells apart from noise. */
bool foreign_is_tcrypt(const char *format);

/* Reports it. format: its name, "luks". */
enum exit_status foreign_refuse(const char *path, enum operation operation, const char *format);

/* Reports `error`, which `operation` met when it opened a volume as ours; where the secret opens it as a volume of
 * TrueCrypt or VeraCrypt, which nothing else could tell, reports that. kdf_level: of how it was opened; who named one
 * has said that it is ours. */
enum exit_status foreign_fail(const char *path, enum operation operation,
                              const struct coffer_credential *credential, long kdf_level,
                              const struct coffer_error *error);

#endif
