/* SPDX-License-Identifier: ISC */
/*
 * helper_disk.h - the bytes of a medium. A clone costs next to nothing: pages are shared until one is written.
 */
#ifndef HELPER_DISK_H
#define HELPER_DISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DISK_PAGE 4096u

struct disk;

struct disk *disk_new(uint64_t size); /* zeros; size in whole pages */
struct disk *disk_clone(const struct disk *disk);
void disk_free(struct disk *disk);

uint64_t disk_size(const struct disk *disk);
void disk_resize(struct disk *disk, uint64_t size);
void disk_read(const struct disk *disk, void *data, size_t size, uint64_t offset);
void disk_write(struct disk *disk, const void *data, size_t size, uint64_t offset);
bool disk_equal_part(const struct disk *a, const struct disk *b, uint64_t offset, uint64_t size); /* whole pages */

/* Where data or a hole starts at or after `offset`; the size when none does. */
uint64_t disk_seek(const struct disk *disk, uint64_t offset, bool hole);

/* Memory that the faults of helper_memory.h never hit. Aborts when there is none. */
void *disk_memory(size_t size);

#endif
