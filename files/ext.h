/* SPDX-License-Identifier: ISC */
/*
 * ext.h - the parts of the ext2/3/4 driver among themselves; nobody else includes this.
 *
 * libext2fs is single-threaded, so `lock` guards it and nearly everything else here. Contents of files move
 * without it: a transfer maps its blocks under the lock and then reads or writes the volume directly, holding
 * the inode's lane (so that its blocks stay where they are) and, when it writes, `transfers` (so that no
 * commit describes blocks that are not written yet).
 *
 * All structure (everything but contents of files) goes through the block cache and stays in memory until a
 * commit writes it: through the journal where there is one, so that either all of it counts or nothing.
 * Blocks that are freed stay taken until the commit that frees them is on the medium; contents written
 * directly can thus never fall into a block that recovery would still give to somebody else.
 *
 * Order of locks: inode lane, commit_mutex, transfers, lock. Whoever holds `transfers` to move contents does
 * not commit.
 */
#ifndef EXT_H
#define EXT_H

#include <ext2fs/ext2_fs.h>
#include <ext2fs/ext2fs.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "files.h"
#include "lane.h"

#define EXT_LANES   64
#define EXT_SCRATCH 8 /* block buffers; which function uses which is said there */

/* ---- ext_cache.c: blocks of structure, and the io_manager that libext2fs sees ---- */

struct ext_block {
    uint64_t number;
    struct ext_block *chain;         /* next of the same hash */
    struct ext_block *newer, *older; /* in the list of clean blocks or of dirty ones */
    uint8_t *data;
    bool dirty;
    bool shared;  /* `data` is also part of the commit under way and must not change */
    bool checked; /* its checksum is known to be right */
};

struct ext_list {
    struct ext_block *newest, *oldest;
    size_t count;
};

struct ext_cache {
    size_t block_size;
    struct ext_block **buckets;
    size_t bucket_count; /* a power of two */
    struct ext_list clean, dirty;
    size_t clean_limit;
};

/* A block as a commit writes it. */
struct ext_image {
    uint64_t number;
    uint8_t *data;
};

struct ext;

struct struct_io_manager *ext_io_manager(struct ext *ext);
int ext_cache_init(struct ext *ext, size_t block_size);
void ext_cache_free(struct ext *ext);
/* Copies a block out; *checked (may be NULL) tells whether its checksum is known to be right. */
int ext_cache_read(struct ext *ext, uint64_t number, void *data, bool *checked);
int ext_cache_write(struct ext *ext, uint64_t number, const void *data);
void ext_cache_checked(struct ext *ext, uint64_t number);
/* These blocks are no structure any more. */
void ext_cache_forget(struct ext *ext, uint64_t number, uint64_t count);
/* Takes all dirty blocks, by number, for a commit, and gives them back afterwards. */
int ext_cache_take(struct ext *ext, struct ext_image **images, size_t *count);
void ext_cache_give_back(struct ext *ext, struct ext_image *images, size_t count);

/* ---- ext_journal.c: the journal, JBD2 format ---- */

struct ext_journal;

/* Reads the journal's superblock and where its blocks lie. *journal is NULL where there is none to use.
 * 0, -EUCLEAN when it holds transactions, -EOPNOTSUPP when it is of a kind not written here. */
int ext_journal_open(struct ext *ext, struct ext_journal **journal);
void ext_journal_free(struct ext_journal *journal);
size_t ext_journal_capacity(const struct ext_journal *journal); /* blocks that fit one transaction */
/* Makes one transaction durable. The blocks are not in their places afterwards. */
int ext_journal_write(struct ext *ext, struct ext_journal *journal, const struct ext_image *images, size_t count);
/* Everything is in its place and flushed: the journal is empty. */
int ext_journal_clear(struct ext *ext, struct ext_journal *journal);
/* Puts the blocks of complete transactions into the cache; writes nothing. */
int ext_journal_replay(struct ext *ext);

/* ---- ext_commit.c: what is on the medium ---- */

