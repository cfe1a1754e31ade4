/* SPDX-License-Identifier: ISC */
/*
 * helper_random.h - random operations on a file system and, the same ones, on a directory of this machine's kernel:
 * every result, and in the end every file, must be the same, and the file system's checker must find nothing.
 *
 * TEST_SEED and TEST_STEPS in the environment repeat a run or make it longer.
 */
#ifndef HELPER_RANDOM_H
#define HELPER_RANDOM_H

#include "helper_image.h"

/* `allocates`: it takes fallocate. */
void random_run(const struct image_kind *kind, const char *options, uint64_t size, bool allocates);

#endif
