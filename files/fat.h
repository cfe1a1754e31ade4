/* SPDX-License-Identifier: ISC */
/*
 * fat.h - the parts of the driver for FAT12/16/32 and exFAT among themselves; nobody else includes this.
 *
 * What is different about exFAT is in a table of functions, struct fat_codec: where everything is, how an entry is
 * written down, and that a bitmap says which clusters are in use. All else is shared.
 *
 * All structure - the table of clusters and the directories - is changed in memory and brought to the medium by
 * commits; contents of files go there at once. FAT has no journal, so order is all there is. A commit writes
 *
 *   1. nothing, but waits for contents;
 *   2. the table (and bitmap) with what was allocated and linked;
 *   3. directories, where what was moved away still has its old name as well;
 *   4. directories without those old names;
 *   5. the table or bitmap without what was freed,
 *
 * and flushes in between. Whenever power fails, no entry names a cluster that is not its own, and nothing that was
 * there before a change is lost before what replaces it is there. Clusters and entries that a commit frees stay taken
 * until it is over. What can be left behind: clusters that nobody names, and a moved file under both its names.
 * On exFAT the new name is branded until the commit after, and exfat_mend.c knows which one stays.
 *
 * Order of locks: lane of an inode, commit_mutex, transfers, lock. `lock` guards nearly everything; contents move
 * without it, in the lane of their inode, and under `transfers` when they are written, so that no commit describes
 * clusters that are not filled yet.
 */
#ifndef FAT_H
#define FAT_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "files.h"
#include "lane.h"

#define FAT_LANES      64
#define FAT_SLOT       32u        /* bytes of one entry of a directory */
#define FAT_FIRST      2u         /* the first cluster's number */
#define FAT_END        UINT32_MAX /* what follows the last cluster of a chain; on the medium it has fewer bits */
#define FAT_NAME_UNITS 255u
#define FAT_NAME_BYTES (3 * FAT_NAME_UNITS + 1)
#define FAT_NAME_SLOTS 21u /* of the longest name, with the entry itself */
#define FAT_ALIAS      11u
#define FAT_EXTRAS     16u /* slots of an entry that other systems have added */

struct fat;
struct fat_images;
struct fat_moved;

/* ---- fat_bytes.c: little-endian numbers, and errors ---- */

uint16_t fat_get16(const uint8_t *at);
uint32_t fat_get32(const uint8_t *at);
uint64_t fat_get64(const uint8_t *at);
void fat_put16(uint8_t *at, uint32_t value);
void fat_put32(uint8_t *at, uint32_t value);
void fat_put64(uint8_t *at, uint64_t value);
void fat_free_bytes(uint8_t **bytes); /* for scope cleanup */

/* ---- fat_boot.c: the first sector ---- */

enum fat_kind { FAT_12, FAT_16, FAT_32, FAT_EX };

/* Offsets and sizes in bytes, of the volume. */
struct fat_geometry {
    enum fat_kind kind;
    uint32_t sector;
    uint32_t cluster;
    uint32_t clusters;   /* of data */
    uint64_t table;      /* the first copy */
    uint64_t table_size; /* of one copy */
    unsigned copies;
    unsigned active; /* the copy that is read */
    bool mirrored;   /* all copies are written, or the active one only */
    uint64_t root;   /* of FAT12 and FAT16: a place of its own */
    uint32_t root_size;
    uint32_t root_cluster; /* of FAT32 */
    uint64_t data;         /* cluster 2 */
    uint64_t info;         /* FSInfo; 0: none */
    uint64_t most_size;    /* of a file */
    uint32_t most_slots;   /* of a directory */
    unsigned state;        /* within the first sector: the byte that says whether it was closed properly */
};