int ext_begin(struct ext *ext); /* locks; -EROFS, -EIO after a failed commit: then it is not locked */
void ext_end(struct ext *ext);  /* unlocks */
int ext_commit(struct ext *ext);
int ext_flush(struct ext *ext);                         /* the volume */
int ext_flush_all(struct ext *ext);                     /* commit, or at least flush */
int ext_volume_error(const struct coffer_error *error); /* as a negative errno value */
/* Remembers the first failure for close. */
void ext_note_failure(struct ext *ext, const struct coffer_error *error);
int ext_commit_start(struct ext *ext); /* the thread that commits every few seconds */
void ext_commit_stop(struct ext *ext);
int ext_commit_end(struct ext *ext); /* the last commit, and the mark of a clean file system */

/* ---- ext_alloc.c: blocks and inodes ---- */

int ext_alloc_init(struct ext *ext);
void ext_alloc_free(struct ext *ext);
/* A run of 1 .. want free blocks, marked as used; near `goal` if it can be. -ENOSPC. */
int ext_alloc_run(struct ext *ext, uint64_t goal, uint32_t want, uint64_t *start, uint32_t *count);
void ext_free_run(struct ext *ext, uint64_t start, uint32_t count);
int ext_alloc_inode(struct ext *ext, ext2_ino_t dir, bool is_dir, ext2_ino_t *ino);
void ext_free_inode(struct ext *ext, ext2_ino_t ino, bool is_dir);
size_t ext_alloc_dirty(const struct ext *ext); /* blocks that ext_alloc_stage would write */
int ext_alloc_stage(struct ext *ext);          /* bitmaps and descriptors into the cache */
/* Gives blocks that the commit under way frees back to the volume; with commit_mutex, without the lock. */
void ext_alloc_discard(struct ext *ext);
void ext_alloc_settle(struct ext *ext);       /* the commit is durable: freed blocks are free */
bool ext_alloc_frozen(const struct ext *ext); /* a commit would free blocks */

/* ---- ext_inode.c: inodes, attributes, orphans ---- */

int ext_inode_read(struct ext *ext, uint64_t ino, struct ext2_inode_large *inode);
int ext_inode_write(struct ext *ext, ext2_ino_t ino, struct ext2_inode_large *inode);
void ext_inode_touch(struct ext *ext, struct ext2_inode_large *inode, bool contents); /* ctime, mtime */
void ext_inode_attr(struct ext *ext, ext2_ino_t ino, const struct ext2_inode_large *inode,
                    struct files_attr *attr);
int ext_inode_new(struct ext *ext, ext2_ino_t dir, const struct files_new *new, ext2_ino_t *ino,
                  struct ext2_inode_large *inode);
/* On the list of orphans: without a name until ext_evict, or with blocks beyond its end. Once is enough. */
int ext_orphan_add(struct ext *ext, ext2_ino_t ino, struct ext2_inode_large *inode);
/* Off the list, if it has a name and was on it. */
int ext_orphan_keep(struct ext *ext, ext2_ino_t ino, struct ext2_inode_large *inode);
int ext_evict_all(struct ext *ext);
int ext_getattr(struct files *files, uint64_t ino, struct files_attr *attr);
int ext_setattr(struct files *files, uint64_t ino, unsigned what, const struct files_attr *change,
                struct files_attr *attr);
void ext_evict(struct files *files, uint64_t ino);

/* ---- ext_map.c: which blocks an inode has ---- */

enum ext_state { EXT_HOLE, EXT_UNWRITTEN, EXT_WRITTEN };

struct ext_run {
    uint64_t logical;  /* first block within the file */
    uint64_t physical; /* first block on the volume */
    uint64_t count;    /* blocks */
    enum ext_state state;
    bool fresh; /* just allocated or converted: what is on the volume means nothing */
};

/* The run that holds `block`, at most `limit` blocks of it. */
int ext_map_find(struct ext *ext, ext2_ino_t ino, struct ext2_inode_large *inode, uint64_t block, uint64_t limit,
                 struct ext_run *run);
/* The same, but allocated and of state `want` (EXT_WRITTEN, or EXT_UNWRITTEN which leaves written ones). */
int ext_map_make(struct ext *ext, ext2_ino_t ino, struct ext2_inode_large *inode, uint64_t block, uint64_t limit,
                 enum ext_state want, struct ext_run *run);
