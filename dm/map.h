/* SPDX-License-Identifier: ISC */
/*
 * map.h - a volume as a block device of the kernel's own, by dm-crypt. Linux only, and only for root.
 *
 * A mapping lasts for as long as somebody has it open, this process or what was mounted from it, and then goes by
 * itself with everything that was made for it: a process that is killed leaves nothing to clean up. Its key lies in
 * the kernel alone.
 *
 * All functions belong to one thread at a time, for libdevmapper has one log for all.
 */
#ifndef MAP_H
#define MAP_H

#include <stdbool.h>
#include <sys/types.h>

#include "coffer.h"

/* Bytes of a mapping's name, with the NUL; longer ones are refused by the kernel. */
#define MAP_NAME_MAX 112

struct map_request {
    const struct coffer_mapping *mapping;
    struct coffer_secret *key; /* of all layers, as coffer_volume_mapping gives it */
    dev_t device;              /* the backing store: a disk, or a loop device */
    const char *name;          /* letters, digits and "_.-"; nothing else of that name may be there */
    bool read_only;
    bool
        discards; /* what a file system no longer needs is told to the backing store, for whoever looks at it to see */
};

struct map;

/* Whether there is any use in asking: root, device-mapper and its crypt target. */
bool map_is_possible(void);

/* Maps. Errors: IN_USE (the device), NOT_PERMITTED, UNSUPPORTED (the kernel refuses: `text` is its reason), NO_MEMORY,
 * INVALID (thin), FAILED. */
enum coffer_status map_open(const struct map_request *request, struct map **map, struct coffer_error *error);

/* "/dev/mapper/NAME" */
const char *map_path(const struct map *map);

/* This process lets go of the device. */
void map_release(struct map *map);

/* Waits until nobody has it open and it is gone; it must have been released. */
void map_wait(const struct map *map);

/* Releases it, and frees what this process knows of it. */
void map_free(struct map *map);

/* By its path, for those who did not make it. How many have it open; -1: there is no such mapping. */
int map_users(const char *path);

/* Removes what a process left that was killed while it made a mapping: nobody knows of it, and nobody has it open. */
void map_clean(void);

/* What it is built on, "libdevmapper 1.02.185". */
const char *map_component(void);

#endif
