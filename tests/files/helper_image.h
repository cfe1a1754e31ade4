/* SPDX-License-Identifier: ISC */
/* helper_image.h - images made by a mkfs, opened by their driver, and checked by somebody else's program. */
#ifndef HELPER_IMAGE_H
#define HELPER_IMAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "fake_volume.h"
#include "files.h"

/* What is different about a file system. */
struct image_kind {
    const char *maker; /* makes one, with these options and those of the test before the path */
    const char *options;
    enum coffer_status (*open)(struct coffer_volume *volume, const struct files_options *options,
                               struct files **files, struct coffer_error *error);
    int (*check)(const char *path);  /* closed properly: 0 when nothing at all is wrong */
    int (*repair)(const char *path); /* after a crash: 0 when it can be used now */
    mode_t modes;                    /* bits of permissions that it keeps */
    bool xattrs, allocates, fifos, links, exchanges;
    bool replaces; /* a crash leaves the old or the new file when one is renamed over another */
};

extern const struct image_kind image_ext, image_ntfs, image_fat, image_exfat;

struct image {
    const struct image_kind *kind;
    char dir[64];   /* of the test's own, removed at the end */
    char path[128]; /* the image in it */
    struct coffer_volume *volume;
    struct files *files;
};

/* Makes a directory with an image of `size` bytes in it; `options` go to mkfs, separated by blanks. Exits with
 * 77 where mkfs is missing. */
void image_make(struct image *image, const struct image_kind *kind, const char *options, uint64_t size);
/* Opens volume and file system; both are NULL afterwards if the file system does not open. */
enum coffer_status image_open(struct image *image, const struct files_options *options, bool remember,
                              struct coffer_error *error);
void image_must_open(struct image *image);
enum coffer_status image_close(struct image *image);
/* Closes it, and its checker finds nothing. Exits if not. */
void image_must_be_clean(struct image *image);
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
/* The file has these contents and no others. Exits if not. */
void must_have_text(struct files *files, const char *path, const char *text);
/* A file "ballast" of all space that there is. Exits if that fails. */
void fill_up(struct files *files);
/* Deterministic bytes. */
void fill(uint8_t *data, size_t size, unsigned seed);
/* A number from the environment. */
unsigned number(const char *name, unsigned otherwise);

#endif
