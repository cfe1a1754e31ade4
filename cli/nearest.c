/* SPDX-License-Identifier: ISC */
/*
 * nearest.c - the edit distance with swaps of neighbours (optimal string alignment), and what counts as near: one
 * mistake in three letters, or the beginning of the word.
 */
#include "nearest.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define WORD_MAX 40

static size_t min(size_t a, size_t b)
{
    return a < b ? a : b;
}

static bool is_same(char a, char b)
{
    return tolower((unsigned char)a) == tolower((unsigned char)b);
}

size_t nearest_distance(const char *a, const char *b)
{
    size_t rows[3][WORD_MAX + 1]; /* before the last, last and present row of the table */
    size_t a_size = strlen(a);
    size_t b_size = strlen(b);

    if (a_size > WORD_MAX || b_size > WORD_MAX) {
        return SIZE_MAX;
    }
    for (size_t j = 0; j <= b_size; j++) {
        rows[0][j] = j;
    }
    for (size_t i = 1; i <= a_size; i++) {
        size_t *row = rows[i % 3];
        const size_t *last = rows[(i + 2) % 3];
        const size_t *before = rows[(i + 1) % 3];
        row[0] = i;
        for (size_t j = 1; j <= b_size; j++) {
            size_t cost = is_same(a[i - 1], b[j - 1]) ? 0 : 1;
            row[j] = min(min(last[j] + 1, row[j - 1] + 1), last[j - 1] + cost);
            if (i > 1 && j > 1 && is_same(a[i - 1], b[j - 2]) && is_same(a[i - 2], b[j - 1])) {
                row[j] = min(row[j], before[j - 2] + 1);
            }
        }
    }
    return rows[a_size % 3][b_size];
}

void nearest_offer(struct nearest *nearest, const char *candidate)
{
    size_t size = strlen(nearest->word);
    size_t distance = nearest_distance(nearest->word, candidate);
    bool is_near = distance <= (size + 2) / 3 && distance < size;
    bool is_start = size >= 2 && strncmp(nearest->word, candidate, size) == 0;

    if (is_start) {
        distance = 1; /* however much was left out at the end */
    }
    /* letters are left out more often than put in */
    bool wins_tie = nearest->best && distance == nearest->distance && strlen(candidate) > strlen(nearest->best);
    if ((is_near || is_start) && (!nearest->best || distance < nearest->distance || wins_tie)) {
        nearest->best = candidate;
        nearest->distance = distance;
    }
}
