/* SPDX-License-Identifier: ISC */
/*
 * Power cuts, from a log of writes and flushes.
 */
#include "helper_cut.h"

#include <stdlib.h>
#include <string.h>

#define PIECES_EXHAUSTIVE 9u /* at most 2^9 choices are all tried */
#define BLOCK_PIECES      8u /* pieces of a header block */

static uint64_t random_state = 1;

void cut_seed(const char *text)
{
    random_state = 0xcbf29ce484222325u;
    for (; *text != '\0'; text++) {
        random_state = (random_state ^ (uint8_t)*text) * 0x100000001b3u;
    }
}

uint64_t cut_random(uint64_t below)
{
    random_state ^= random_state >> 12;
    random_state ^= random_state << 25;
    random_state ^= random_state >> 27;
    return (random_state * 0x2545f4914f6cdd1du >> 11) % below;
}

/* Whether what entry `at` wrote is certainly on the medium after `entries`. */
static bool is_settled(const struct log *log, unsigned at, unsigned entries)
{
    for (unsigned i = at + 1; i < entries; i++) {
        if (log->entry[i].kind == LOG_SYNC || log->entry[i].kind == LOG_SYNC_FAILED) {
            return log->entry[i].kind == LOG_SYNC;
        }
    }
    return false;
}

/* A change of the size is one piece: it is there or not. */
static unsigned pieces_of(const struct log_entry *entry)
{
    return entry->kind == LOG_WRITE    ? (unsigned)((entry->size + CUT_PIECE - 1) / CUT_PIECE)
           : entry->kind == LOG_RESIZE ? 1
                                       : 0;
}

static void apply(struct disk *disk, const struct log_entry *entry)
{
    if (entry->kind == LOG_WRITE) {
        disk_write(disk, entry->data, entry->size, entry->offset);
    } else if (entry->kind == LOG_RESIZE) {
        disk_resize(disk, entry->offset);
    }
}

struct cut cut_after(const struct disk *before, const struct log *log, unsigned entries)
{
    struct cut cut = { .log = log, .entries = entries, .base = disk_clone(before) };
    while (cut.applied < entries &&
           (pieces_of(&log->entry[cut.applied]) == 0 || is_settled(log, cut.applied, entries))) {
        apply(cut.base, &log->entry[cut.applied++]);
    }
    for (unsigned i = cut.applied; i < entries; i++) {
        cut.pieces += is_settled(log, i, entries) ? 0 : pieces_of(&log->entry[i]);
    }
    return cut;
}

void cut_free(struct cut *cut)
{
    disk_free(cut->base);
    cut->base = NULL;
}

static void put_pieces(struct disk *disk, const struct log_entry *entry, const uint8_t *fate)
{
    uint8_t noise[CUT_PIECE];
    for (unsigned i = 0; i < pieces_of(entry); i++) {
        size_t at = i * (size_t)CUT_PIECE;
        size_t size = entry->size - at < CUT_PIECE ? entry->size - at : CUT_PIECE;
        if (entry->offset + at + size > disk_size(disk)) {
            return; /* the store was not made larger */
        }
        if (fate[i] == FATE_KEPT) {
            disk_write(disk, entry->data + at, size, entry->offset + at);
        } else if (fate[i] == FATE_GARBLED) {
            for (size_t j = 0; j < size; j++) {
                noise[j] = (uint8_t)cut_random(256);
            }
            disk_write(disk, noise, size, entry->offset + at);
        }
    }
}

struct disk *cut_state(const struct cut *cut, const uint8_t *fate)
{
    struct disk *disk = disk_clone(cut->base);
    for (unsigned i = cut->applied; i < cut->entries; i++) {
        const struct log_entry *entry = &cut->log->entry[i];
        if (pieces_of(entry) == 0) {
            continue;
        }
        if (is_settled(cut->log, i, cut->entries)) {
            apply(disk, entry);
            continue;
        }
        if (entry->kind == LOG_WRITE) {
            put_pieces(disk, entry, fate);
        } else if (*fate == FATE_KEPT) {
            apply(disk, entry);
        }
        fate += pieces_of(entry);
    }
    return disk;
}

uint64_t cut_exhaustive(const struct cut *cut)
{
    return cut->pieces <= PIECES_EXHAUSTIVE ? 1ull << cut->pieces : 0;
}

/* Pieces of one block: all kept, all dropped, torn in one place, one that is different, or anything. */
static void choose_block(uint8_t *fate, unsigned pieces)
{
    unsigned manner = (unsigned)cut_random(7), at = (unsigned)cut_random(pieces);
    for (unsigned i = 0; i < pieces; i++) {
        static const uint8_t DROPPED = FATE_DROPPED, KEPT = FATE_KEPT;
        fate[i] = manner == 0   ? KEPT
                  : manner == 1 ? DROPPED
                  : manner == 2 ? (i < at ? KEPT : DROPPED)
                  : manner == 3 ? (i < at ? DROPPED : KEPT)
                  : manner == 4 ? (i == at ? DROPPED : KEPT)
                  : manner == 5 ? (i == at ? KEPT : DROPPED)
                                : (uint8_t)cut_random(2);
    }
}

void cut_choose(const struct cut *cut, uint64_t index, bool garble, uint8_t *fate)
{
    if (index < cut_exhaustive(cut)) {
        for (unsigned i = 0; i < cut->pieces; i++) {
            fate[i] = (index >> i & 1) != 0 ? FATE_DROPPED : FATE_KEPT;
        }
        return;
    }
    for (unsigned i = 0; i < cut->pieces; i += BLOCK_PIECES) {
        choose_block(fate + i, cut->pieces - i < BLOCK_PIECES ? cut->pieces - i : BLOCK_PIECES);
    }
    if (garble && cut->pieces > 0) {
        for (uint64_t i = 1 + cut_random(3); i > 0; i--) {
            fate[cut_random(cut->pieces)] = FATE_GARBLED;
        }
    }
}

bool cut_is_torn(const struct cut *cut, const uint8_t *fate)
{
    for (unsigned i = 0; i < cut->pieces; i++) {
        if (fate[i] == FATE_GARBLED || fate[i] != fate[i / BLOCK_PIECES * BLOCK_PIECES]) {
            return true;
        }
    }
    return false;
}