/* Frees [block, end); *done (may be NULL) tells whether all of it is freed or it should be called again: it
 * stops after `budget` runs so that one transaction does not grow without bounds. */
int ext_map_remove(struct ext *ext, ext2_ino_t ino, struct ext2_inode_large *inode, uint64_t block, uint64_t end,
                   unsigned budget, bool *done);

uint64_t ext_map_limit(const struct ext *ext, const struct ext2_inode_large *inode); /* blocks it can have */
unsigned ext_budget(const struct ext *ext);                                          /* for ext_map_remove */

/* ---- ext_data.c: contents ---- */

ssize_t ext_read(struct files *files, uint64_t ino, void *data, size_t size, uint64_t offset);
ssize_t ext_write(struct files *files, uint64_t ino, const void *data, size_t size, uint64_t offset);
int ext_allocate(struct files *files, uint64_t ino, int mode, uint64_t offset, uint64_t size);
int ext_seek(struct files *files, uint64_t ino, uint64_t offset, int whence, uint64_t *found);
int ext_fsync(struct files *files, uint64_t ino, bool data_only);
int ext_sync(struct files *files);
int ext_truncate(struct ext *ext, ext2_ino_t ino, uint64_t size);
struct lane *ext_lane(struct ext *ext, uint64_t ino);

/* ---- ext_entry.c: the entries of one block of a directory ---- */

struct ext_entry {
    size_t at, size; /* within the block */
    ext2_ino_t ino;  /* 0: unused */
    uint8_t name_size, type;
    const char *name;
};

size_t ext_entry_room(const struct ext *ext); /* bytes of a block that hold entries */
/* The entry at *at, which moves on to the next. 0 at the end of the block, -EUCLEAN for nonsense, else 1. */
int ext_entry_next(const struct ext *ext, const uint8_t *block, size_t *at, struct ext_entry *entry);
/* The entry of that name, and the one before it (the same if it is the first). -ENOENT, -EUCLEAN. */
int ext_entry_find(const struct ext *ext, const uint8_t *block, const char *name, size_t size,
                   struct ext_entry *entry, size_t *before);
/* Puts an entry where there is room. -ENOSPC, -EUCLEAN. */
int ext_entry_add(const struct ext *ext, uint8_t *block, const char *name, size_t size, ext2_ino_t ino,
                  uint8_t type);
void ext_entry_remove(const struct ext *ext, uint8_t *block, const struct ext_entry *entry, size_t before);
void ext_entry_replace(const struct ext *ext, uint8_t *block, const struct ext_entry *entry, ext2_ino_t ino,
                       uint8_t type);
/* A block with one unused entry, and the tail for its checksum. */
void ext_entry_blank(const struct ext *ext, uint8_t *block);
/* The first block of a directory: "." and "..". */
void ext_entry_first(const struct ext *ext, uint8_t *block, ext2_ino_t self, ext2_ino_t parent);
void ext_entry_set_size(const struct ext *ext, uint8_t *block, size_t at, size_t size);
uint8_t ext_entry_type(const struct ext *ext, mode_t mode); /* EXT2_FT_ value, 0 where they are not kept */

/* ---- ext_dir.c, ext_htree.c: directories ---- */

struct ext_dir {
    ext2_ino_t ino;
    struct ext2_inode_large inode;
};

/* Where an entry was found. */
struct ext_place {
    uint64_t block;         /* on the volume */
    struct ext_entry entry; /* without its name */
    size_t before;
};

int ext_dir_open(struct ext *ext, uint64_t ino, struct ext_dir *dir); /* -ENOTDIR */
uint64_t ext_dir_blocks(const struct ext *ext, const struct ext_dir *dir);
/* Block `number` of the directory; its place on the volume goes to *where. */
int ext_dir_read(struct ext *ext, struct ext_dir *dir, uint64_t number, uint8_t *block, uint64_t *where);
int ext_dir_write(struct ext *ext, const struct ext_dir *dir, uint64_t where, uint8_t *block);
int ext_dir_append(struct ext *ext, struct ext_dir *dir, uint64_t *number, uint64_t *where);
int ext_dir_find(struct ext *ext, struct ext_dir *dir, const char *name, struct ext_place *place);
int ext_dir_add(struct ext *ext, struct ext_dir *dir, const char *name, ext2_ino_t ino, uint8_t type);
int ext_dir_remove(struct ext *ext, struct ext_dir *dir, const struct ext_place *place);
int ext_dir_replace(struct ext *ext, struct ext_dir *dir, const struct ext_place *place, ext2_ino_t ino,
                    uint8_t type);
