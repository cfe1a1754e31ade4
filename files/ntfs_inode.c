/* SPDX-License-Identifier: ISC */
/*
 * ntfs_inode.c - inodes and their attributes. An inode's number here is the number of its record together with the
 * record's sequence number, so that it is never that of another file.
 *
 * NTFS has no permissions as Unix has them: files are readable by all, and writable by their owner unless they are
 * marked read only. chmod moves that one mark; anything else it asks for is not kept.
 */
#include "ntfs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int nt_error(void)
{
    return errno == 0 ? -EIO : errno == EIO ? -EUCLEAN : -errno;
}

void nt_free_buffer(uint8_t **buffer)
{
    free(*buffer);
}

uint64_t nt_ino(const ntfs_inode *inode)
{
    return MK_MREF(inode->mft_no, le16_to_cpu(inode->mrec->sequence_number));
}

bool nt_is_dir(ntfs_inode *inode)
{
    return (inode->mrec->flags & MFT_RECORD_IS_DIRECTORY) != 0 && nt_reparse_type(inode) != S_IFLNK;
}

int nt_open(struct nt *nt, uint64_t ino, ntfs_inode **inode)
{
    const uint64_t number = MREF(ino);
    if (number < FILE_first_user && number != FILE_root) {
        return -ENOENT; /* the volume's own */
    }
    errno = 0;
    ntfs_inode *opened = ntfs_inode_open(nt->library, number);
    if (opened == NULL) {
        return errno == ENOENT ? -ESTALE : nt_error();
    }
    if (opened->mrec->base_mft_record != 0 || nt_ino(opened) != ino) {
        ntfs_inode_close(opened);
        return -ESTALE;
    }
    *inode = opened;
    return 0;
}

int nt_close(ntfs_inode *inode, int result)
{
    return ntfs_inode_close(inode) == 0 || result < 0 ? result : nt_error();
}

/* ---- Times: of 100 ns, since 1601. The library's own conversions overflow on what a volume may say. ---- */

#define TICKS     10000000 /* in a second */
#define UNIX_TIME INT64_C(116444736000000000)

static struct timespec time_from(ntfs_time time)
{
    int64_t ticks;
    if (__builtin_sub_overflow((int64_t)sle64_to_cpu(time), UNIX_TIME, &ticks)) {
        return (struct timespec){ 0 };
    }
    const int64_t rest = (ticks % TICKS + TICKS) % TICKS;
    return (struct timespec){ .tv_sec = (ticks - rest) / TICKS, .tv_nsec = rest * 100 };
}

/* What NTFS cannot say becomes the nearest that it can. */
static ntfs_time time_to(struct timespec time)
{
    int64_t ticks;
    if (__builtin_mul_overflow((int64_t)time.tv_sec, TICKS, &ticks) ||
        __builtin_add_overflow(ticks, UNIX_TIME + time.tv_nsec / 100, &ticks)) {
        ticks = time.tv_sec < 0 ? 0 : INT64_MAX;
    }
    return (ntfs_time)cpu_to_sle64(ticks < 0 ? 0 : ticks);
}

/* ---- Reading attributes ---- */

/* Names for old programs do not count. *parent is the directory that has the first of the others. */
static int look_at_names(ntfs_inode *inode, uint32_t *count, uint64_t *parent)
{
    ntfs_attr_search_ctx *search = ntfs_attr_get_search_ctx(inode, NULL);
    if (search == NULL) {
        return nt_error();
    }
    *count = 0;
    while (ntfs_attr_lookup(AT_FILE_NAME, AT_UNNAMED, 0, CASE_SENSITIVE, 0, NULL, 0, search) == 0) {
        const FILE_NAME_ATTR *name =
            (const FILE_NAME_ATTR *)((const uint8_t *)search->attr + le16_to_cpu(search->attr->value_offset));
        if (name->file_name_type != FILE_NAME_DOS && (*count)++ == 0) {
            *parent = le64_to_cpu(name->parent_directory);
        }
    }
    const int result = errno == ENOENT ? 0 : nt_error();
    ntfs_attr_put_search_ctx(search);
    return result;
}

int nt_parent(ntfs_inode *inode, uint64_t *parent)
{
    uint32_t count;
    const int result = look_at_names(inode, &count, parent);
    return result == 0 && count == 0 ? -EUCLEAN : result;
}

