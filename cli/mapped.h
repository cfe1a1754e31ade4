/* SPDX-License-Identifier: ISC */
/* mapped.h - a volume in the kernel's hands: what the two ways over dm-crypt share, and what others ask about them. */
#ifndef MAPPED_H
#define MAPPED_H

#include <stdbool.h>

#include "coffer.h"
#include "map.h"
#include "mount_state.h"
#include "status.h"
#include "way.h"

/* Whether it is worth trying: root, dm-crypt, and a volume that has no holes and nothing to protect. */
bool mapped_is_possible(const struct way_task *task);

/* The same where it was asked for: says what is missing. EXIT_DONE or reported. */
enum exit_status mapped_check(const struct way_task *task);

/* Lends the volume to the kernel, or nothing has changed. Then either coffer_volume_forget_key, or mapped_undo. */
enum coffer_status mapped_open(const struct way_task *task, struct map **map, struct coffer_error *error);

/* Releases the mapping, waits until it is gone, and frees it. NULL is fine. */
void mapped_close(struct map *map);

/* The same, and the volume is as it was. EXIT_DONE or reported. */
enum exit_status mapped_undo(const struct way_task *task, struct map *map);

/* Whether this mount is, or was, one of the kernel's over a mapping: then its server has nothing to lose. */
bool mapped_was_used(const struct mount_record *record);

/* Whether it is the mapping itself that is shown, and nothing mounted from it. */
bool mapped_is_device(const struct mount_record *record);

/* Whether that mapping is there still, which needs no server to live on. */
bool mapped_is_there(const struct mount_state *state);

#endif
