/* SPDX-License-Identifier: ISC */
/* ext_check.h - a look at an ext file system before it is written to. */
#ifndef EXT_CHECK_H
#define EXT_CHECK_H

#include <stdbool.h>

/* Runs e2fsck -p on the block file at `path`; quick where all is well. True when the file system can be written to
 * now; else it has been said why not. `name` of the volume is for messages. */
bool ext_check(const char *path, const char *name);

#endif
