/* SPDX-License-Identifier: ISC */
/*
 * ext_jbd.h - the layout of the ext3/4 journal. All numbers in it are big-endian.
 */
#ifndef EXT_JBD_H
#define EXT_JBD_H

#include "ext.h"

#define JBD_MAGIC      0xc03b3998u
#define JBD_DESCRIPTOR 1
#define JBD_COMMIT     2
#define JBD_SUPER_V2   4
#define JBD_REVOKE     5
#define JBD_CRC32C     4
#define JBD_MIN_BLOCKS 256 /* mke2fs makes none below 1024 */

#define JBD_FLAG_ESCAPE    1
#define JBD_FLAG_SAME_UUID 2
#define JBD_FLAG_LAST      8

#define JBD_INCOMPAT_REVOKE      0x01
#define JBD_INCOMPAT_64BIT       0x02
#define JBD_INCOMPAT_ASYNC       0x04
#define JBD_INCOMPAT_CSUM_V2     0x08
#define JBD_INCOMPAT_CSUM_V3     0x10
#define JBD_INCOMPAT_FAST_COMMIT 0x20
#define JBD_INCOMPAT_KNOWN       0x3f
/* Say how transactions are written; set anew by whoever finds the log empty. */
#define JBD_INCOMPAT_CHANGED                                                                 \
    (JBD_INCOMPAT_64BIT | JBD_INCOMPAT_ASYNC | JBD_INCOMPAT_CSUM_V2 | JBD_INCOMPAT_CSUM_V3 | \
     JBD_INCOMPAT_FAST_COMMIT)

struct jbd_header {
    uint32_t magic, type, sequence;
};

struct jbd_super {
    struct jbd_header header;
    uint32_t block_size, max_length, first;
    uint32_t sequence, start; /* of the first transaction in the log; start 0: empty */
    uint32_t error;
    uint32_t feature_compat, feature_incompat, feature_ro_compat;
    uint8_t uuid[16];
    uint32_t users, dynamic_super, max_transaction, max_data;
    uint8_t checksum_type, padding1[3];
    uint32_t fast_commit_blocks, head;
    uint32_t padding2[40];
    uint32_t checksum;
    uint8_t user_ids[768];
};
_Static_assert(sizeof(struct jbd_super) == 1024, "journal superblock");

struct jbd_tag {
    uint32_t number;
    uint16_t checksum, flags;
    uint32_t number_high; /* only with 64-bit block numbers */
};

struct jbd_tag3 {
    uint32_t number, flags, number_high, checksum;
};

struct jbd_commit {
    struct jbd_header header;
    uint8_t checksum_type, checksum_size, padding[2];
    uint32_t checksum[8];
    uint64_t seconds;
    uint32_t nanoseconds;
};

/* ---- ext_log.c: the log as blocks ---- */

/* Where a piece of the journal's inode lies. */
struct ext_span {
    uint64_t logical, physical, count;
};

struct ext_log {
    size_t block_size;
    struct ext_span *spans;
    size_t span_count;
    uint8_t *super;           /* a block */
    uint32_t first, last;     /* blocks of the log: [first, last) */
    uint32_t start, sequence; /* of the first transaction in it; start 0: empty */
    uint32_t incompat;
    bool error; /* whoever wrote it last has given up */
};

/* 0, -EUCLEAN, -EOPNOTSUPP when it is of a kind not known here. Close it in any case. */
int ext_log_open(struct ext *ext, struct ext_log *log);
void ext_log_close(struct ext_log *log);
uint32_t ext_log_next(const struct ext_log *log, uint32_t block); /* wraps */
int ext_log_read(struct ext *ext, const struct ext_log *log, uint32_t block, uint8_t *data);
int ext_log_write(struct ext *ext, const struct ext_log *log, uint32_t block, const uint8_t *data, size_t count);

#endif
