/* SPDX-License-Identifier: ISC */
/*
 * ntfs.h - the parts of the NTFS driver among themselves; nobody else includes this.
 *
 * libntfs-3g knows the structure and changes it in place, without a journal, and is single-threaded. Here it runs
 * under `lock`, and what it writes of structure stays in the store, in memory, until a commit brings all of it to
 * the volume at once: through a log of our own inside $LogFile, so that either all of it counts or nothing.
 * Contents of files go to the volume at once, but into clusters only that are free in what the volume says so far.
 *
 * Our names begin with nt_, because the library has taken ntfs_.
 */
#ifndef NTFS_H
#define NTFS_H

#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <time.h>

/* The library's headers lean on what comes before them. */
#include <ntfs-3g/types.h>

#include <ntfs-3g/layout.h>

#include <ntfs-3g/volume.h>

#include <ntfs-3g/attrib.h>
#include <ntfs-3g/cache.h>
#include <ntfs-3g/device.h>
#include <ntfs-3g/dir.h>
#include <ntfs-3g/inode.h>
#include <ntfs-3g/logfile.h>
#include <ntfs-3g/logging.h>
#include <ntfs-3g/ntfstime.h>
#include <ntfs-3g/reparse.h>
#include <ntfs-3g/unistr.h>

#include "files.h"

struct nt;

/* ---- ntfs_store.c: blocks of structure that wait for a commit ---- */

#define NT_BLOCK 4096u

struct nt_block {
    uint64_t number;
    struct nt_block *chain; /* next of the same hash */
    uint8_t data[NT_BLOCK];
};

struct nt_store {
    struct nt_block **buckets;
    size_t bucket_count; /* a power of two, or 0 */
    size_t count;
};

/* As the next commit would leave it. All offsets are bytes of the volume. */
int nt_store_read(struct nt *nt, void *data, size_t size, uint64_t offset);
/* Structure: stays in memory. */
int nt_store_write(struct nt *nt, const void *data, size_t size, uint64_t offset);
/* Contents: to the volume where nothing there is still needed. */
int nt_store_contents(struct nt *nt, const void *data, size_t size, uint64_t offset);
/* All blocks by number, `count` of them, for a commit; the caller frees the array, not the blocks. */
struct nt_block **nt_store_sorted(const struct nt *nt);
void nt_store_empty(struct nt *nt);
void nt_store_free(struct nt *nt);
size_t nt_store_size(const struct nt *nt, uint64_t number); /* of a block; the volume's last one may be short */

/* ---- ntfs_frozen.c: clusters that were freed since the last commit ---- */

struct nt_frozen {
    uint8_t **pages; /* bits, one for each cluster; a page that was not needed is NULL */
    size_t page_count;
    uint64_t count;
};

int nt_frozen_init(struct nt *nt);
void nt_frozen_free(struct nt *nt);
/* A write to this part of the volume: if it frees clusters in $Bitmap, they are noted. Before it is done. */
int nt_frozen_watch(struct nt *nt, const void *data, size_t size, uint64_t offset);
bool nt_frozen_touches(const struct nt *nt, uint64_t offset, size_t size);
/* They are free on the volume: gives those that are still free back to it, and forgets all. */
void nt_frozen_thaw(struct nt *nt);

/* ---- ntfs_locate.c: where $LogFile lies, found without the library ---- */

struct nt_run {
    uint64_t offset, size; /* bytes of the volume */
};

/* The runs of $LogFile in *runs (caller frees). -ENOENT: not NTFS; -EUCLEAN: not where it has to be. */
int nt_locate_log(struct nt *nt, struct nt_run **runs, size_t *count);

/* ---- ntfs_log.c: the log of changes inside $LogFile ---- */

enum nt_log_state {
    NT_LOG_NONE,    /* it cannot be found or has no room: nothing can be written safely */
    NT_LOG_EMPTY,   /* nothing is in $LogFile */
    NT_LOG_OURS,    /* our log, whose user did not come to the end */
    NT_LOG_FOREIGN, /* Windows' own log */
};