/* -ENODATA: this is no FAT file system; -EUCLEAN, -EOPNOTSUPP. */
int fat_boot_read(struct fat *fat);
/* Closed properly, as the first sector and the table say. 0, -EUCLEAN when not, or an error of reading. */
int fat_boot_is_clean(struct fat *fat);
/* Writes down, durably, that it is in use or not. */
int fat_boot_mark(struct fat *fat, bool in_use);

/* ---- fat_table.c: the table, entry by entry ---- */

struct fat_table {
    uint8_t **pages; /* read when first asked for */
    size_t count;
    size_t loaded;
    uint8_t *dirty; /* a bit for each sector */
    size_t dirty_count;
};

int fat_table_init(struct fat *fat);
void fat_table_free(struct fat *fat);
/* What follows `cluster`: a cluster, FAT_END, or 0 when it is free. -EUCLEAN for what cannot follow. */
int fat_table_next(struct fat *fat, uint32_t cluster, uint32_t *next);
int fat_table_set(struct fat *fat, uint32_t cluster, uint32_t next); /* FAT_END, or 0 to free it */
/* Entry 1, whose high bits say whether the file system was closed properly. */
int fat_table_is_clean(struct fat *fat, bool *clean);
int fat_table_set_clean(struct fat *fat, bool clean);
/* Adds all sectors that have changed, for every copy, and takes them for clean. */
int fat_table_collect(struct fat *fat, struct fat_images *images);
/* Calls `found` for runs of free clusters, all of them; reads the whole table. */
typedef void fat_free_fn(struct fat *fat, uint32_t start, uint32_t count);
int fat_table_scan(struct fat *fat, fat_free_fn *found);

/* ---- fat_space.c: which clusters are free ---- */

struct fat_span {
    uint32_t start, count;
};

struct fat_spans {
    struct fat_span *items;
    size_t count, room;
};

struct fat_space {
    uint64_t *used;           /* a bit for each cluster; NULL until somebody asks */
    uint32_t free;            /* clusters that can be had now */
    uint32_t rotor;           /* where to look next */
    struct fat_spans freed;   /* since the last commit */
    struct fat_spans freeing; /* by the commit under way */
    uint32_t waiting;         /* clusters in both */
};

int fat_space_load(struct fat *fat);
void fat_space_free(struct fat *fat);
/* A run of 1 .. want free clusters, at `goal` if it can be. -ENOSPC. */
int fat_space_take(struct fat *fat, uint32_t goal, uint32_t want, struct fat_span *span);
/* No name and no chain needs it any more; free after the next commit. */
int fat_space_release(struct fat *fat, struct fat_span span);
/* For a commit: what was freed until now is what it frees. */
void fat_space_start(struct fat *fat);
/* Its end, with and without the lock. */
void fat_space_discard(struct fat *fat);
void fat_space_settle(struct fat *fat);

/* ---- fat_chain.c: the clusters of one file ---- */

struct fat_run {
    uint32_t at; /* the first cluster's place in the file */
    uint32_t start, count;
};

struct fat_facts;

struct fat_chain {
    uint32_t start;  /* 0: none */
    uint32_t limit;  /* no more clusters than these belong to it; FAT_END: only the table knows */
    bool neighbours; /* they follow each other, and the table says nothing about them */
    struct fat_run *runs;
    size_t count, room;
    uint32_t known; /* clusters in the runs */
    bool whole;     /* there are no more */
};

/* The clusters that an entry tells of, and the other way round. */
struct fat_chain fat_chain_of(const struct fat *fat, const struct fat_facts *facts);
void fat_chain_tell(const struct fat *fat, const struct fat_chain *chain, struct fat_facts *facts);
void fat_chain_forget(struct fat_chain *chain);
/* Follows the chain until `clusters` of it are known, or its end. */
int fat_chain_reach(struct fat *fat, struct fat_chain *chain, uint32_t clusters);
/* The run that holds cluster `at` of the file, from there on. -ENODATA behind the end. */
int fat_chain_find(struct fat *fat, struct fat_chain *chain, uint32_t at, struct fat_span *span);
/* Makes it at least so long; all or nothing. -ENOSPC. */
int fat_chain_extend(struct fat *fat, struct fat_chain *chain, uint32_t clusters);
/* Gives back all but the first `keep` clusters. */
int fat_chain_cut(struct fat *fat, struct fat_chain *chain, uint32_t keep);
uint64_t fat_cluster_offset(const struct fat *fat, uint32_t cluster);
uint32_t fat_clusters_of(const struct fat *fat, uint64_t size);

