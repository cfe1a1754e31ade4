/* SPDX-License-Identifier: ISC */
/*
 * ntfs_log.c - the log of changes, in the second half of $LogFile, the rest of which is empty (bytes of 0xff, as a
 * new file system has them). One transaction fills it from its start: a header with a checksum over all, the
 * numbers of the blocks, the blocks. It is complete, and counts, or it is not there.
 *
 * The header lies where every driver looks for a page of the log that Windows keeps, at a power of two. Others
 * therefore find a log that is neither empty nor theirs, and make it empty, or refuse to write; after that it is
 * not found here any more, and never replayed over changes of somebody else. Beginning at 0: magic, sequence number,
 * count of blocks, checksum of numbers and blocks, checksum of these fields; 64 bits each, as the machine has them.
 */
#include "ntfs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MAGIC         UINT64_C(0x31676f4c72666643) /* "CffrLog1" */
#define HEADER        4096u
#define LEAST         24u /* blocks that any one operation changes, and some */
#define MOST          8192u
#define PIECE         (256u << 10)
#define SECTOR        512u
#define WINDOWS_PAGES 8192u /* bytes at the start of $LogFile that are empty as long as the log is ours */

struct header {
    uint64_t magic, sequence, count, sum, own_sum;
};

/* ---- Checksums ---- */

/* Against torn writes, not against people. */
static uint64_t sum_of(uint64_t sum, const void *data, size_t size)
{
    const uint8_t *at = data;
    for (; size >= 8; at += 8, size -= 8) {
        uint64_t word;
        memcpy(&word, at, 8);
        sum = (sum ^ word) * UINT64_C(0x9fb21c651e98df25);
        sum ^= sum >> 29;
    }
    return sum;
}

static uint64_t header_sum(const struct header *header)
{
    return sum_of(MAGIC, header, offsetof(struct header, own_sum));
}

/* ---- $LogFile as one range of bytes ---- */

typedef int transfer_fn(struct nt *nt, void *data, size_t size, uint64_t offset);

static int write_part(struct nt *nt, void *data, size_t size, uint64_t offset)
{
    return nt_volume_write(nt, data, size, offset);
}

static int transfer(struct nt *nt, void *data, size_t size, uint64_t offset, transfer_fn *move)
{
    const struct nt_log *log = &nt->log;
    uint8_t *at = data;
    for (size_t i = 0; i < log->run_count && size > 0; i++) {
        const struct nt_run *run = &log->runs[i];
        if (offset >= run->size) {
            offset -= run->size;
            continue;
        }
        const size_t part = size < run->size - offset ? size : (size_t)(run->size - offset);
        int result = move(nt, at, part, run->offset + offset);
        if (result < 0) {
            return result;
        }
        at += part;
        size -= part;
        offset = 0;
    }
    return size == 0 ? 0 : -EUCLEAN;
}

static int read_log(struct nt *nt, void *data, size_t size, uint64_t offset)
{
    return transfer(nt, data, size, offset, nt_volume_read);
}

static int write_log(struct nt *nt, void *data, size_t size, uint64_t offset)
{
    return transfer(nt, data, size, offset, write_part);
}

static int write_empty(struct nt *nt, uint64_t from, uint64_t to)
{
    __attribute__((cleanup(nt_free_buffer))) uint8_t *empty = malloc(PIECE);
    if (empty == NULL) {
        return -ENOMEM;
    }
    memset(empty, 0xff, PIECE);
    int result = 0;
    while (from < to && result == 0) {
        const size_t part = to - from < PIECE ? (size_t)(to - from) : PIECE;
        result = write_log(nt, empty, part, from);
        from += part;
    }
    return result;
}

/* ---- Where it lies in $LogFile ---- */

/* Blocks that fit into this many bytes after the header, with their numbers. */
static size_t capacity_of(uint64_t size)
{
    const uint64_t blocks = size / (NT_BLOCK + sizeof(uint64_t));
    const uint64_t fits = blocks > 1 ? blocks - 1 : 0; /* the numbers fill whole blocks */
    return fits < MOST ? (size_t)fits : MOST;
}

static uint64_t numbers_size(size_t count)
{
    return (count * sizeof(uint64_t) + NT_BLOCK - 1) / NT_BLOCK * NT_BLOCK;
}

/* From the last power of two to the end, or between the last two of them, whichever is more. */
static void lay_out(struct nt_log *log)
{
    uint64_t power = WINDOWS_PAGES;
    while (power * 2 < log->size) {
        power *= 2;
    }
    const bool last = log->size - power >= power / 2;
    log->header = last ? power : power / 2;
    const uint64_t end = last ? log->size : power;
    const size_t capacity = end > log->header + HEADER ? capacity_of(end - log->header - HEADER) : 0;
    log->capacity = log->header > WINDOWS_PAGES && capacity >= LEAST ? capacity : 0;
}

/* ---- Opening ---- */

static bool is_empty(const uint8_t *data, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (data[i] != 0xff) {
            return false;
        }
    }
    return true;
}

