/* SPDX-License-Identifier: ISC */
/*
 * helper_power.h - power fails at some write or flush, whatever was not confirmed is lost, kept or torn, and what
 * follows a crash recovers: every name and all contents that were there at the last sync and were not touched since
 * must be there, and what was removed before it must not come back. The checker must find nothing else.
 *
 * TEST_SEED and TEST_RUNS in the environment repeat a run or add more.
 */
#ifndef HELPER_POWER_H
#define HELPER_POWER_H

#include "helper_image.h"

void cut_runs(const struct image_kind *kind, const char *options);

#endif