struct nt_log {
    enum nt_log_state state;
    struct nt_run *runs;
    size_t run_count;
    uint64_t size;   /* of $LogFile */
    uint64_t header; /* offset in it of our header, after which the blocks come */
    size_t capacity; /* blocks of one transaction */
    uint64_t used;   /* end of what was written, offset in $LogFile */
    uint64_t sequence;
};

/* Looks for the log and puts the blocks of an interrupted commit into the store. */
int nt_log_open(struct nt *nt);
void nt_log_free(struct nt *nt);
/* One transaction, durable when this returns. */
int nt_log_write(struct nt *nt, struct nt_block *const *blocks, size_t count);
/* Everything of it is in its place: an empty transaction. */
int nt_log_settle(struct nt *nt);
/* Makes all of $LogFile empty, as other drivers expect it of a volume that was closed properly. */
int nt_log_reset(struct nt *nt);
/* The same for what was used of it only. */
int nt_log_wipe(struct nt *nt);

/* ---- ntfs_commit.c: what is on the medium ---- */

int nt_begin(struct nt *nt);  /* locks for a change; -EROFS, -EIO after a failed commit: then it is not locked */
void nt_end(struct nt *nt);   /* unlocks */
int nt_commit(struct nt *nt); /* locked */
/* The store holds a transaction that is complete in the log: brings it to its place. */
int nt_commit_replayed(struct nt *nt);
int nt_commit_start(struct nt *nt); /* the thread that commits every few seconds */
void nt_commit_stop(struct nt *nt);
int nt_commit_end(struct nt *nt); /* the last commit, and the mark of a clean volume */
int nt_volume_read(struct nt *nt, void *data, size_t size, uint64_t offset);
int nt_volume_write(struct nt *nt, const void *data, size_t size, uint64_t offset);
int nt_volume_flush(struct nt *nt);
int nt_fsync(struct files *files, uint64_t ino, bool data_only);
int nt_sync(struct files *files);

/* ---- ntfs_device.c: the volume as libntfs-3g sees it ---- */

struct ntfs_device *nt_device_make(struct nt *nt);

/* ---- ntfs_inode.c: inodes and attributes ---- */

/* An inode of the library by its number here, which is its record's number and sequence number. */
int nt_open(struct nt *nt, uint64_t ino, ntfs_inode **inode);
/* Closes, which may write; `result`, or what went wrong. */
int nt_close(ntfs_inode *inode, int result);
uint64_t nt_ino(const ntfs_inode *inode);
bool nt_is_dir(ntfs_inode *inode);
int nt_parent(ntfs_inode *inode, uint64_t *parent);
int nt_attr(struct nt *nt, ntfs_inode *inode, struct files_attr *attr);
int nt_getattr(struct files *files, uint64_t ino, struct files_attr *attr);
int nt_setattr(struct files *files, uint64_t ino, unsigned what, const struct files_attr *change,
               struct files_attr *attr);
int nt_error(void);                    /* errno as a negative value, never 0 */
void nt_free_buffer(uint8_t **buffer); /* for scope cleanup */

/* ---- ntfs_reparse.c: symbolic links and their like ---- */

/* What a reparse point is here: S_IFLNK, or 0 where it is an ordinary file or directory with something added. */
mode_t nt_reparse_type(ntfs_inode *inode);
/* Whether the contents of a file are its contents, and not a note of where to find them. */
bool nt_reparse_is_here(ntfs_inode *inode);
/* Allocated, for a link; -EOPNOTSUPP for a kind that means nothing here. */
int nt_reparse_target(struct nt *nt, ntfs_inode *inode, char **target);
int nt_readlink(struct files *files, uint64_t ino, char *target, size_t size);

/* ---- ntfs_dir.c: reading directories ---- */

