/* SPDX-License-Identifier: ISC */
/*
 * ext_journal.c - writing the journal of ext3/4 (JBD2 format), so that the kernel and e2fsck recover from it.
 *
 * A transaction is: descriptor blocks each followed by the blocks it lists, a flush, the commit block and the
 * journal's superblock pointing at this transaction, another flush. The log holds two transactions at most:
 * the newest, and the one before it until the newest is durable; by then the older one's blocks are known to be
 * in their places, because the first flush came after them. Freed blocks are never part of a transaction and
 * are not used again before the next one, so no revoke records are needed. Called with commit_mutex held.
 */
#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ext_jbd.h"

#define PIECE_BLOCKS(log) (((size_t)1 << 20) / (log)->block_size)

struct ext_journal {
    struct ext_log log;
    uint8_t *escaped;  /* a block that begins with the magic, without it */
    uint8_t *piece;    /* blocks gathered for one write */
    uint32_t piece_at; /* block of the log where `piece` belongs */
    size_t piece_count;
    uint32_t head;     /* where the next transaction begins */
    uint32_t sequence; /* of the next transaction */
    bool checksums;
    bool wide;     /* 64-bit block numbers */
    uint32_t seed; /* of checksums */
};

static uint32_t checksum(uint32_t seed, const void *data, size_t size)
{
    return ext2fs_crc32c_le(seed, data, size);
}

/* ---- Opening ---- */

static int open_journal(struct ext *ext, struct ext_journal *journal)
{
    struct ext_log *log = &journal->log;
    int result = ext_log_open(ext, log);
    if (result < 0) {
        return result;
    }
    if (log->start != 0 || log->error) {
        return -EUCLEAN;
    }
    journal->escaped = malloc(log->block_size);
    journal->piece = malloc(PIECE_BLOCKS(log) * log->block_size);
    if (journal->escaped == NULL || journal->piece == NULL) {
        return -ENOMEM;
    }
    const struct jbd_super *super = (const struct jbd_super *)log->super;
    journal->head = log->first;
    journal->sequence = log->sequence;
    journal->checksums = ext2fs_has_feature_metadata_csum(ext->fs->super) != 0;
    journal->wide = ext2fs_has_feature_64bit(ext->fs->super) != 0;
    journal->seed = checksum(UINT32_MAX, super->uuid, sizeof(super->uuid));
    return 0;
}

int ext_journal_open(struct ext *ext, struct ext_journal **journal)
{
    *journal = NULL;
    if (!ext2fs_has_feature_journal(ext->fs->super)) {
        return 0;
    }
    struct ext_journal *made = calloc(1, sizeof(*made));
    if (made == NULL) {
        return -ENOMEM;
    }
    int result = open_journal(ext, made);
    if (result < 0) {
        ext_journal_free(made);
        return result;
    }
    *journal = made;
    return 0;
}

void ext_journal_free(struct ext_journal *journal)
{
    if (journal == NULL) {
        return;
    }
    ext_log_close(&journal->log);
    free(journal->escaped);
    free(journal->piece);
    free(journal);
}

/* start 0: the log is empty. */
static int write_super(struct ext *ext, struct ext_journal *journal, uint32_t sequence, uint32_t start)
{
    struct jbd_super *super = (struct jbd_super *)journal->log.super;
    uint32_t incompat = journal->log.incompat & ~(uint32_t)JBD_INCOMPAT_CHANGED;
    incompat |= journal->checksums ? JBD_INCOMPAT_CSUM_V3 : 0;
    incompat |= journal->wide ? JBD_INCOMPAT_64BIT : 0;
    super->feature_compat = 0;
    super->feature_incompat = htobe32(incompat);
    super->sequence = htobe32(sequence);
    super->start = htobe32(start);
    super->checksum_type = journal->checksums ? JBD_CRC32C : 0;
    super->checksum = 0;
    if (journal->checksums) {
        super->checksum = htobe32(checksum(UINT32_MAX, super, sizeof(*super)));
    }
    return ext_log_write(ext, &journal->log, 0, journal->log.super, 1);
}

int ext_journal_clear(struct ext *ext, struct ext_journal *journal)
{
    return write_super(ext, journal, journal->sequence, 0);
}

/* ---- Blocks of a transaction, gathered ---- */

static int write_piece(struct ext *ext, struct ext_journal *journal)
{
    int result = ext_log_write(ext, &journal->log, journal->piece_at, journal->piece, journal->piece_count);
    journal->piece_count = 0;
    return result;
}

/* Appends one block to the log at *at, which moves on. */
static int append(struct ext *ext, struct ext_journal *journal, uint32_t *at, const uint8_t *data)
{
    size_t size = journal->log.block_size;
    if (journal->piece_count == 0) {
        journal->piece_at = *at;
    }
    memcpy(journal->piece + journal->piece_count * size, data, size);
    journal->piece_count++;
    *at = ext_log_next(&journal->log, *at);
    if (journal->piece_count == PIECE_BLOCKS(&journal->log) || *at == journal->log.first) {
        return write_piece(ext, journal);
    }
    return 0;
}

/* ---- Transactions ---- */

static size_t tag_size(const struct ext_journal *journal)
{
    return journal->checksums ? sizeof(struct jbd_tag3) : journal->wide ? sizeof(struct jbd_tag) : 8;
}

