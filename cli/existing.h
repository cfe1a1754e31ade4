/* SPDX-License-Identifier: ISC */
/* existing.h - a volume that is there: looked at before anybody is asked for its secret. */
#ifndef EXISTING_H
#define EXISTING_H

#include <stdbool.h>

#include "coffer.h"
#include "format_options.h"
#include "status.h"

/* Nobody should type a passphrase for a file that is not there, too new, or known and not supported. *info, where
 * it is not NULL, is what can be seen without a secret; of a file without any magic, which may be an unmarked
 * volume, nothing but marked = false. EXIT_DONE or reported. Whoever opens it afterwards looks again, under a
 * lock. */
enum exit_status existing_look(const char *path, struct coffer_info *info);

/* The same for what only our own format can do: a header of another one is never written. */
enum exit_status existing_look_at_ours(const char *path, enum operation operation, struct coffer_info *info);

/* The same for what is about to be opened with `given`; no secret, an empty credential, where the volume needs none. */
enum exit_status existing_read_secret(const struct secret_options *given, const struct format_options *format,
                                      const char *path, struct coffer_credential **credential);

/* Where a mount of the volume leaves no room for another use of it, if a state file knows; to be freed. */
char *existing_find_mount(const char *path, bool read_only);

/* Refuses, reported, what cannot be done while the volume is mounted. */
enum exit_status existing_check_unmounted(const char *path, enum operation operation);

#endif
