/* SPDX-License-Identifier: ISC */
/*
 * filesystem_grow.h - making the file system in a volume as large as the volume. It is looked at before the volume
 * grows and grown afterwards, so that what cannot work is refused with nothing changed.
 */
#ifndef FILESYSTEM_GROW_H
#define FILESYSTEM_GROW_H

#include <stdbool.h>

#include "coffer.h"
#include "status.h"

struct filesystem_content {
    char type[32]; /* "ext4", "vfat", ... as libblkid names it; empty where nothing is recognised */
    bool can_grow;
};

/* Finds out what is in the open volume, which is to have `data_size` bytes of cleartext; whether its programs are
 * there and it may be grown here; checks it, where that has to come first. `name` of the volume is for messages.
 * The caller is between progress_begin and progress_end. EXIT_DONE, also for what cannot grow and stays as it is,
 * which was said; or reported. */
enum exit_status filesystem_grow_prepare(struct coffer_volume *volume, const char *name, uint64_t data_size,
                                         struct filesystem_content *content);

/* Grows it. Not to be stopped. EXIT_DONE or reported. */
enum exit_status filesystem_grow(struct coffer_volume *volume, const char *name,
                                 const struct filesystem_content *content);

#endif
