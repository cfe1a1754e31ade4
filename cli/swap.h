/* SPDX-License-Identifier: ISC */
/* swap.h - whether memory may be written to a disk as it is: what programs read from a volume would be, too. */
#ifndef SWAP_H
#define SWAP_H

#include <stdbool.h>

/* Where a swap device stands in the way of that: in memory (zram), encrypted, or neither. */
typedef bool swap_is_safe_fn(const char *path);

/* The first swap space in `text`, of the form of /proc/swaps, that is not safe; to be freed. NULL: there is none.
 * Pure but for `is_safe`, which is asked about devices. */
char *swap_find_unsafe(const char *text, swap_is_safe_fn *is_safe);

/* The same for this machine. A swap file counts as unsafe: what is below its file system cannot be told. */
char *swap_find_unsafe_here(void);

#endif