int ext_dir_is_empty(struct ext *ext, struct ext_dir *dir); /* 0, -ENOTEMPTY */
int ext_list(struct files *files, uint64_t ino, files_entry_fn *entry, void *user);

bool ext_htree_is(const struct ext *ext, const struct ext_dir *dir);
int ext_htree_find(struct ext *ext, struct ext_dir *dir, const char *name, struct ext_place *place);
int ext_htree_add(struct ext *ext, struct ext_dir *dir, const char *name, ext2_ino_t ino, uint8_t type);
/* Turns a directory of one block, which is full, into an indexed one of two. */
int ext_htree_make(struct ext *ext, struct ext_dir *dir);

/* ---- ext_name.c, ext_rename.c: operations on names ---- */

int ext_name_check(const char *name); /* a name that may be made or removed */
/* The inode has lost a name; the last one makes it an orphan. */
int ext_unname(struct ext *ext, ext2_ino_t ino, struct ext2_inode_large *inode);

int ext_lookup(struct files *files, uint64_t dir, const char *name, struct files_attr *attr);
int ext_make(struct files *files, uint64_t dir, const char *name, const struct files_new *new,
             struct files_attr *attr);
int ext_link(struct files *files, uint64_t ino, uint64_t dir, const char *name, struct files_attr *attr);
int ext_unlink(struct files *files, uint64_t dir, const char *name);
int ext_rmdir(struct files *files, uint64_t dir, const char *name);
int ext_rename(struct files *files, uint64_t dir, const char *name, uint64_t new_dir, const char *new_name,
               unsigned flags);
int ext_readlink(struct files *files, uint64_t ino, char *target, size_t size);

/* ---- ext_xattr.c ---- */

ssize_t ext_getxattr(struct files *files, uint64_t ino, const char *name, void *value, size_t size);
ssize_t ext_listxattr(struct files *files, uint64_t ino, char *names, size_t size);
int ext_setxattr(struct files *files, uint64_t ino, const char *name, const void *value, size_t size, int flags);
int ext_removexattr(struct files *files, uint64_t ino, const char *name);

/* ---- ext.c ---- */

int ext_error(errcode_t code);          /* of libext2fs, as a negative errno value; 0 for 0 */
void ext_free_buffer(uint8_t **buffer); /* for scope cleanup */

struct ext {
    struct files files; /* first */
    struct coffer_volume *volume;
    uint64_t volume_size; /* bytes */
    ext2_filsys fs;
    struct struct_io_manager manager;
    bool discard;

    pthread_mutex_t lock;
    struct ext_cache cache;
    uint8_t *scratch[EXT_SCRATCH];
    uint8_t *map_buffer; /* two blocks */

    struct lane lanes[EXT_LANES]; /* of inodes, by number */
    struct lane transfers;        /* WRITE: contents on their way; ALONE: a commit takes its picture */

    struct ext_journal *journal;
    pthread_mutex_t commit_mutex;
    size_t commit_limit; /* dirty blocks that make a commit due */
    bool in_use;         /* marked as such on the volume */
    bool failed;         /* a commit failed: nothing is written any more */
    pthread_t committer;
    bool committer_runs, stopping;
    pthread_cond_t wake;
    struct coffer_error first_failure;
    pthread_mutex_t failure_mutex;

    uint8_t *group_dirty; /* per group: EXT_GROUP_ bits */
    size_t groups_dirty;
    struct ext2_super_block super_written; /* as it is on the volume, or in the cache for the next commit */
    ext2fs_block_bitmap frozen;            /* freed since the last commit */
    ext2fs_block_bitmap thawing;           /* freed by the commit under way */
    uint64_t frozen_count, thawing_count;

    ext2_ino_t *orphans; /* the list on the volume: the newest last */
    size_t orphan_count, orphan_room;

    uint64_t overhead; /* blocks that never hold contents */
    uint32_t generation;
};

#endif
