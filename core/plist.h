/* SPDX-License-Identifier: ISC */
/* plist.h - Apple's property lists as XML, as far as finding values by their names. */
#ifndef CORE_PLIST_H
#define CORE_PLIST_H

#include "bytes.h"

/* The value of the next <key>`key`</key> from *at on, when it is a <`type`>; a reference to one counts. *at moves
 * behind the key, also when the value is of another type or empty: then `value` has the size 0. False: there is no
 * such key. */
bool plist_next(struct bytes text, size_t *at, const char *key, const char *type, struct bytes *value);

/* The same, the first that has a value. False: there is none. */
bool plist_find(struct bytes text, const char *key, const char *type, struct bytes *value);

#endif