struct nt_name {
    ntfschar *text; /* UTF-16 */
    int length;
};

int nt_name_make(const char *name, struct nt_name *made); /* -EILSEQ, -ENAMETOOLONG */
void nt_name_free(struct nt_name *name);
/* The entry's inode number in *ino. */
int nt_dir_find(ntfs_inode *dir, const struct nt_name *name, uint64_t *ino);
/* The same, opened; -ENOENT for one that is not shown. */
int nt_entry(struct nt *nt, uint64_t dir, const struct nt_name *name, ntfs_inode **inode);
int nt_lookup(struct files *files, uint64_t dir, const char *name, struct files_attr *attr);
int nt_list(struct files *files, uint64_t dir, files_entry_fn *entry, void *user);

/* ---- ntfs_name.c, ntfs_rename.c: operations on names ---- */

/* An entry that may be removed or replaced. */
int nt_name_find(struct nt *nt, uint64_t dir, const struct nt_name *name, uint64_t *ino, bool *is_dir);
int nt_name_add(struct nt *nt, uint64_t ino, uint64_t dir, const struct nt_name *name);
/* With its last name the inode goes. */
int nt_name_remove(struct nt *nt, uint64_t ino, uint64_t dir, const struct nt_name *name);
/* The same, but a file whose last name goes is put aside, and a directory must be empty. */
int nt_name_drop(struct nt *nt, uint64_t ino, bool is_dir, uint64_t dir, const struct nt_name *name);
int nt_make(struct files *files, uint64_t dir, const char *name, const struct files_new *new,
            struct files_attr *attr);
int nt_link(struct files *files, uint64_t ino, uint64_t dir, const char *name, struct files_attr *attr);
int nt_unlink(struct files *files, uint64_t dir, const char *name);
int nt_rmdir(struct files *files, uint64_t dir, const char *name);
int nt_rename(struct files *files, uint64_t dir, const char *name, uint64_t new_dir, const char *new_name,
              unsigned flags);

/* ---- ntfs_aside.c: files without a name ---- */

/* A file that loses its last name gets another one in a hidden directory, where a crash leaves it for us to find. */
#define NT_ASIDE ".deleted-by-coffer"

int nt_aside_put(struct nt *nt, uint64_t ino);
bool nt_aside_has(const struct nt *nt, uint64_t ino);
/* Finds what a crash left; nt_aside_end removes it. */
int nt_aside_find(struct nt *nt);
/* Removes all that is there, and the directory. */
int nt_aside_end(struct nt *nt);
void nt_evict(struct files *files, uint64_t ino);

/* ---- ntfs_data.c: contents ---- */

ssize_t nt_read(struct files *files, uint64_t ino, void *data, size_t size, uint64_t offset);
ssize_t nt_write(struct files *files, uint64_t ino, const void *data, size_t size, uint64_t offset);
int nt_resize(struct nt *nt, ntfs_inode *inode, uint64_t size);
int nt_seek(struct files *files, uint64_t ino, uint64_t offset, int whence, uint64_t *found);

struct nt {
    struct files files; /* first */
    struct coffer_volume *volume;
    uint64_t volume_size; /* bytes */
    bool discard;
    uint32_t uid, gid; /* everything is theirs */
    struct ntfs_device *device;
    ntfs_volume *library;
    pthread_mutex_t lock;

    struct nt_store store;
    struct nt_frozen frozen;
    struct nt_log log;
    ntfs_attr *contents; /* what is being written; its clusters hold contents, all others structure */

    uint64_t aside;     /* the directory, or 0 */
    uint64_t *nameless; /* the files in it that are ours */
    size_t nameless_count, nameless_room;

    size_t commit_limit; /* blocks that make a commit due */
    bool in_use;         /* marked as such */
    bool failed;         /* a commit failed: nothing is written any more */
    pthread_t committer;
    bool committer_runs, stopping;
    pthread_cond_t wake;
    struct coffer_error first_failure;
};

#endif
