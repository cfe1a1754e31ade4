/* SPDX-License-Identifier: ISC */
/*
 * helper_memory.h - allocations of the library, counted and failing on request.
 *
 * The link puts this in front of malloc, calloc, mmap and the memory for secrets, which here is plain memory: a
 * sanitizer then sees what is never freed, and opening a header does not cost a dozen system calls.
 */
#ifndef HELPER_MEMORY_H
#define HELPER_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The allocation number `at` from now on (from 1, 0 = none) fails. */
void memory_fail(unsigned at);
bool memory_has_failed(void);

/* The largest allocation since memory_fail. */
size_t memory_largest(void);

/* Secrets that have not been freed. */
unsigned memory_secrets(void);

/* How often Argon2id was asked for, and whether it must not be: then it aborts. */
unsigned memory_derivations(void);
void memory_forbid_derivation(bool forbidden);

/* What Argon2id was asked for since memory_cheapen: the first so many, in order. */
#define MEMORY_COSTS 16u
struct memory_cost {
    uint32_t memory; /* KiB */
    uint32_t passes;
};
unsigned memory_costs(struct memory_cost cost[MEMORY_COSTS]);

/* Argon2id costs next to nothing from now on, and still gives another key for every cost; of what the machine
 * has, `available` KiB are left for it. 0: as it is. */
void memory_cheapen(uint32_t available);

/* How often the memory budget has said no because of that. */
unsigned memory_refusals(void);

#endif
