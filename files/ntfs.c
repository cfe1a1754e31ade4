/* SPDX-License-Identifier: ISC */
/*
 * ntfs.c - opening and closing an NTFS volume, and which of them may be written: those that whoever had them last
 * has closed properly. A commit of ours that was interrupted is finished first, or, where nothing may be written,
 * read as if it were.
 */
#include "ntfs.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fail.h"

/* ---- Which may be written ---- */

/* What Windows says in its log. -EPERM: it keeps changes elsewhere (hibernation, fast start). */
static int check_windows_log(struct nt *nt)
{
    RESTART_PAGE_HEADER *page = NULL;
    ntfs_inode *inode = ntfs_inode_open(nt->library, FILE_LogFile);
    if (inode == NULL) {
        return nt_error();
    }
    ntfs_attr *data = ntfs_attr_open(inode, AT_DATA, AT_UNNAMED, 0);
    int result = data != NULL && ntfs_check_logfile(data, &page) && ntfs_is_logfile_clean(data, page) ? 0 : -EBUSY;
    if (page != NULL && le16_to_cpu(page->major_ver) == 2 && le16_to_cpu(page->minor_ver) == 0) {
        result = -EPERM;
    }
    free(page);
    ntfs_attr_close(data);
    return nt_close(inode, result);
}

/* Why it may not be written; NULL if it may. */
static const char *why_not(struct nt *nt)
{
    if (nt->library->major_ver < 3) {
        return "it is of a version before Windows 2000";
    }
    if (nt->log.state == NT_LOG_NONE) {
        return "it has no room for a log of changes";
    }
    int result = nt->log.state == NT_LOG_FOREIGN ? check_windows_log(nt) : 0;
    if (result == -EPERM || ntfs_volume_check_hiberfile(nt->library, 0) != 0) {
        return "Windows is hibernated or has fast start on: shut Windows down with 'shutdown /s /t 0'";
    }
    if (result < 0) {
        return "Windows did not close it properly: start Windows with it, or run ntfsfix";
    }
    if ((nt->library->flags & VOLUME_IS_DIRTY) != 0 && nt->log.state != NT_LOG_OURS) {
        return "it is marked as not checked: let Windows check it (chkdsk /f), or run ntfsfix -d";
    }
    return NULL;
}

/* ---- Opening ---- */

static int open_library(struct nt *nt)
{
    ntfs_log_set_handler(ntfs_log_handler_null); /* it would write to standard error */
    nt->device = nt_device_make(nt);
    if (nt->device == NULL) {
        return -ENOMEM;
    }
    errno = 0;
    /* Read only as far as the library knows at first: it must not judge a log that is ours. */
    nt->library = ntfs_device_mount(nt->device, NTFS_MNT_RDONLY);
    if (nt->library == NULL) {
        return errno == ENOMEM ? -ENOMEM : -EUCLEAN;
    }
    ntfs_create_lru_caches(nt->library); /* without them the library does not find its own files */
    nt->library->special_files = NTFS_FILES_WSL;
    ntfs_inode *root = ntfs_inode_open(nt->library, FILE_root);
    if (root == NULL) {
        return nt_error();
    }
    nt->files.root = nt_ino(root);
    return nt_close(root, 0);
}

static int prepare_writing(struct nt *nt)
{
    nt->in_use = nt->log.state == NT_LOG_OURS;
    nt->library->state &= ~(1UL << NV_ReadOnly);
    nt->device->d_state &= ~(1UL << ND_ReadOnly);
    errno = 0;
    int result = ntfs_volume_get_free_space(nt->library) == 0 ? nt_frozen_init(nt) : nt_error();
    if (result == 0) {
        result = nt_commit_start(nt);
    }
    if (result == 0 && nt->aside != 0) {
        result = nt_begin(nt);
        if (result == 0) {
            result = nt_aside_end(nt);
            nt_end(nt);
        }
    }
    return result;
}

static enum coffer_status prepare(struct nt *nt, const struct files_options *options, struct coffer_error *error)
{
    struct coffer_info info = { .size = sizeof(info) };
    enum coffer_status status = coffer_volume_info(nt->volume, &info, error);
    if (status != COFFER_OK) {
        return status;
    }
    nt->volume_size = info.data_size;
    nt->discard = options->discard;
    nt->uid = options->uid;
    nt->gid = options->gid;
    nt->files.read_only = options->read_only || info.read_only;
    int result = nt_log_open(nt);
    if (result == -ENOENT) {
        return files_fail(error, COFFER_NOT_FOUND, 0, "no NTFS file system");
    }
    if (result == 0 && nt->log.state == NT_LOG_OURS && !nt->files.read_only) {
        result = nt_commit_replayed(nt);
    }
    if (result == 0) {
        result = open_library(nt);
    }
    if (result == 0) {
        result = nt_aside_find(nt);
    }
    if (result < 0) {
        return files_fail_from(error, result, "cannot open the NTFS file system");
    }
    const char *reason = nt->files.read_only ? NULL : why_not(nt);
    if (reason != NULL) {
        snprintf(nt->files.note, sizeof(nt->files.note), "%s", reason);
        nt->files.read_only = true;
    }
    result = nt->files.read_only ? 0 : prepare_writing(nt);
    return result < 0 ? files_fail_from(error, result, "cannot prepare the NTFS file system for writing")
                      : COFFER_OK;
}