/* ---- fat_time.c ---- */

/* As on the medium. */
struct fat_stamp {
    uint16_t date, time;
    uint8_t hundredths; /* beyond `time`, up to 199; where there is room for them */
    uint8_t zone;       /* quarters of an hour from UTC, in 7 bits, and FAT_ZONE; 0: local time */
};

#define FAT_ZONE 0x80 /* the zone is known */

/* With what there is room for: of the time when a file was made, changed, read. */
struct fat_stamp fat_stamp_made(const struct fat *fat, struct timespec time);
struct fat_stamp fat_stamp_changed(const struct fat *fat, struct timespec time);
struct fat_stamp fat_stamp_read(const struct fat *fat, struct timespec time);
struct timespec fat_stamp_time(struct fat_stamp stamp);

/* ---- fat_name.c: names as UTF-16, without case ---- */

struct fat_name {
    uint16_t units[FAT_NAME_UNITS];
    size_t count;
};

int fat_name_init(struct fat *fat);
/* -EILSEQ (not UTF-8), -ENAMETOOLONG */
int fat_name_read(const char *text, struct fat_name *name);
size_t fat_name_write(const struct fat_name *name, char text[FAT_NAME_BYTES]);
/* Whether a file can be made with it: -EINVAL. */
int fat_name_check(const struct fat_name *name);
uint32_t fat_name_hash(const struct fat *fat, const struct fat_name *name);
bool fat_name_equal(const struct fat *fat, const struct fat_name *a, const struct fat_name *b);

/* ---- fat_alias.c: the short name of DOS ---- */

void fat_alias_read(const uint8_t *slot, struct fat_name *name);
/* The alias that has the name already, if it is one: no other entry is needed for it. */
bool fat_alias_fits(const struct fat_name *name, uint8_t alias[FAT_ALIAS]);
/* The `attempt`-th alias for a name that does not fit; false when there are no more. */
bool fat_alias_make(const struct fat_name *name, unsigned attempt, uint8_t alias[FAT_ALIAS]);
uint8_t fat_alias_sum(const uint8_t alias[FAT_ALIAS]);

/* ---- fat_entry.c: entries of directories ---- */

enum {
    FAT_ATTR_READ_ONLY = 0x01,
    FAT_ATTR_VOLUME = 0x08,
    FAT_ATTR_DIR = 0x10,
    FAT_ATTR_ARCHIVE = 0x20,
    FAT_ATTR_LONG = 0x0f, /* a piece of a long name */
};

/* What an entry says of its file. */
struct fat_facts {
    uint16_t attributes;
    uint32_t start; /* 0: no clusters */
    uint64_t size;
    uint64_t valid;  /* bytes that were written; the others, up to `size`, are zero whatever is there */
    bool neighbours; /* as in struct fat_chain */
    struct fat_stamp birth, modified, accessed;
};

/* The slots of one file. */
struct fat_entry {
    uint32_t first, last;
    uint32_t own; /* the one that is the file's; the others hold its name and more */
    struct fat_facts facts;
    struct fat_name name;
    bool has_alias; /* by which it can be found as well */
    uint8_t alias[FAT_ALIAS];
    uint32_t extras; /* slots with what others have added; they stay with the file */
    uint8_t extra[FAT_EXTRAS * FAT_SLOT];
};

bool fat_entry_read(const struct fat *fat, const uint8_t *slots, uint32_t count, uint32_t at,
                    struct fat_entry *entry);
