/* SPDX-License-Identifier: ISC */
/*
 * fake_volume.h - a volume without encryption, on an image file, whose power can be cut.
 *
 * Stands in for libcoffer below the file-system drivers. Writes reach the image at once; what a flush has not
 * confirmed yet is remembered, so that fake_volume_cut can make the image that a loss of power would have left.
 */
#ifndef FAKE_VOLUME_H
#define FAKE_VOLUME_H

#include <stdbool.h>
#include <stdint.h>

#include "coffer.h"

/* `remember` keeps unconfirmed writes for fake_volume_cut. Exits on failure, as all of these do. */
struct coffer_volume *fake_volume_open(const char *image, bool remember);
void fake_volume_close(struct coffer_volume *volume);

/* Writes to `path` what the medium would hold if power failed now: everything confirmed, and of the rest some
 * sectors, chosen by `seed`. May be called while others write. */
void fake_volume_cut(struct coffer_volume *volume, const char *path, unsigned seed);

/* Does that by itself before the `after`-th write or flush from now. */
void fake_volume_cut_later(struct coffer_volume *volume, uint64_t after, const char *path, unsigned seed);
bool fake_volume_was_cut(struct coffer_volume *volume);

/* From now on writes and flushes fail with this errno; 0: they work. */
void fake_volume_fail(struct coffer_volume *volume, int sys);

/* Calls of coffer_volume_pwrite and _flush so far. */
uint64_t fake_volume_writes(struct coffer_volume *volume);

#endif
