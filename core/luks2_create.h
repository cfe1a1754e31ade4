/* SPDX-License-Identifier: ISC */
/* luks2_create.h - new LUKS2 volumes. */
#ifndef CORE_LUKS2_CREATE_H
#define CORE_LUKS2_CREATE_H

#include "storage.h"

#define LUKS2_CREATE_CIPHER "aes-xts-plain64"
#define LUKS2_CREATE_END    0x20000u /* bytes at the end where a former volume of ours had its tail */

/* As coffer_volume_create. */
enum coffer_status luks2_create(const char *path, const struct coffer_credential *credential,
                                const struct coffer_create_options *options, struct coffer_volume **volume,
                                struct coffer_error *error);

/* Takes the mark of an unfinished volume from both copies of its header, of which one may be damaged. Errors: DAMAGED,
 * FAILED. */
enum coffer_status luks2_complete(struct storage *storage, struct coffer_error *error);

#endif
