/* SPDX-License-Identifier: ISC */
/*
 * helper_cut.h - what a medium may hold after the power went, given what was written and flushed.
 *
 * A write is certain once a flush after it succeeded; a flush that failed settles nothing, and nothing that comes
 * after it settles those writes either (the system has dropped them, or not). All other writes are undecided, in
 * pieces of 512 bytes: each is on the medium, is not, or is garbage.
 */
#ifndef HELPER_CUT_H
#define HELPER_CUT_H

#include "helper_disk.h"
#include "helper_machine.h"

#define CUT_PIECE 512u

enum fate { FATE_KEPT, FATE_DROPPED, FATE_GARBLED };

struct cut {
    const struct log *log;
    unsigned entries;  /* of the log that were issued */
    unsigned pieces;   /* undecided */
    struct disk *base; /* with the first `applied` entries, which are certain */
    unsigned applied;
};

struct cut cut_after(const struct disk *before, const struct log *log, unsigned entries);
void cut_free(struct cut *cut);

/* The medium when the undecided pieces have these fates, in the order of the log. */
struct disk *cut_state(const struct cut *cut, const uint8_t *fate);

/* Fates number `index` of this cut: first every choice of kept and dropped, where there are not too many, then
 * random ones, with garbage among them when `garble` is set. */
uint64_t cut_exhaustive(const struct cut *cut); /* how many of the first kind there are; 0 = too many */
void cut_choose(const struct cut *cut, uint64_t index, bool garble, uint8_t *fate);

/* Whether a block is neither all there nor all missing. */
bool cut_is_torn(const struct cut *cut, const uint8_t *fate);

/* Random numbers that are the same in every run. */
void cut_seed(const char *text);
uint64_t cut_random(uint64_t below);

#endif
