/* SPDX-License-Identifier: ISC */
/*
 * ext_log.c - the blocks of the journal on the volume, and what its superblock says.
 *
 * They never go through the cache: the journal is written around it.
 */
#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ext_jbd.h"

static int locate(const struct ext_log *log, uint32_t block, size_t *run, uint64_t *offset)
{
    for (size_t i = 0; i < log->span_count; i++) {
        const struct ext_span *span = &log->spans[i];
        if (block >= span->logical && block - span->logical < span->count) {
            *run = (size_t)(span->logical + span->count - block);
            *offset = (span->physical + block - span->logical) * log->block_size;
            return 0;
        }
    }
    return -EUCLEAN;
}

int ext_log_write(struct ext *ext, const struct ext_log *log, uint32_t block, const uint8_t *data, size_t count)
{
    while (count > 0) {
        size_t run;
        uint64_t offset;
        int result = locate(log, block, &run, &offset);
        if (result < 0) {
            return result;
        }
        run = run < count ? run : count;
        struct coffer_error error = COFFER_ERROR_INIT;
        if (coffer_volume_pwrite(ext->volume, data, run * log->block_size, offset, &error) != COFFER_OK) {
            ext_note_failure(ext, &error);
            return ext_volume_error(&error);
        }
        block += (uint32_t)run;
        data += run * log->block_size;
        count -= run;
    }
    return 0;
}

int ext_log_read(struct ext *ext, const struct ext_log *log, uint32_t block, uint8_t *data)
{
    size_t run;
    uint64_t offset;
    int result = locate(log, block, &run, &offset);
    if (result < 0) {
        return result;
    }
    struct coffer_error error = COFFER_ERROR_INIT;
    if (coffer_volume_pread(ext->volume, data, log->block_size, offset, &error) != COFFER_OK) {
        return ext_volume_error(&error);
    }
    return 0;
}

uint32_t ext_log_next(const struct ext_log *log, uint32_t block)
{
    return block + 1 < log->last ? block + 1 : log->first;
}

/* ---- Opening ---- */

static int find_spans(struct ext *ext, struct ext_log *log, uint64_t *blocks)
{
    ext2_ino_t ino = ext->fs->super->s_journal_inum;
    struct ext2_inode_large inode;
    int result = ext_inode_read(ext, ino, &inode);
    if (result < 0) {
        return result;
    }
    *blocks = EXT2_I_SIZE(&inode) / log->block_size;
    for (uint64_t block = 0; block < *blocks;) {
        struct ext_run run;
        result = ext_map_find(ext, ino, &inode, block, *blocks - block, &run);
        if (result < 0 || run.state != EXT_WRITTEN) {
            return result < 0 ? result : -EUCLEAN;
        }
        struct ext_span *spans = realloc(log->spans, (log->span_count + 1) * sizeof(*spans));
        if (spans == NULL) {
            return -ENOMEM;
        }
        log->spans = spans;
        spans[log->span_count++] = (struct ext_span){ run.logical, run.physical, run.count };
        block += run.count;
    }
    return 0;
}

static int parse(struct ext_log *log, uint64_t blocks)
{
    const struct jbd_super *super = (const struct jbd_super *)log->super;
    if (be32toh(super->header.magic) != JBD_MAGIC || be32toh(super->block_size) != log->block_size) {
        return -EUCLEAN;
    }
    log->incompat = be32toh(super->feature_incompat);
    if (be32toh(super->header.type) != JBD_SUPER_V2 || be32toh(super->users) > 1 ||
        (log->incompat & ~(uint32_t)JBD_INCOMPAT_KNOWN) != 0 || super->feature_ro_compat != 0) {
        return -EOPNOTSUPP;
    }
    log->first = be32toh(super->first);
    log->last = be32toh(super->max_length);
    log->start = be32toh(super->start);
    log->sequence = be32toh(super->sequence);
    log->error = super->error != 0;
    if ((log->incompat & JBD_INCOMPAT_FAST_COMMIT) != 0 && log->start != 0) {
        return -EOPNOTSUPP; /* the end of the log then holds something else */
    }
    if (log->first == 0 || log->last > blocks || log->last <= log->first ||
        log->last - log->first < JBD_MIN_BLOCKS || (log->start != 0 && log->start < log->first) ||
        log->start >= log->last) {
        return -EUCLEAN;
    }
    return 0;
}

int ext_log_open(struct ext *ext, struct ext_log *log)
{
    *log = (struct ext_log){ .block_size = ext->fs->blocksize };
    const struct ext2_super_block *super = ext->fs->super;
    if (super->s_journal_inum == 0 || super->s_journal_dev != 0) {
        return -EOPNOTSUPP; /* on a device of its own */
    }
    log->super = malloc(log->block_size);
    if (log->super == NULL) {
        return -ENOMEM;
    }
    uint64_t blocks;
    int result = find_spans(ext, log, &blocks);
    if (result == 0) {
        result = ext_log_read(ext, log, 0, log->super);
    }
    return result == 0 ? parse(log, blocks) : result;
}

void ext_log_close(struct ext_log *log)
{
    free(log->spans);
    free(log->super);
}
