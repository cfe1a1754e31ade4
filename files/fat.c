/* SPDX-License-Identifier: ISC */
/*
 * fat.c - the driver for FAT and exFAT: opening and closing, and the table of operations.
 */
#include "fat.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "fail.h"

static enum coffer_status fail_from(const struct fat_codec *codec, struct coffer_error *error, int result)
{
    char what[64];
    switch (result) {
    case -ENODATA:
        return files_fail(error, COFFER_NOT_FOUND, 0, "no %s file system", codec->title);
    case -EOPNOTSUPP:
        return files_fail(error, COFFER_UNSUPPORTED, 0,
                          "the %s file system is of a version that is not known here", codec->title);
    default:
        snprintf(what, sizeof(what), "cannot use the %s file system", codec->title);
        return files_fail_from(error, result, what);
    }
}

/* ---- Opening and closing ---- */

static void release(struct fat *fat)
{
    fat_commit_stop(fat);
    if (fat->nodes.buckets > 0) {
        fat_nodes_free(fat);
    }
    fat_table_free(fat);
    fat_space_free(fat);
    fat_chain_forget(&fat->bitmap.chain);
    free(fat->bitmap.dirty);
    free(fat->upper);
    free(fat->moved.items);
    free(fat->settling.items);
    free(fat->branded.items);
    free(fat->fading.items);
    for (size_t i = 0; i < FAT_LANES; i++) {
        lane_destroy(&fat->lanes[i]);
    }
    lane_destroy(&fat->transfers);
    pthread_mutex_destroy(&fat->lock);
    pthread_mutex_destroy(&fat->commit_mutex);
    pthread_mutex_destroy(&fat->failure_mutex);
    pthread_cond_destroy(&fat->wake);
    free(fat);
}

static struct fat *allocate(struct coffer_volume *volume)
{
    struct fat *fat = calloc(1, sizeof(*fat));
    if (fat == NULL) {
        return NULL;
    }
    fat->volume = volume;
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&fat->wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
    pthread_mutex_init(&fat->lock, NULL);
    pthread_mutex_init(&fat->commit_mutex, NULL);
    pthread_mutex_init(&fat->failure_mutex, NULL);
    lane_init(&fat->transfers);
    for (size_t i = 0; i < FAT_LANES; i++) {
        lane_init(&fat->lanes[i]);
    }
    return fat;
}

static int prepare(struct fat *fat)
{
    int result = fat->codec->open(fat);
    return result == 0 ? fat_nodes_init(fat) : result;
}

static enum coffer_status prepare_writing(struct fat *fat, bool checked, struct coffer_error *error)
{
    int result = fat->codec->is_clean(fat);
    if (result == -EUCLEAN && !checked && fat->codec->mend != NULL) {
        result = fat->codec->mend(fat);
    }
    if (result == -EUCLEAN && !checked) {
        return files_fail(error, COFFER_FAILED, EUCLEAN, "the %s file system was not closed properly",
                          fat->codec->title);
    }
    if (result == 0 || result == -EUCLEAN) {
        result = fat_commit_start(fat);
    }
    return result < 0 ? fail_from(fat->codec, error, result) : COFFER_OK;
}

static enum coffer_status open_volume(struct fat *fat, const struct files_options *options,
                                      struct coffer_error *error)
{
    struct coffer_info info = { .size = sizeof(info) };
    enum coffer_status status = coffer_volume_info(fat->volume, &info, error);
    if (status != COFFER_OK) {
        return status;
    }
    fat->volume_size = info.data_size;
    fat->discard = options->discard;
    fat->uid = options->uid;
    fat->gid = options->gid;
    fat->files.read_only = options->read_only || info.read_only;
    int result = prepare(fat);
    if (result == -EOPNOTSUPP && fat->files.note[0] != '\0') {
        return files_fail(error, COFFER_UNSUPPORTED, 0, "%s", fat->files.note);
    }
    if (result < 0) {
        return fail_from(fat->codec, error, result);
    }
    return fat->files.read_only ? COFFER_OK : prepare_writing(fat, options->checked, error);
}