static bool is_ours(const struct header *header)
{
    return header->magic == MAGIC && header->own_sum == header_sum(header);
}

/* The blocks of a complete transaction go to the store; of an incomplete one nothing has reached its place. */
static int replay(struct nt *nt, const struct header *header)
{
    if (header->count == 0 || header->count > nt->log.capacity) {
        return 0;
    }
    const size_t count = (size_t)header->count, numbers = (size_t)numbers_size(count);
    const size_t size = numbers + count * NT_BLOCK;
    __attribute__((cleanup(nt_free_buffer))) uint8_t *all = malloc(size);
    if (all == NULL) {
        return -ENOMEM;
    }
    int result = read_log(nt, all, size, nt->log.header + HEADER);
    if (result < 0 || sum_of(header->sequence, all, size) != header->sum) {
        return result;
    }
    for (size_t i = 0; i < count && result == 0; i++) {
        uint64_t number;
        memcpy(&number, all + i * sizeof(number), sizeof(number));
        if (number > nt->volume_size / NT_BLOCK) {
            return -EUCLEAN;
        }
        result = nt_store_write(nt, all + numbers + i * NT_BLOCK, nt_store_size(nt, number), number * NT_BLOCK);
    }
    return result;
}

int nt_log_open(struct nt *nt)
{
    struct nt_log *log = &nt->log;
    uint8_t first[WINDOWS_PAGES], page[SECTOR];
    struct header header;
    int result = nt_locate_log(nt, &log->runs, &log->run_count);
    if (result == -EUCLEAN) {
        return 0; /* the library will say what is wrong, if anything is */
    }
    for (size_t i = 0; i < log->run_count && result == 0; i++) {
        log->size += log->runs[i].size;
    }
    lay_out(log);
    if (result < 0 || log->capacity == 0) {
        return result;
    }
    result = read_log(nt, first, sizeof(first), 0);
    if (result == 0) {
        result = read_log(nt, page, sizeof(page), log->header);
    }
    if (result < 0) {
        return result;
    }
    log->state = NT_LOG_FOREIGN;
    if (!is_empty(first, sizeof(first))) {
        return 0;
    }
    memcpy(&header, page, sizeof(header));
    if (is_ours(&header)) {
        log->state = NT_LOG_OURS;
        log->sequence = header.sequence;
        log->used = log->size;
        return replay(nt, &header);
    }
    log->state = is_empty(page, sizeof(page)) ? NT_LOG_EMPTY : NT_LOG_FOREIGN;
    return 0;
}

void nt_log_free(struct nt *nt)
{
    free(nt->log.runs);
}

/* ---- Writing ---- */

static int write_header(struct nt *nt, size_t count, uint64_t sum)
{
    uint8_t page[HEADER];
    struct header header = { .magic = MAGIC, .sequence = nt->log.sequence, .count = count, .sum = sum };
    header.own_sum = header_sum(&header);
    memset(page, 0xff, sizeof(page));
    memset(page, 0, SECTOR);
    memcpy(page, &header, sizeof(header));
    return write_log(nt, page, sizeof(page), nt->log.header);
}

int nt_log_write(struct nt *nt, struct nt_block *const *blocks, size_t count)
{
    struct nt_log *log = &nt->log;
    const size_t numbers = (size_t)numbers_size(count), size = numbers + count * NT_BLOCK;
    __attribute__((cleanup(nt_free_buffer))) uint8_t *all = calloc(1, size);
    if (all == NULL) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        memcpy(all + i * sizeof(uint64_t), &blocks[i]->number, sizeof(uint64_t));
        memcpy(all + numbers + i * NT_BLOCK, blocks[i]->data, NT_BLOCK);
    }
    log->sequence++;
    int result = write_log(nt, all, size, log->header + HEADER);
    if (result == 0) {
        result = write_header(nt, count, sum_of(log->sequence, all, size));
    }
    const uint64_t end = log->header + HEADER + size;
    log->used = log->used > end ? log->used : end;
    return result == 0 ? nt_volume_flush(nt) : result;
}

/* Not flushed: the transaction may be replayed as often as anybody likes until the next flush, for nothing that was
 * promised after it can be in its blocks. */
int nt_log_settle(struct nt *nt)
{
    nt->log.sequence++;
    return write_header(nt, 0, 0);
}

/* Windows' pages that say that all is well, at the start, go last. A crash while just these are written may leave a
 * volume that is sound, and read only until ntfsfix has looked at it. */
int nt_log_reset(struct nt *nt)
{
    int result = write_empty(nt, WINDOWS_PAGES, nt->log.size);
    if (result == 0) {
        result = nt_volume_flush(nt);
    }
    if (result == 0) {
        result = write_empty(nt, 0, WINDOWS_PAGES);
    }
    return result == 0 ? nt_volume_flush(nt) : result;
}

int nt_log_wipe(struct nt *nt)
{
    int result = write_empty(nt, nt->log.header, nt->log.used);
    return result == 0 ? nt_volume_flush(nt) : result;
}
