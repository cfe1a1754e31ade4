/* SPDX-License-Identifier: ISC */
/* header_lock.h - nobody else changes the header meanwhile, nor reads it half changed. */
#ifndef CORE_HEADER_LOCK_H
#define CORE_HEADER_LOCK_H

#include "coffer.h"
#include "storage.h"

/* Waits as long as storage.h says. Closing the storage gives it up, too. Errors: IN_USE. */
enum coffer_status header_lock(struct storage *storage, struct coffer_error *error);
void header_unlock(struct storage *storage);

#endif
