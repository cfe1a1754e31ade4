/* SPDX-License-Identifier: ISC */
/* volume_files.h - the file system inside an open volume, ready to be served in this process. */
#ifndef VOLUME_FILES_H
#define VOLUME_FILES_H

#include <stdbool.h>

#include "coffer.h"
#include "files.h"
#include "status.h"

/* `name` of the volume is for messages. A file system that was not closed properly is checked first (e2fsck -p,
 * fsck.fat -a, fsck.exfat -a); where that does not mend it, it is opened read only, which is said. Another file
 * system, or none: NULL. EXIT_DONE or reported. */
enum exit_status volume_files_open(struct coffer_volume *volume, const char *name, bool read_only,
                                   struct files **files);

/* What to do about a volume in which no file system is found. */
const char *volume_files_hint_none(const struct coffer_info *info);

/* Says which file system it is that cannot be shown, and the ways out. */
enum exit_status volume_files_refuse(struct coffer_volume *volume, const char *name);

#endif
