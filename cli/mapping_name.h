/* SPDX-License-Identifier: ISC */
/* mapping_name.h - what the mapping of a volume is called below /dev/mapper. Pure. */
#ifndef MAPPING_NAME_H
#define MAPPING_NAME_H

#define MAPPING_NAME_MAX 96 /* with the NUL */

/* "coffer-photos" for "/home/me/photos.coffer"; attempt 2 and on: "coffer-photos-2". What /dev/mapper does not take
 * becomes "_". */
void mapping_name(const char *volume, unsigned attempt, char name[static MAPPING_NAME_MAX]);

#endif
