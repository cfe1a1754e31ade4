/* SPDX-License-Identifier: ISC */
/* bench_volume.h - how fast a volume is in a directory: by the library alone, and mounted. */
#ifndef BENCH_VOLUME_H
#define BENCH_VOLUME_H

#include <stdbool.h>
#include <stdint.h>

#include "status.h"

struct bench_volume {
    uint64_t size;                        /* bytes of the volume */
    uint64_t library_write, library_read; /* bytes a second, pieces of 1 MiB, one after the other */
    bool is_mounted;                      /* the rest is known */
    uint64_t mounted_write, mounted_read; /* the same through the block file, past the kernel's cache of it */
    uint64_t random_reads;                /* a second, of 4 KiB, one at a time */
};

/* Makes a volume without a name below `directory`, which is gone at the end. EXIT_DONE or reported; where nothing
 * can be mounted there is a warning. */
enum exit_status bench_volume(const char *directory, struct bench_volume *result);

#endif