uint32_t fat_entry_slots(const struct fat_entry *entry);
void fat_entry_write(const struct fat *fat, uint8_t *slots, uint32_t count, const struct fat_entry *entry);
void fat_entry_update(const struct fat *fat, uint8_t *slots, uint32_t count, const struct fat_facts *facts);
void fat_entry_set_start(const struct fat *fat, uint8_t *slot, uint32_t start);
void fat_entry_dots(const struct fat *fat, uint8_t *slots, uint32_t self, uint32_t parent,
                    const struct fat_facts *facts);
bool fat_entry_is_free(const uint8_t *slot);
void fat_entry_remove(uint8_t *slot);

/* ---- fat_node.c: the inodes that are known ---- */

struct fat_dir;

struct fat_node {
    uint64_t ino;
    uint64_t generation;
    uint64_t place; /* of its entry on the volume, in slots; 0: it has none (any more) */
    struct fat_node *next_ino, *next_place;
    struct fat_node *older, *newer; /* among those that nobody asks for now */
    struct fat_node *parent;        /* NULL: the root, or without a name */
    uint32_t first, last, own;      /* slots in the parent */
    unsigned pins;                  /* nodes below, and others that need it */
    bool known;                     /* handed out and not evicted */
    uint64_t due;                   /* the commit that makes it durable */
    struct fat_facts facts;
    struct fat_chain chain;
    struct fat_dir *dir; /* its entries, while they are in memory */
};

struct fat_nodes {
    struct fat_node **by_ino, **by_place;
    size_t buckets, count;
    struct fat_node *oldest, *newest; /* not known, kept for a while */
    size_t idle;
    uint64_t generation;
};

int fat_nodes_init(struct fat *fat);
void fat_nodes_free(struct fat *fat);
/* -ESTALE */
int fat_node_find(struct fat *fat, uint64_t ino, struct fat_node **node);
/* The node of an entry, made where there is none. */
int fat_node_get(struct fat *fat, struct fat_node *parent, const struct fat_entry *entry, struct fat_node **node);
uint64_t fat_node_number(struct fat *fat, uint64_t place); /* what such a node has or would have as its number */
void fat_node_hand_out(struct fat *fat, struct fat_node *node);
void fat_node_pin(struct fat *fat, struct fat_node *node);
void fat_node_unpin(struct fat *fat, struct fat_node *node);
/* It has lost its name, or has another one. */
void fat_node_unname(struct fat *fat, struct fat_node *node);
void fat_node_name(struct fat *fat, struct fat_node *node, struct fat_node *parent, const struct fat_entry *entry,
                   uint64_t place);
void fat_node_attr(struct fat *fat, struct fat_node *node, struct files_attr *attr);
bool fat_node_is_dir(const struct fat_node *node);
/* What the node says goes into its entry. */
int fat_node_store(struct fat *fat, struct fat_node *node);
void fat_node_touch(struct fat *fat, struct fat_node *node); /* it has changed, now */
void fat_evict(struct files *files, uint64_t ino);
void fat_node_evict_all(struct fat *fat);

/* ---- fat_dir.c, fat_index.c: a directory in memory ---- */

struct fat_index {
    struct fat_key *keys;
    uint32_t *buckets;
    uint32_t bucket_count, count, room, spare;
};

struct fat_dir {
    struct fat_node *node;
    struct fat_dir *older, *newer; /* by last use */
    uint8_t *slots;
    uint32_t count; /* slots in memory: whole sectors, with the end mark, or all there are */
    uint32_t end;   /* slots before the end mark */
    uint8_t *dirty; /* a bit for each sector */
    uint8_t
        *frozen; /* a bit for each slot that was moved away and must not be used before the next commit is over */
    uint32_t dirty_count, frozen_count;
    uint32_t from[FAT_NAME_SLOTS + 1]; /* no so many free slots before this one */
    struct fat_index index;
};

