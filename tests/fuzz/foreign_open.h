/* SPDX-License-Identifier: ISC */
/* foreign_open.h - a hostile volume of another program as far as it can be opened without a secret. */
#ifndef FOREIGN_OPEN_H
#define FOREIGN_OPEN_H

#include "format.h"
#include "memory_store.h"

/* Recognises it, opens it with nothing as a secret, which is as far as its map, and checks it. Ends the program when text does not
 * end, when an error and its status differ, when the map leaves the store or has gaps, or when it was written to. */
void foreign_open(const struct format *format, struct memory_store *store);

#endif
