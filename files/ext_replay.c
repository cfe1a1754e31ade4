/* SPDX-License-Identifier: ISC */
/*
 * ext_replay.c - reading a file system that was not closed, without writing to it: the blocks of the journal's
 * complete transactions go into the cache, where they stay because nothing is ever committed.
 */
#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ext_jbd.h"

/* A block that was freed: what the log has of it up to this transaction does not count. */
struct revoked {
    uint64_t number;
    uint32_t sequence;
};

struct replay {
    struct ext *ext;
    struct ext_log *log;
    uint32_t at, sequence;
    uint8_t *block, *data; /* two blocks */
    struct revoked *revoked;
    size_t revoked_count;
    bool apply;   /* the second pass */
    uint32_t end; /* sequence of the first transaction that is not complete */
};

static uint32_t next(const struct replay *replay)
{
    return ext_log_next(replay->log, replay->at);
}

static size_t tag_size(const struct ext_log *log)
{
    if ((log->incompat & JBD_INCOMPAT_CSUM_V3) != 0) {
        return sizeof(struct jbd_tag3);
    }
    size_t size = (log->incompat & JBD_INCOMPAT_64BIT) != 0 ? 12 : 8;
    return size + ((log->incompat & JBD_INCOMPAT_CSUM_V2) != 0 ? 2 : 0);
}

static size_t usable(const struct ext_log *log)
{
    bool tail = (log->incompat & (JBD_INCOMPAT_CSUM_V2 | JBD_INCOMPAT_CSUM_V3)) != 0;
    return log->block_size - (tail ? sizeof(uint32_t) : 0);
}

static bool is_revoked(const struct replay *replay, uint64_t number)
{
    for (size_t i = 0; i < replay->revoked_count; i++) {
        const struct revoked *revoked = &replay->revoked[i];
        if (revoked->number == number && (int32_t)(revoked->sequence - replay->sequence) >= 0 &&
            (int32_t)(replay->end - revoked->sequence) > 0) {
            return true;
        }
    }
    return false;
}

static int apply_block(struct replay *replay, uint64_t number, uint32_t flags)
{
    if (!replay->apply || is_revoked(replay, number)) {
        return 0;
    }
    int result = ext_log_read(replay->ext, replay->log, replay->at, replay->data);
    if (result < 0) {
        return result;
    }
    if ((flags & JBD_FLAG_ESCAPE) != 0) {
        uint32_t magic = htobe32(JBD_MAGIC);
        memcpy(replay->data, &magic, sizeof(magic));
    }
    return ext_cache_write(replay->ext, number, replay->data);
}

static void read_tag(const struct ext_log *log, const uint8_t *raw, uint64_t *number, uint32_t *flags)
{
    uint32_t high = 0;
    if ((log->incompat & JBD_INCOMPAT_CSUM_V3) != 0) {
        struct jbd_tag3 tag;
        memcpy(&tag, raw, sizeof(tag));
        *number = be32toh(tag.number);
        *flags = be32toh(tag.flags);
        high = be32toh(tag.number_high);
    } else {
        struct jbd_tag tag = { 0 };
        memcpy(&tag, raw, tag_size(log) < sizeof(tag) ? 8 : sizeof(tag));
        *number = be32toh(tag.number);
        *flags = be16toh(tag.flags);
        high = be32toh(tag.number_high);
    }
    *number |= (log->incompat & JBD_INCOMPAT_64BIT) != 0 ? (uint64_t)high << 32 : 0;
}

/* A descriptor block, and the blocks that follow it in the log. */
static int replay_descriptor(struct replay *replay)
{
    const struct ext_log *log = replay->log;
    size_t size = tag_size(log);
    uint32_t flags = 0;
    for (size_t at = sizeof(struct jbd_header); at + size <= usable(log) && (flags & JBD_FLAG_LAST) == 0;) {
        uint64_t number;
        read_tag(log, replay->block + at, &number, &flags);
        replay->at = next(replay);
        int result = apply_block(replay, number, flags);
        if (result < 0) {
            return result;
        }
        at += size + ((flags & JBD_FLAG_SAME_UUID) != 0 ? 0 : 16);
    }
    return 0;
}

