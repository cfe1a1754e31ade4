/* SPDX-License-Identifier: ISC */
/* canonical_path.h - the one absolute name of a file, without links, "." and "..". */
#ifndef CANONICAL_PATH_H
#define CANONICAL_PATH_H

/* Of a path whose last component may be missing, or be the mount point of a server that has died. To be freed; NULL
 * with errno where its directory is not there either. */
char *canonical_path(const char *path);

/* What an open descriptor is called now; NULL with errno, ENOENT where it has no name any more. */
char *canonical_path_of(int fd);

#endif
