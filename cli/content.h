/* SPDX-License-Identifier: ISC */
/* content.h - what is on a file or device, in a few words, so that nobody overwrites the wrong one. */
#ifndef CONTENT_H
#define CONTENT_H

#include <stddef.h>

/* "ext4 'photos'", "coffer volume 'diary'", "gpt partition table"; empty where nothing is recognised. Labels
 * come from the medium: hostile text. Returns 0 or an errno when it cannot be read. */
int content_describe(const char *path, size_t size, char *text);

/* Only the type of the file system, "ext4"; empty where none is recognised. Returns as above. */
int content_find_type(const char *path, size_t size, char *type);

#endif