/* The directory's entries; -ENOTDIR. It stays in memory until the lock is given up. */
int fat_dir_open(struct fat *fat, struct fat_node *node, struct fat_dir **dir);
void fat_dir_drop(struct fat *fat, struct fat_node *node);
void fat_dir_trim(struct fat *fat);
/* -ENOENT */
int fat_dir_find(struct fat *fat, struct fat_dir *dir, const struct fat_name *name, struct fat_entry *entry);
bool fat_dir_is_end(const uint8_t *slot);
/* Makes room for so many slots in a row. -ENOSPC. */
int fat_dir_room(struct fat *fat, struct fat_dir *dir, uint32_t slots, uint32_t *first);
/* Chooses alias and place of an entry and puts it there. */
int fat_dir_add(struct fat *fat, struct fat_dir *dir, struct fat_entry *entry);
/* The slots from `first` to `last` say this of their file now. */
void fat_dir_update(struct fat *fat, struct fat_dir *dir, uint32_t first, uint32_t last,
                    const struct fat_facts *facts);
/* This is a new name of a file that has an old one. */
int fat_dir_brand(struct fat *fat, struct fat_dir *dir, const struct fat_entry *entry);
/* Whether they can: in one write, which fails or not. */
bool fat_dir_can_update(const struct fat *fat, uint32_t own);
/* With `keep` the old entry stays on the medium until everything else of the next commit is there. */
int fat_dir_remove(struct fat *fat, struct fat_dir *dir, const struct fat_entry *entry, bool keep);
/* The names that a commit has made the only ones need no brand any more. */
void fat_dir_unbrand(struct fat *fat, const struct fat_moved *item);
void fat_dir_thaw(struct fat_dir *dir, uint32_t slot); /* what was kept need not be any more */
void fat_dir_changed(struct fat *fat, struct fat_dir *dir, uint32_t slot);
int fat_dir_place(struct fat *fat, struct fat_dir *dir, uint32_t slot, uint64_t *offset);
int fat_dir_is_empty(struct fat *fat, struct fat_dir *dir); /* 0, -ENOTEMPTY */
/* The first cluster of a new directory, filled and on its way to the medium. */
int fat_dir_make(struct fat *fat, uint32_t parent, const struct fat_facts *facts, struct fat_chain *chain);

void fat_index_free(struct fat_index *index);
int fat_index_add(const struct fat *fat, struct fat_index *index, const struct fat_entry *entry);
void fat_index_remove(const struct fat *fat, struct fat_index *index, const struct fat_entry *entry);
/* The next candidate for `hash` after *key, which begins as 0; its first slot. False: no more. */
bool fat_index_next(const struct fat_index *index, uint32_t hash, uint32_t *key, uint32_t *first);

/* ---- fat_tree.c, fat_rename.c, fat_attr.c, fat_data.c: operations ---- */

int fat_lookup(struct files *files, uint64_t dir, const char *name, struct files_attr *attr);
int fat_list(struct files *files, uint64_t dir, files_entry_fn *entry, void *user);
int fat_make(struct files *files, uint64_t dir, const char *name, const struct files_new *new,
             struct files_attr *attr);
int fat_unlink(struct files *files, uint64_t dir, const char *name);
int fat_rmdir(struct files *files, uint64_t dir, const char *name);
int fat_rename(struct files *files, uint64_t dir, const char *name, uint64_t new_dir, const char *new_name,
               unsigned flags);
int fat_link(struct files *files, uint64_t ino, uint64_t dir, const char *name, struct files_attr *attr);
int fat_readlink(struct files *files, uint64_t ino, char *target, size_t size);
/* An existing directory and a name in it. */
int fat_tree_open(struct fat *fat, uint64_t ino, const char *text, struct fat_node **node, struct fat_dir **dir,
                  struct fat_name *name);

int fat_getattr(struct files *files, uint64_t ino, struct files_attr *attr);
int fat_setattr(struct files *files, uint64_t ino, unsigned what, const struct files_attr *change,
                struct files_attr *attr);

