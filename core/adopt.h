/* SPDX-License-Identifier: ISC */
/* adopt.h - taking an adoption back: coffer_header_restore with the file that coffer_adopt has written. */
#ifndef CORE_ADOPT_H
#define CORE_ADOPT_H

#include "storage.h"

/* Puts the headers in `file`, of COFFER_ADOPT_BACKUP_SIZE bytes, back into `storage`, which is locked. `credential`
 * opens what is in `file`. Errors: as coffer_header_restore. */
enum coffer_status adopt_undo(struct storage *storage, struct storage *file,
                              const struct coffer_credential *credential,
                              const struct coffer_open_options *options, struct coffer_error *error);

#endif
