/* SPDX-License-Identifier: ISC */
/*
 * ntfs_reparse.c - symbolic links and their like: links and junctions of Windows, links of WSL (which are what is
 * made here), links of Interix (which ntfs-3g makes). Whatever else hangs on a file, its contents are somewhere or
 * somehow that is not known here: such a file can be seen, and is not read.
 *
 * Windows' absolute targets name a drive, which is taken to be this volume: they become relative.
 */
#include "ntfs.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define TARGET_MAX  4096
#define DEPTH_MAX   1000
#define CLOUD_KINDS 0x0000f000u /* bits that tell services apart */
#define FAR_AWAY    0x00441000u /* attributes: offline, recall on open, recall on access */
#define HERE        "\001"      /* stands for the volume's root in what the library makes of a target */

static void free_text(char **text)
{
    free(*text);
}

static void free_search(ntfs_attr **attribute)
{
    ntfs_attr_close(*attribute);
}

/* ---- Kinds ---- */

static le32 tag_of(ntfs_inode *inode)
{
    REPARSE_POINT *point = ntfs_get_reparse_point(inode);
    const le32 tag = point != NULL ? point->reparse_tag : 0;
    free(point);
    return tag;
}

/* A link of Interix: a small file with the mark of the system, a magic and a name in UTF-16. NULL if it is none. */
static INTX_FILE *interix_link(ntfs_inode *inode)
{
    const s64 head = offsetof(INTX_FILE, target);
    if ((inode->flags & FILE_ATTR_SYSTEM) == 0 || (inode->mrec->flags & MFT_RECORD_IS_DIRECTORY) != 0 ||
        inode->data_size <= head || inode->data_size > head + 2 * TARGET_MAX) {
        return NULL;
    }
    __attribute__((cleanup(free_search))) ntfs_attr *data = ntfs_attr_open(inode, AT_DATA, AT_UNNAMED, 0);
    INTX_FILE *file = data != NULL && data->data_size == inode->data_size ? malloc((size_t)data->data_size) : NULL;
    if (file != NULL && (ntfs_attr_pread(data, 0, data->data_size, file) != data->data_size ||
                         file->magic != INTX_SYMBOLIC_LINK)) {
        free(file);
        return NULL;
    }
    return file;
}

mode_t nt_reparse_type(ntfs_inode *inode)
{
    if ((inode->flags & FILE_ATTR_REPARSE_POINT) == 0) {
        INTX_FILE *file = interix_link(inode);
        free(file);
        return file != NULL ? S_IFLNK : 0;
    }
    const le32 tag = tag_of(inode);
    return tag == IO_REPARSE_TAG_MOUNT_POINT || tag == IO_REPARSE_TAG_SYMLINK || tag == IO_REPARSE_TAG_LX_SYMLINK
               ? S_IFLNK
               : 0;
}

bool nt_reparse_is_here(ntfs_inode *inode)
{
    if ((inode->flags & FILE_ATTR_REPARSE_POINT) == 0) {
        return true;
    }
    const uint32_t tag = le32_to_cpu(tag_of(inode));
    return (tag & ~CLOUD_KINDS) == le32_to_cpu(IO_REPARSE_TAG_CLOUD) &&
           (le32_to_cpu(inode->flags) & FAR_AWAY) == 0;
}

/* ---- Targets ---- */

/* How many directories lie between the root and the one that holds the inode. */
static int depth_of(struct nt *nt, ntfs_inode *inode, unsigned *depth)
{
    uint64_t parent;
    int result = nt_parent(inode, &parent);
    for (*depth = 0; result == 0 && MREF(parent) != FILE_root; ++*depth) {
        ntfs_inode *dir;
        result = *depth < DEPTH_MAX ? nt_open(nt, parent, &dir) : -EUCLEAN;
        if (result == 0) {
            result = nt_close(dir, nt_parent(dir, &parent));
        }
    }
    return result;
}

/* "<root>/x" as seen from the directory of the link: "../../x". */
static int make_relative(struct nt *nt, ntfs_inode *inode, const char *rest, char **target)
{
    unsigned depth;
    int result = depth_of(nt, inode, &depth);
    if (result < 0) {
        return result;
    }
    const size_t size = strlen(rest) + depth * 3 + 3;
    char *made = malloc(size);
    if (made == NULL) {
        return -ENOMEM;
    }
    char *at = stpcpy(made, depth == 0 ? "./" : "");
    for (unsigned i = 0; i < depth; i++) {
        at = stpcpy(at, "../");
    }
    stpcpy(at, rest + strspn(rest, "/"));
    *target = made;
    return 0;
}

int nt_reparse_target(struct nt *nt, ntfs_inode *inode, char **target)
{
    __attribute__((cleanup(free_text))) char *text = NULL;
    *target = NULL;
    INTX_FILE *file = interix_link(inode);
    if (file != NULL) {
        const size_t units = ((size_t)inode->data_size - offsetof(INTX_FILE, target)) / sizeof(ntfschar);
        const void *text_in_file = (const uint8_t *)file + offsetof(INTX_FILE, target);
        const int length = ntfs_ucstombs(text_in_file, (int)units, target, 0);
        free(file);
        return length < 0 ? nt_error() : 0;
    }
    nt->library->abs_mnt_point = HERE;
    text = ntfs_make_symlink(inode, HERE);
    if (text == NULL) {
        return -EOPNOTSUPP;
    }
    if (strncmp(text, HERE, strlen(HERE)) == 0) {
        return make_relative(nt, inode, text + strlen(HERE), target);
    }
    *target = text;
    text = NULL;
    return 0;
}

int nt_readlink(struct files *files, uint64_t ino, char *target, size_t size)
{
    struct nt *nt = (struct nt *)files;
    __attribute__((cleanup(free_text))) char *text = NULL;
    ntfs_inode *inode;
    pthread_mutex_lock(&nt->lock);
    int result = nt_open(nt, ino, &inode);
    if (result == 0) {
        result = nt_reparse_type(inode) == S_IFLNK ? nt_reparse_target(nt, inode, &text) : -EINVAL;
        result = nt_close(inode, result);
    }
    pthread_mutex_unlock(&nt->lock);
    if (result < 0 || text == NULL) {
        return result;
    }
    if (strlen(text) >= size) {
        return -ERANGE;
    }
    stpcpy(target, text);
    return 0;
}