static int note_revoked(struct replay *replay)
{
    size_t size = (replay->log->incompat & JBD_INCOMPAT_64BIT) != 0 ? 8 : 4;
    uint32_t used;
    memcpy(&used, replay->block + sizeof(struct jbd_header), sizeof(used));
    used = be32toh(used);
    if (replay->apply) {
        return 0;
    }
    if (used > usable(replay->log)) {
        return -EUCLEAN;
    }
    for (size_t at = sizeof(struct jbd_header) + 4; at + size <= used; at += size) {
        struct revoked *more = realloc(replay->revoked, (replay->revoked_count + 1) * sizeof(*more));
        if (more == NULL) {
            return -ENOMEM;
        }
        replay->revoked = more;
        uint64_t wide = 0;
        uint32_t narrow;
        memcpy(&narrow, replay->block + at, sizeof(narrow));
        memcpy(&wide, replay->block + at, size);
        more[replay->revoked_count++] =
            (struct revoked){ size == 8 ? be64toh(wide) : be32toh(narrow), replay->sequence };
    }
    return 0;
}

/* One pass over the log, up to what is not a complete transaction. */
static int pass(struct replay *replay)
{
    replay->at = replay->log->start;
    replay->sequence = replay->log->sequence;
    for (uint32_t steps = 0; steps < replay->log->last; steps++) {
        if (replay->apply && replay->sequence == replay->end) {
            return 0;
        }
        struct jbd_header header;
        int result = ext_log_read(replay->ext, replay->log, replay->at, replay->block);
        if (result < 0) {
            return result;
        }
        memcpy(&header, replay->block, sizeof(header));
        if (be32toh(header.magic) != JBD_MAGIC || be32toh(header.sequence) != replay->sequence) {
            break;
        }
        if (be32toh(header.type) == JBD_COMMIT) {
            replay->sequence++;
        } else if (be32toh(header.type) == JBD_DESCRIPTOR) {
            result = replay_descriptor(replay);
        } else if (be32toh(header.type) == JBD_REVOKE) {
            result = note_revoked(replay);
        } else {
            break;
        }
        if (result < 0) {
            return result;
        }
        replay->at = next(replay);
    }
    replay->end = replay->sequence;
    return 0;
}

/* The superblock and the descriptors were read before. */
static int reload(struct ext *ext)
{
    ext2_filsys fs = ext->fs;
    int result = ext_cache_read(ext, 1024 / fs->blocksize, ext->scratch[0], NULL);
    if (result < 0) {
        return result;
    }
    memcpy(fs->super, ext->scratch[0] + 1024 % fs->blocksize, sizeof(*fs->super));
    for (dgrp_t i = 0; i < fs->desc_blocks && result == 0; i++) {
        uint64_t where = ext2fs_descriptor_block_loc2(fs, fs->super->s_first_data_block, i);
        result = ext_cache_read(ext, where, (uint8_t *)fs->group_desc + (size_t)i * fs->blocksize, NULL);
    }
    return result;
}

static int replay_log(struct ext *ext, struct ext_log *log)
{
    if (log->start == 0) {
        return 0;
    }
    struct replay replay = { .ext = ext, .log = log, .block = ext->scratch[1], .data = ext->scratch[2] };
    int result = pass(&replay);
    replay.apply = true;
    if (result == 0) {
        result = pass(&replay);
    }
    free(replay.revoked);
    return result == 0 ? reload(ext) : result;
}

int ext_journal_replay(struct ext *ext)
{
    struct ext_log log;
    int result = ext_log_open(ext, &log);
    if (result == 0) {
        result = replay_log(ext, &log);
    }
    ext_log_close(&log);
    return result;
}