static size_t tags_per_block(const struct ext_journal *journal)
{
    size_t tail = journal->checksums ? sizeof(uint32_t) : 0;
    return (journal->log.block_size - sizeof(struct jbd_header) - 16 - tail) / tag_size(journal);
}

size_t ext_journal_capacity(const struct ext_journal *journal)
{
    /* Two transactions with their descriptor and commit blocks. */
    size_t half = (journal->log.last - journal->log.first) / 2 - 1;
    return half - half / tags_per_block(journal) - 2;
}

/* The log must not contain its own magic where a header could be; recovery puts it back. */
static const uint8_t *escape(struct ext_journal *journal, const uint8_t *data, uint32_t *flags)
{
    const uint32_t magic = htobe32(JBD_MAGIC);
    if (memcmp(data, &magic, sizeof(magic)) != 0) {
        return data;
    }
    memcpy(journal->escaped, data, journal->log.block_size);
    memset(journal->escaped, 0, sizeof(magic));
    *flags |= JBD_FLAG_ESCAPE;
    return journal->escaped;
}

static void put_tag(const struct ext_journal *journal, uint8_t *out, const struct ext_image *image,
                    const uint8_t *data, uint32_t flags)
{
    if (!journal->checksums) {
        struct jbd_tag tag = { .number = htobe32((uint32_t)image->number),
                               .flags = htobe16((uint16_t)flags),
                               .number_high = htobe32((uint32_t)(image->number >> 32)) };
        memcpy(out, &tag, tag_size(journal));
        return;
    }
    uint32_t sequence = htobe32(journal->sequence);
    uint32_t sum = checksum(checksum(journal->seed, &sequence, sizeof(sequence)), data, journal->log.block_size);
    struct jbd_tag3 tag = { .number = htobe32((uint32_t)image->number),
                            .flags = htobe32(flags),
                            .number_high = htobe32((uint32_t)(image->number >> 32)),
                            .checksum = htobe32(sum) };
    memcpy(out, &tag, sizeof(tag));
}

static void begin_block(const struct ext_journal *journal, uint8_t *block, uint32_t type)
{
    memset(block, 0, journal->log.block_size);
    struct jbd_header header = { htobe32(JBD_MAGIC), htobe32(type), htobe32(journal->sequence) };
    memcpy(block, &header, sizeof(header));
}

/* A descriptor block for up to tags_per_block images, and the images. */
static int write_group(struct ext *ext, struct ext_journal *journal, uint32_t *at, uint8_t *block,
                       const struct ext_image *images, size_t count)
{
    begin_block(journal, block, JBD_DESCRIPTOR);
    uint8_t *tag = block + sizeof(struct jbd_header);
    for (size_t i = 0; i < count; i++) {
        uint32_t flags = i > 0 ? JBD_FLAG_SAME_UUID : 0;
        flags |= i + 1 == count ? JBD_FLAG_LAST : 0;
        const uint8_t *data = escape(journal, images[i].data, &flags);
        put_tag(journal, tag, &images[i], data, flags);
        tag += tag_size(journal) + (i == 0 ? 16 : 0); /* the first is followed by an unused UUID */
    }
    if (journal->checksums) {
        uint32_t sum = htobe32(checksum(journal->seed, block, journal->log.block_size));
        memcpy(block + journal->log.block_size - sizeof(sum), &sum, sizeof(sum));
    }
    int result = append(ext, journal, at, block);
    for (size_t i = 0; result == 0 && i < count; i++) {
        uint32_t flags = 0;
        result = append(ext, journal, at, escape(journal, images[i].data, &flags));
    }
    return result;
}

static void make_commit_block(const struct ext_journal *journal, uint8_t *block)
{
    begin_block(journal, block, JBD_COMMIT);
    struct jbd_commit *commit = (struct jbd_commit *)block;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    commit->seconds = htobe64((uint64_t)now.tv_sec);
    commit->nanoseconds = htobe32((uint32_t)now.tv_nsec);
    if (journal->checksums) {
        commit->checksum[0] = htobe32(checksum(journal->seed, block, journal->log.block_size));
    }
}

int ext_journal_write(struct ext *ext, struct ext_journal *journal, const struct ext_image *images, size_t count)
{
    __attribute__((cleanup(ext_free_buffer))) uint8_t *block = malloc(journal->log.block_size);
    if (block == NULL) {
        return -ENOMEM;
    }
    uint32_t at = journal->head;
    size_t most = tags_per_block(journal);
    journal->piece_count = 0;
    for (size_t i = 0; i < count; i += most) {
        int result = write_group(ext, journal, &at, block, images + i, count - i < most ? count - i : most);
        if (result < 0) {
            return result;
        }
    }
    int result = write_piece(ext, journal);
    if (result == 0) {
        result = ext_flush(ext);
    }
    if (result == 0) {
        make_commit_block(journal, block);
        result = append(ext, journal, &at, block);
    }
    if (result == 0) {
        result = write_piece(ext, journal);
    }
    if (result == 0) {
        result = write_super(ext, journal, journal->sequence, journal->head);
    }
    if (result == 0) {
        result = ext_flush(ext);
    }
    journal->head = at;
    journal->sequence++;
    return result;
}
