/* SPDX-License-Identifier: ISC */
/*
 * helper_damage.h - damaged file systems: whatever stands in the structure, the driver may refuse, but it must come
 * back, without touching memory that is not its own (the sanitizers see that) and without going round in circles.
 *
 * TEST_SEED and TEST_RUNS in the environment repeat a run or add more.
 */
#ifndef HELPER_DAMAGE_H
#define HELPER_DAMAGE_H

#include "helper_image.h"

void damaged_runs(const struct image_kind *kind, const char *options);

#endif
