/* SPDX-License-Identifier: ISC */
/* luks2_copy.h - the two copies of a LUKS2 header as bytes. */
#ifndef CORE_LUKS2_COPY_H
#define CORE_LUKS2_COPY_H

#include "bytes.h"
#include "luks.h"

/* The newer of those whose checksum is right, the first one of equals, to be freed; NULL when neither is. *which:
 * 0 = the first, 1 = the second. */
uint8_t *luks2_read_newest(struct storage *storage, struct bytes *copy, unsigned *which);

#endif
