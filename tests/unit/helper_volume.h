/* SPDX-License-Identifier: ISC */
/* helper_volume.h - small, cheap volumes in a directory of their own, for tests. */
#ifndef HELPER_VOLUME_H
#define HELPER_VOLUME_H

#include "coffer.h"

#define HELPER_SIZE (4ull << 20)

/* The volume of the running test; the directory exists between enter and leave, which fails when anything but
 * the volume is left in it. */
extern char helper_path[];
int helper_enter(void **state);
int helper_leave(void **state);

struct coffer_credential *helper_credential(const char *passphrase);
/* 32 bytes of `fill`: no key derivation runs. */
struct coffer_credential *helper_raw_key(uint8_t fill);

/* 4 MiB, thin, 8 MiB and one pass. */
struct coffer_create_options helper_small(void);
/* The same, filled; unmarked: at level 0. */
struct coffer_create_options helper_filled(bool unmarked);

/* Creates and closes a volume with the passphrase "correct". */
void helper_create(const struct coffer_create_options *options);
/* The same with a raw key, in place of any other volume; its data begins with "content" and a NUL. */
void helper_create_raw(uint8_t fill, const struct coffer_create_options *options);
enum coffer_status helper_open(const char *passphrase, bool read_only, struct coffer_volume **volume);
/* Bytes of the backing file. */
void helper_get(uint64_t offset, void *data, size_t size);
void helper_put(uint64_t offset, const void *data, size_t size);

/* Opens read-only, closes, and says how it went. */
enum coffer_status helper_try(const char *passphrase);

#endif
