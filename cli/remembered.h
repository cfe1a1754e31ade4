/* SPDX-License-Identifier: ISC */
/*
 * remembered.h - which hash opened a volume of VeraCrypt or TrueCrypt, kept for the next time where the user asks for
 * it.
 *
 * Nothing in such a volume tells what it is, so all is tried; one that is remembered takes one derivation. The price:
 * the file of what is remembered tells that something random is a volume. So it is never the default, and of a
 * hidden volume there is never a trace, not even a change of the file.
 */
#ifndef REMEMBERED_H
#define REMEMBERED_H

#include <stdbool.h>

#include "coffer.h"

/* coffer_volume_open, with what is remembered of the volume tried first. What turns out to be wrong is forgotten.
 * `remember`: what opened it is kept; where it cannot be, that is a warning. */
enum coffer_status remembered_open(const char *path, const struct coffer_credential *credential,
                                   const struct coffer_open_options *options, bool remember,
                                   struct coffer_volume **volume, struct coffer_error *error);

#endif
