/* SPDX-License-Identifier: ISC */
/*
 * A process looks at its own memory: flags of mappings, and where bytes are that should be in one place or none.
 * Flags are the two letters of VmFlags in /proc/self/smaps: "lo" locked, "dd" not dumped.
 */
#ifndef HELPER_MAPS_H
#define HELPER_MAPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NEEDLE_SIZE 16

/* Bytes to look for. Kept masked, so that the search does not find the needle itself. */
struct needle {
    uint8_t masked[NEEDLE_SIZE];
};

struct needle needle_random(void);
struct needle needle_of(const uint8_t bytes[NEEDLE_SIZE]);
void needle_put(const struct needle *needle, uint8_t out[NEEDLE_SIZE]);

/* NULL, or why nothing can be learned about locked memory here: a line for a test that is skipped. */
const char *maps_unusable(void);

/* Whether all mappings over [memory, memory + size) carry the flag. */
bool maps_have_flag(const void *memory, size_t size, const char *flag);

/* How often the needle is in writable memory of this process; in such memory without the flag; in one range. */
size_t maps_count(const struct needle *needle);
size_t maps_count_without(const struct needle *needle, const char *flag);
size_t maps_count_in(const struct needle *needle, const void *start, size_t size);

#endif