static int link_size(struct nt *nt, ntfs_inode *inode, uint64_t *size)
{
    char *target = NULL;
    const int result = nt_reparse_target(nt, inode, &target);
    *size = result == 0 ? strlen(target) : 0;
    free(target);
    return result == -EOPNOTSUPP ? 0 : result;
}

static mode_t mode_of(ntfs_inode *inode)
{
    if (nt_reparse_type(inode) == S_IFLNK) {
        return S_IFLNK | 0777;
    }
    if (nt_is_dir(inode)) {
        return S_IFDIR | 0755;
    }
    return S_IFREG | ((inode->flags & FILE_ATTR_READONLY) != 0 ? 0555 : 0755);
}

int nt_attr(struct nt *nt, ntfs_inode *inode, struct files_attr *attr)
{
    *attr = (struct files_attr){
        .ino = nt_ino(inode),
        .mode = mode_of(inode),
        .links = 1, /* of directories: not counted */
        .uid = nt->uid,
        .gid = nt->gid,
        .size = (uint64_t)inode->data_size,
        .blocks = ((uint64_t)inode->allocated_size + 511) / 512,
        .block_size = nt->library->cluster_size,
        .atime = time_from(inode->last_access_time),
        .mtime = time_from(inode->last_data_change_time),
        .ctime = time_from(inode->last_mft_change_time),
        .birth = time_from(inode->creation_time),
    };
    int result = 0;
    if (S_ISLNK(attr->mode)) {
        result = link_size(nt, inode, &attr->size);
    }
    if (result == 0 && !S_ISDIR(attr->mode)) {
        uint64_t parent;
        result = look_at_names(inode, &attr->links, &parent);
    }
    if (nt_aside_has(nt, attr->ino)) {
        attr->links = 0;
    }
    return result;
}

int nt_getattr(struct files *files, uint64_t ino, struct files_attr *attr)
{
    struct nt *nt = (struct nt *)files;
    ntfs_inode *inode;
    pthread_mutex_lock(&nt->lock);
    int result = nt_open(nt, ino, &inode);
    if (result == 0) {
        result = nt_close(inode, nt_attr(nt, inode, attr));
    }
    pthread_mutex_unlock(&nt->lock);
    return result;
}

/* ---- Changing them ---- */

static void set_times(ntfs_inode *inode, unsigned what, const struct files_attr *change)
{
    ntfs_inode_update_times(inode, NTFS_UPDATE_CTIME);
    if ((what & FILES_ATIME) != 0) {
        inode->last_access_time = time_to(change->atime);
    }
    if ((what & FILES_MTIME) != 0) {
        inode->last_data_change_time = time_to(change->mtime);
    }
    if ((what & FILES_CTIME) != 0) {
        inode->last_mft_change_time = time_to(change->ctime);
    }
}

static void set_mode(ntfs_inode *inode, mode_t mode)
{
    if (nt_is_dir(inode)) {
        return; /* the mark means something else there */
    }
    if ((mode & S_IWUSR) != 0) {
        inode->flags &= (le32)~FILE_ATTR_READONLY;
    } else {
        inode->flags |= FILE_ATTR_READONLY;
    }
}

static int change_inode(struct nt *nt, ntfs_inode *inode, unsigned what, const struct files_attr *change)
{
    if ((what & FILES_SIZE) != 0) {
        int result = nt_resize(nt, inode, change->size);
        if (result < 0) {
            return result;
        }
    }
    if ((what & FILES_MODE) != 0) {
        set_mode(inode, change->mode);
    }
    set_times(inode, what, change);
    NInoFileNameSetDirty(inode);
    ntfs_inode_mark_dirty(inode);
    return 0;
}

int nt_setattr(struct files *files, uint64_t ino, unsigned what, const struct files_attr *change,
               struct files_attr *attr)
{
    struct nt *nt = (struct nt *)files;
    ntfs_inode *inode;
    struct files_attr now;
    int result = nt_begin(nt);
    if (result < 0) {
        return result;
    }
    result = nt_open(nt, ino, &inode);
    if (result == 0) {
        result = change_inode(nt, inode, what, change);
        if (result == 0) {
            result = nt_attr(nt, inode, attr != NULL ? attr : &now);
        }
        result = nt_close(inode, result);
    }
    nt_end(nt);
    return result;
}
