/* SPDX-License-Identifier: ISC */
/* backup.h - the file that header backups are kept in. */
#ifndef CORE_BACKUP_H
#define CORE_BACKUP_H

#include "coffer.h"

/* Makes a file of `size` bytes, which are on the medium when it has its name. Errors: FAILED (sys = EEXIST: it is there
 * already), and those of storage_create. */
enum coffer_status backup_write(const char *path, const uint8_t *data, size_t size, struct coffer_error *error);

#endif