int fat_regular(struct fat *fat, uint64_t ino, struct fat_node **node); /* -EISDIR */
struct lane *fat_lane(struct fat *fat, uint64_t ino);
ssize_t fat_read(struct files *files, uint64_t ino, void *data, size_t size, uint64_t offset);
ssize_t fat_write(struct files *files, uint64_t ino, const void *data, size_t size, uint64_t offset);
/* Called in the inode's lane, alone. */
int fat_resize(struct fat *fat, uint64_t ino, uint64_t size);
int fat_allocate(struct files *files, uint64_t ino, int mode, uint64_t offset, uint64_t size);
int fat_seek(struct files *files, uint64_t ino, uint64_t offset, int whence, uint64_t *found);
int fat_fsync(struct files *files, uint64_t ino, bool data_only);

/* ---- fat_picture.c: what a commit writes ---- */

/* A sector. */
struct fat_image {
    uint64_t offset;
    uint8_t *data;
};

struct fat_images {
    struct fat_image *items;
    size_t count, room;
};

/* The steps are those at the top of this file. */
struct fat_picture {
    struct fat_images linked; /* 2 */
    struct fat_images named;  /* 3 */
    struct fat_images gone;   /* 4 */
    struct fat_images freed;  /* 5 */
};

/* A slot that was moved away, as it was, or the first slot of a new name. */
struct fat_moved {
    struct fat_node *node; /* the directory, pinned */
    uint32_t slot;
    uint8_t bytes[FAT_SLOT];
};

struct fat_moves {
    struct fat_moved *items;
    size_t count, room;
};

bool fat_picture_is_empty(const struct fat *fat);
/* With the lock: takes the picture, and everything is clean in memory. */
int fat_picture_take(struct fat *fat, struct fat_picture *picture);
int fat_picture_write(struct fat *fat, const struct fat_picture *picture);
/* With the lock: it is on the medium, and what it freed is free. */
void fat_picture_settle(struct fat *fat);
void fat_picture_free(struct fat_picture *picture);
int fat_images_add(struct fat_images *images, uint64_t offset, const uint8_t *data, size_t size);

/* ---- fat_commit.c: when it is written, and the volume itself ---- */

int fat_pread(struct fat *fat, void *data, size_t size, uint64_t offset);
int fat_pwrite(struct fat *fat, const void *data, size_t size, uint64_t offset);
int fat_zero(struct fat *fat, uint64_t offset, uint64_t size);
int fat_flush(struct fat *fat);
/* Locks for a change that may need so many clusters; -EROFS, -EIO after a failed commit: then it is not locked. */
int fat_begin(struct fat *fat, uint32_t clusters);
void fat_end(struct fat *fat);
int fat_sync(struct files *files);
int fat_commit_start(struct fat *fat); /* the thread that commits every few seconds */
void fat_commit_stop(struct fat *fat);
int fat_commit_end(struct fat *fat); /* the last commit, and the mark of a clean file system */

/* ---- fat_classic.c, exfat.c: what is different ---- */

struct fat_codec {
    const char *type;  /* of struct files */
    const char *title; /* for messages */
    bool sized;        /* an entry says how many clusters there are, also of a directory */
    bool fine;         /* times are in UTC, to 10 ms where a file was changed and to 2 s where it was read */
    bool pairs;        /* what changes about a file is in two slots, the first two */

    /* Finds everything, and `upper`. -ENODATA: it is another file system; -EUCLEAN, -EOPNOTSUPP. */
    int (*open)(struct fat *fat);
    /* Closed properly. 0, -EUCLEAN when not, or an error of reading. */
    int (*is_clean)(struct fat *fat);
    /* Writes down, durably, that it is in use or not. */
    int (*mark)(struct fat *fat, bool in_use);