static enum coffer_status fat_close(struct files *files, struct coffer_error *error)
{
    struct fat *fat = (struct fat *)files;
    int result = 0;
    if (!files->read_only) {
        fat_node_evict_all(fat);
        fat_commit_stop(fat);
        result = fat_commit_end(fat);
    }
    struct coffer_error first = fat->first_failure;
    const struct fat_codec *codec = fat->codec;
    release(fat);
    if (first.status != COFFER_OK) {
        return files_fail(error, first.status, first.sys, "%s", first.text);
    }
    return result < 0 ? fail_from(codec, error, result) : COFFER_OK;
}

/* ---- The table ---- */

static int fat_statfs(struct files *files, struct statvfs *out)
{
    struct fat *fat = (struct fat *)files;
    pthread_mutex_lock(&fat->lock);
    int result = fat_space_load(fat);
    if (result == 0) {
        uint64_t free_clusters = (uint64_t)fat->space.free + fat->space.waiting;
        *out = (struct statvfs){
            .f_bsize = fat->geometry.cluster,
            .f_frsize = fat->geometry.cluster,
            .f_blocks = fat->geometry.clusters,
            .f_bfree = free_clusters,
            .f_bavail = free_clusters,
            .f_namemax = FAT_NAME_BYTES - 1,
        };
    }
    pthread_mutex_unlock(&fat->lock);
    return result;
}

static ssize_t no_getxattr(struct files *files, uint64_t ino, const char *name, void *value, size_t size)
{
    (void)files;
    (void)ino;
    (void)name;
    (void)value;
    (void)size;
    return -EOPNOTSUPP;
}

static ssize_t no_listxattr(struct files *files, uint64_t ino, char *names, size_t size)
{
    (void)files;
    (void)ino;
    (void)names;
    (void)size;
    return -EOPNOTSUPP;
}

static int no_setxattr(struct files *files, uint64_t ino, const char *name, const void *value, size_t size,
                       int flags)
{
    (void)files;
    (void)ino;
    (void)name;
    (void)value;
    (void)size;
    (void)flags;
    return -EOPNOTSUPP;
}

static int no_removexattr(struct files *files, uint64_t ino, const char *name)
{
    (void)files;
    (void)ino;
    (void)name;
    return -EOPNOTSUPP;
}

static const struct files_ops fat_ops = {
    .lookup = fat_lookup,
    .getattr = fat_getattr,
    .setattr = fat_setattr,
    .readlink = fat_readlink,
    .list = fat_list,
    .make = fat_make,
    .link = fat_link,
    .unlink = fat_unlink,
    .rmdir = fat_rmdir,
    .rename = fat_rename,
    .evict = fat_evict,
    .read = fat_read,
    .write = fat_write,
    .allocate = fat_allocate,
    .seek = fat_seek,
    .fsync = fat_fsync,
    .statfs = fat_statfs,
    .getxattr = no_getxattr,
    .listxattr = no_listxattr,
    .setxattr = no_setxattr,
    .removexattr = no_removexattr,
    .sync = fat_sync,
    .close = fat_close,
};

enum coffer_status fat_open(const struct fat_codec *codec, struct coffer_volume *volume,
                            const struct files_options *options, struct files **files, struct coffer_error *error)
{
    struct fat *fat = allocate(volume);
    if (fat == NULL) {
        return files_fail(error, COFFER_NO_MEMORY, ENOMEM, "not enough memory");
    }
    fat->files = (struct files){ .ops = &fat_ops, .type = codec->type, .folds_case = true };
    fat->codec = codec;
    enum coffer_status status = open_volume(fat, options, error);
    if (status != COFFER_OK) {
        release(fat);
        return status;
    }
    *files = &fat->files;
    return COFFER_OK;
}
