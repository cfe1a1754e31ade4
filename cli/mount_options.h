/* SPDX-License-Identifier: ISC */
/*
 * mount_options.h - which words `mount --options` may hold. What is not known to be harmless is refused: mount(8) would
 * take some words as orders to itself (loop, helper), and the kernel would take a mistyped one for a reason to fail
 * after the passphrase was asked for. Pure.
 */
#ifndef MOUNT_OPTIONS_H
#define MOUNT_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

/* Beside the types of libblkid. */
#define MOUNT_OPTIONS_FUSE   "fuse"   /* what this program serves */
#define MOUNT_OPTIONS_DEVICE "device" /* a mapping, of which nothing is mounted */
#define MOUNT_OPTIONS_ANY    NULL     /* any of them: the type is not known yet */

/* Whether every word of `list` is one for a file system of this type. If not, `word` is the first that is not, cut to
 * `size`. NULL is an empty list. */
bool mount_options_check(const char *list, const char *type, size_t size, char *word);

/* Whether `list` has `word`, and not `opposite` behind it. */
bool mount_options_have(const char *list, const char *word, const char *opposite);

#endif
