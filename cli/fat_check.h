/* SPDX-License-Identifier: ISC */
/* fat_check.h - a look at a FAT or exFAT file system before it is written to. */
#ifndef FAT_CHECK_H
#define FAT_CHECK_H

#include <stdbool.h>

/* Run fsck.fat -a or fsck.exfat -a on the block file at `path`. True when the file system can be written to now;
 * else it has been said why not. `name` of the volume is for messages. */
bool fat_check(const char *path, const char *name);
bool exfat_check(const char *path, const char *name);

#endif
