/* SPDX-License-Identifier: ISC */
/* restore.h - what restore.c has found out and settled, for restore_ends.c to write. */
#ifndef CORE_RESTORE_H
#define CORE_RESTORE_H

#include "unlock.h"

#define RESTORE_END_SIZE (COFFER_HEADER_BACKUP_SIZE / 2) /* of each end in a backup, in bytes */

/* What a restore knows: the store as it is, what the backup opened as, and what of that volume opens today, or NULL. */
struct restoring {
    const struct unlock_image *present, *backup;
    struct copies *copies, *today;
};

/* Writes the header into both ends of the store that restoring->present was read from. data: the backup, with the
 * blocks of the volume that it opened sealed anew; it is changed. IO. */
enum coffer_status restore_ends(const struct restoring *restoring, uint8_t *data, struct coffer_error *error);

#endif