static void release(struct nt *nt)
{
    nt_commit_stop(nt);
    /* After a failure the library still has something to write: it goes to our store and no further. But it closes
     * $Bitmap before that, and nobody may look there any more. */
    nt_frozen_free(nt);
    if (nt->library != NULL) {
        ntfs_umount(nt->library, FALSE); /* frees the device */
    } else if (nt->device != NULL) {
        ntfs_device_free(nt->device);
    }
    nt_store_free(nt);
    nt_log_free(nt);
    free(nt->nameless);
    pthread_mutex_destroy(&nt->lock);
    pthread_cond_destroy(&nt->wake);
    free(nt);
}

/* ---- Operations on the whole ---- */

static int nt_statfs(struct files *files, struct statvfs *out)
{
    struct nt *nt = (struct nt *)files;
    pthread_mutex_lock(&nt->lock);
    ntfs_volume *library = nt->library;
    errno = 0;
    int result = NVolFreeSpaceKnown(library) || ntfs_volume_get_free_space(library) == 0 ? 0 : nt_error();
    if (result == 0) {
        const uint64_t unused = library->free_clusters > 0 ? (uint64_t)library->free_clusters : 0;
        const uint64_t records = library->free_mft_records > 0 ? (uint64_t)library->free_mft_records : 0;
        /* Records can be made of free clusters as long as there are any. */
        const uint64_t more = (unused << library->cluster_size_bits) >> library->mft_record_size_bits;
        *out = (struct statvfs){
            .f_bsize = library->cluster_size,
            .f_frsize = library->cluster_size,
            .f_blocks = (fsblkcnt_t)library->nr_clusters,
            .f_bfree = unused,
            .f_bavail = unused,
            .f_files = (fsfilcnt_t)(library->mftbmp_na->allocated_size * 8) + more,
            .f_ffree = records + more,
            .f_favail = records + more,
            .f_namemax = NTFS_MAX_NAME_LEN,
        };
    }
    pthread_mutex_unlock(&nt->lock);
    return result;
}

/* There are none: streams of Windows are something else. */
static ssize_t nt_getxattr(struct files *files, uint64_t ino, const char *name, void *value, size_t size)
{
    (void)files, (void)ino, (void)name, (void)value, (void)size;
    return -EOPNOTSUPP;
}

static ssize_t nt_listxattr(struct files *files, uint64_t ino, char *names, size_t size)
{
    (void)files, (void)ino, (void)names, (void)size;
    return 0;
}

static int nt_setxattr(struct files *files, uint64_t ino, const char *name, const void *value, size_t size,
                       int flags)
{
    (void)files, (void)ino, (void)name, (void)value, (void)size, (void)flags;
    return -EOPNOTSUPP;
}

static int nt_removexattr(struct files *files, uint64_t ino, const char *name)
{
    (void)files, (void)ino, (void)name;
    return -EOPNOTSUPP;
}

static int nt_allocate(struct files *files, uint64_t ino, int mode, uint64_t offset, uint64_t size)
{
    (void)files, (void)ino, (void)mode, (void)offset, (void)size;
    return -EOPNOTSUPP;
}

static enum coffer_status nt_end_all(struct files *files, struct coffer_error *error)
{
    struct nt *nt = (struct nt *)files;
    int result = 0;
    nt_commit_stop(nt);
    if (nt->in_use) {
        result = nt_begin(nt);
        if (result == 0) {
            result = nt_aside_end(nt);
            result = result == 0 ? nt_commit_end(nt) : result;
            nt_end(nt);
        }
    }
    const struct coffer_error first = nt->first_failure;
    release(nt);
    if (first.status != COFFER_OK) {
        return files_fail(error, first.status, first.sys, "%s", first.text);
    }
    return result < 0 ? files_fail_from(error, result, "cannot close the NTFS file system") : COFFER_OK;
}

static const struct files_ops nt_ops = {
    .lookup = nt_lookup,
    .getattr = nt_getattr,
    .setattr = nt_setattr,
    .readlink = nt_readlink,
    .list = nt_list,
    .make = nt_make,
    .link = nt_link,
    .unlink = nt_unlink,
    .rmdir = nt_rmdir,
    .rename = nt_rename,
    .evict = nt_evict,
    .read = nt_read,
    .write = nt_write,
    .allocate = nt_allocate,
    .seek = nt_seek,
    .fsync = nt_fsync,
    .statfs = nt_statfs,
    .getxattr = nt_getxattr,
    .listxattr = nt_listxattr,
    .setxattr = nt_setxattr,
    .removexattr = nt_removexattr,
    .sync = nt_sync,
    .close = nt_end_all,
};

enum coffer_status files_open_ntfs(struct coffer_volume *volume, const struct files_options *options,
                                   struct files **files, struct coffer_error *error)
{
    struct nt *nt = calloc(1, sizeof(*nt));
    if (nt == NULL) {
        return files_fail(error, COFFER_NO_MEMORY, ENOMEM, "not enough memory");
    }
    nt->files = (struct files){ .ops = &nt_ops, .type = "ntfs" };
    nt->volume = volume;
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&nt->wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
    pthread_mutex_init(&nt->lock, NULL);
    enum coffer_status status = prepare(nt, options, error);
    if (status != COFFER_OK) {
        release(nt);
        return status;
    }
    *files = &nt->files;
    return COFFER_OK;
}
