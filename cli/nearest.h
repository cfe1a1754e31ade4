/* SPDX-License-Identifier: ISC */
/* nearest.h - which of the words that exist was probably meant. Pure. */
#ifndef NEAREST_H
#define NEAREST_H

#include <stddef.h>

/* Start with { .word = WORD }, offer every candidate; `best` is then the nearest one that is near enough, or
 * NULL. */
struct nearest {
    const char *word;
    const char *best;
    size_t distance;
};

void nearest_offer(struct nearest *nearest, const char *candidate);

/* How many letters have to be inserted, removed, replaced or swapped with their neighbour to get from one to
 * the other, in either case; SIZE_MAX for words too long to be ours. */
size_t nearest_distance(const char *a, const char *b);

#endif
