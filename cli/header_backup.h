/* SPDX-License-Identifier: ISC */
/* header_backup.h - making a backup of a header, for `header backup` and for `create --header-backup`. */
#ifndef HEADER_BACKUP_H
#define HEADER_BACKUP_H

#include "coffer.h"
#include "status.h"

/* A backup, or what `operation` makes, never overwrites anything: better to know before a secret is asked for.
 * EXIT_DONE or reported. */
enum exit_status header_backup_check(const char *volume, const char *backup, enum operation operation);

/* credential: NULL for a marked volume that is not to be opened. EXIT_DONE or reported. */
enum exit_status header_backup_write(const char *volume, const char *backup,
                                     const struct coffer_credential *credential, int kdf_level);

#endif