    /* Calls `found` for runs of free clusters, all of them. */
    int (*scan)(struct fat *fat, fat_free_fn *found);
    /* A free run is taken. NULL: its links say it. */
    void (*took)(struct fat *fat, struct fat_span span);
    /* What step 2 of a commit writes, or what step 5 does. */
    int (*collect)(struct fat *fat, struct fat_images *images, bool frees);

    /* The file that begins at slot `at`. False where none does. `count` is the number of slots there are. */
    bool (*read)(const struct fat *fat, const uint8_t *slots, uint32_t count, uint32_t at,
                 struct fat_entry *entry);
    uint32_t (*slots)(const struct fat_entry *entry); /* that it needs */
    /* Fills the slots of a new file. */
    void (*write)(const struct fat *fat, uint8_t *slots, uint32_t count, const struct fat_entry *entry);
    void (*update)(const struct fat *fat, uint8_t *slots, uint32_t count, const struct fat_facts *facts);
    bool (*is_free)(const uint8_t *slot);
    void (*remove)(uint8_t *slot);           /* free from now on, but not the end of the directory */
    bool (*is_strange)(const uint8_t *slot); /* no directory that holds it can be read. NULL: there is none */
    /* Whether a new entry can have its name, and, where there are such, an alias for it that nobody has. */
    int (*name)(struct fat *fat, struct fat_dir *dir, struct fat_entry *entry);
    /* The first two slots of a directory. NULL: it begins empty. */
    void (*dots)(const struct fat *fat, uint8_t *slots, uint32_t self, uint32_t parent,
                 const struct fat_facts *facts);
    /* A new name of a file says in which commit, modulo 256, it was new, until the old one is gone from the medium.
     * -1: it does not say. NULL: it cannot. */
    void (*brand)(uint8_t *slots, uint32_t count, int commit);
    int (*brand_of)(const uint8_t *slots);
    /* After a crash, before anything else. -EUCLEAN: a checker has to look at it. NULL: it always has to. */
    int (*mend)(struct fat *fat);
    /* Frees what the extras of an entry have. NULL: there are none. */
    void (*drop_extras)(struct fat *fat, const struct fat_entry *entry);
};

extern const struct fat_codec fat_classic;

/* ---- fat.c ---- */

enum coffer_status fat_open(const struct fat_codec *codec, struct coffer_volume *volume,
                            const struct files_options *options, struct files **files, struct coffer_error *error);

struct fat_bitmap {
    struct fat_chain chain; /* where it is */
    uint8_t *dirty;         /* a bit for each sector */
    size_t dirty_count;
};

struct fat {
    struct files files; /* first */
    const struct fat_codec *codec;
    struct coffer_volume *volume;
    uint64_t volume_size;
    struct fat_geometry geometry;
    bool discard;
    uint32_t uid, gid;
    uint16_t *upper; /* of every 16-bit character */

    pthread_mutex_t lock;
    struct fat_table table;
    struct fat_space space;
    struct fat_bitmap bitmap; /* of exFAT */
    struct fat_nodes nodes;
    struct fat_node *root;
    struct fat_dir *oldest_dir, *newest_dir;
    uint64_t dir_bytes;
    size_t dirty_dirs; /* sectors of them */
    bool info_changed;

    struct lane lanes[FAT_LANES];
    struct lane transfers; /* WRITE: contents on their way; ALONE: a commit takes its picture */

    pthread_mutex_t commit_mutex;
    struct fat_moves moved;    /* since the last commit */
    struct fat_moves settling; /* by the commit under way */
    struct fat_moves branded;  /* the same for new names */
    struct fat_moves fading;
    uint64_t taken, done; /* commits: begun, and over */
    bool in_use;          /* marked as such on the volume */
    bool failed;          /* a commit failed: nothing is written any more */
    pthread_t committer;
    bool committer_runs, stopping;
    pthread_cond_t wake;
    struct coffer_error first_failure;
    pthread_mutex_t failure_mutex;
};

#endif
