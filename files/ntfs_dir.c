/* SPDX-License-Identifier: ISC */
/*
 * ntfs_dir.c - reading directories. Names are UTF-16 on the volume and UTF-8 here, and are taken as they are, upper
 * and lower case being different, as in a directory that Windows shares with Linux. Second, short names that Windows
 * keeps for old programs are not shown, nor are the files that describe the volume.
 */
#include "ntfs.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

int nt_name_make(const char *name, struct nt_name *made)
{
    *made = (struct nt_name){ 0 };
    if (name[0] == '\0') {
        return -EINVAL;
    }
    errno = 0;
    made->length = ntfs_mbstoucs(name, &made->text);
    if (made->length < 0) {
        return errno == 0 ? -EILSEQ : -errno;
    }
    if (made->length > NTFS_MAX_NAME_LEN) {
        nt_name_free(made);
        return -ENAMETOOLONG;
    }
    return 0;
}

void nt_name_free(struct nt_name *name)
{
    free(name->text);
    name->text = NULL;
}

/* ---- Lookup ---- */

int nt_dir_find(ntfs_inode *dir, const struct nt_name *name, uint64_t *ino)
{
    errno = 0;
    const u64 found = ntfs_inode_lookup_by_name(dir, name->text, name->length);
    if (found == (u64)-1) {
        return nt_error();
    }
    const u64 number = MREF(found);
    if (number < FILE_first_user) {
        return -ENOENT;
    }
    *ino = found;
    return 0;
}

/* Whether it is a name for old programs, which Windows keeps beside the real one. Nobody is shown these: the kernel
 * would not know that one goes with the other. */
static bool is_short_name(ntfs_inode *inode, uint64_t dir, const struct nt_name *name)
{
    bool is_short = false;
    ntfs_attr_search_ctx *search = ntfs_attr_get_search_ctx(inode, NULL);
    while (search != NULL && !is_short &&
           ntfs_attr_lookup(AT_FILE_NAME, AT_UNNAMED, 0, CASE_SENSITIVE, 0, NULL, 0, search) == 0) {
        const uint8_t *value = (const uint8_t *)search->attr + le16_to_cpu(search->attr->value_offset);
        const FILE_NAME_ATTR *found = (const FILE_NAME_ATTR *)value;
        is_short = found->file_name_type == FILE_NAME_DOS && le64_to_cpu(found->parent_directory) == dir &&
                   found->file_name_length == name->length &&
                   memcmp(value + offsetof(FILE_NAME_ATTR, file_name), name->text,
                          (size_t)name->length * sizeof(ntfschar)) == 0;
    }
    if (search != NULL) {
        ntfs_attr_put_search_ctx(search);
    }
    return is_short;
}

int nt_entry(struct nt *nt, uint64_t dir_ino, const struct nt_name *name, ntfs_inode **inode)
{
    ntfs_inode *dir;
    uint64_t ino = 0;
    int result = nt_open(nt, dir_ino, &dir);
    if (result < 0) {
        return result;
    }
    result = nt_is_dir(dir) ? nt_dir_find(dir, name, &ino) : -ENOTDIR;
    result = nt_close(dir, result);
    if (result == 0 && ino == nt->aside) {
        result = -ENOENT;
    }
    if (result == 0) {
        result = nt_open(nt, ino, inode);
        result = result == -ESTALE ? -EUCLEAN : result; /* a name of something that is not there */
    }
    if (result == 0 && is_short_name(*inode, dir_ino, name)) {
        result = nt_close(*inode, -ENOENT);
    }
    return result;
}

int nt_lookup(struct files *files, uint64_t dir, const char *name, struct files_attr *attr)
{
    struct nt *nt = (struct nt *)files;
    __attribute__((cleanup(nt_name_free))) struct nt_name wanted;
    ntfs_inode *inode;
    int result = nt_name_make(name, &wanted);
    if (result < 0) {
        return result == -EILSEQ ? -ENOENT : result;
    }
    pthread_mutex_lock(&nt->lock);
    result = nt_entry(nt, dir, &wanted, &inode);
    if (result == 0) {
        result = nt_close(inode, nt_attr(nt, inode, attr));
    }
    pthread_mutex_unlock(&nt->lock);
    return result;
}

/* ---- Listing ---- */

struct listing {
    const struct nt *nt;
    files_entry_fn *entry;
    void *user;
    bool stopped;
};

static unsigned char type_of(const MFT_REF reference, unsigned library_type)
{
    (void)reference;
    return library_type == NTFS_DT_DIR ? DT_DIR : library_type == NTFS_DT_REG ? DT_REG : DT_UNKNOWN;
}

static bool is_shown(const struct nt *nt, MFT_REF reference, int name_type)
{
    return name_type != FILE_NAME_DOS && reference != nt->aside &&
           (MREF(reference) >= FILE_first_user || MREF(reference) == FILE_root);
}

/* Of the library's shape. */
static int show_entry(void *user, const ntfschar *name, const int length, const int name_type, const s64 position,
                      const MFT_REF reference, const unsigned type)
{
    struct listing *listing = user;
    char *text = NULL;
    (void)position;
    if (!is_shown(listing->nt, reference, name_type)) {
        return 0;
    }
    const int size = ntfs_ucstombs(name, length, &text, 0);
    if (size < 0) {
        return errno == EILSEQ ? 0 : -1; /* a name that UTF-8 cannot say */
    }
    /* A volume that lies could say a path. */
    if (memchr(text, '/', (size_t)size) == NULL && memchr(text, '\0', (size_t)size) == NULL && size > 0) {
        listing->stopped = !listing->entry(listing->user, text, (size_t)size, reference, type_of(reference, type));
    }
    free(text);
    return listing->stopped ? -1 : 0;
}

int nt_list(struct files *files, uint64_t dir_ino, files_entry_fn *entry, void *user)
{
    struct nt *nt = (struct nt *)files;
    struct listing listing = { .nt = nt, .entry = entry, .user = user };
    ntfs_inode *dir;
    s64 position = 0;
    pthread_mutex_lock(&nt->lock);
    int result = nt_open(nt, dir_ino, &dir);
    if (result == 0) {
        result = nt_is_dir(dir) ? 0 : -ENOTDIR;
        errno = 0;
        if (result == 0 && ntfs_readdir(dir, &position, &listing, show_entry) != 0 && !listing.stopped) {
            result = nt_error();
        }
        result = nt_close(dir, result);
    }
    pthread_mutex_unlock(&nt->lock);
    return result;
}
