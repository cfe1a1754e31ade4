/* SPDX-License-Identifier: ISC */
/* existing.h - a volume that is there: looked at before anybody is asked for its secret. */
#ifndef EXISTING_H
#define EXISTING_H

#include <stdbool.h>

#include "coffer.h"
#include "status.h"

/* Nobody should type a passphrase for a file that is not there or too new. *info, where it is not NULL, is what can
 * be seen without a secret; of a file without any magic, which may be an unmarked volume, nothing but marked = false.
 * EXIT_DONE or reported. Whoever opens it afterwards looks again, under a lock. */
enum exit_status existing_look(const char *path, struct coffer_info *info);

/* Where a mount of the volume leaves no room for another use of it, if a state file knows; to be freed. */
char *existing_find_mount(const char *path, bool read_only);

/* Refuses, reported, what cannot be done while the volume is mounted. */
enum exit_status existing_check_unmounted(const char *path, enum operation operation);

#endif
