/* SPDX-License-Identifier: ISC */
/* helper_ext.h - ext images made by mke2fs, opened by the driver, and checked by e2fsck. */
#ifndef HELPER_EXT_H
#define HELPER_EXT_H

#include <stdbool.h>
#include <stdint.h>

#include "fake_volume.h"
#include "files.h"

struct image {
    char dir[64];   /* of the test's own, removed at the end */
    char path[128]; /* the image in it */
    struct coffer_volume *volume;
    struct files *files;
};

/* Makes a directory with an image of `size` bytes in it; `options` go to mke2fs, separated by blanks. Exits with
 * 77 where mke2fs is missing. */
void image_make(struct image *image, const char *options, uint64_t size);
/* Opens volume and file system; both are NULL afterwards if the file system does not open. */
enum coffer_status image_open(struct image *image, const struct files_options *options, bool remember,
                              struct coffer_error *error);
void image_must_open(struct image *image);
enum coffer_status image_close(struct image *image);
void image_remove(struct image *image);

/* Runs a program, its output to the terminal on failure only; its exit status. */
int run(const char *program, const char *const *arguments);
/* e2fsck with this option ("-fn": look only, "-p", "-fy") on a file; its exit status. */
int fsck(const char *path, const char *option);
/* A value of the superblock as dumpe2fs names it ("Filesystem state"). */
void superblock(const char *path, const char *name, char *value, size_t size);

/* The inode at a path below the root, "a/b"; "" is the root itself. 0 or -errno. */
int walk(struct files *files, const char *path, struct files_attr *attr);
/* The directory that holds the last name of a path, and that name. */
int walk_parent(struct files *files, const char *path, uint64_t *dir, const char **name);
/* What a create, write and close would do. */
int put_file(struct files *files, const char *path, const void *data, size_t size);
int make_dir(struct files *files, const char *path);
/* unlink or rmdir, and the evict that follows. */
int remove_path(struct files *files, const char *path);
/* Deterministic bytes. */
void fill(uint8_t *data, size_t size, unsigned seed);

#endif
