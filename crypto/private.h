/* SPDX-License-Identifier: ISC */
/* What the files of crypto/ share among themselves. */
#ifndef CRYPTO_PRIVATE_H
#define CRYPTO_PRIVATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdnoreturn.h>

/* memory.c: from now on crypto_memory_is_locked() is false. */
void memory_note_unlocked(void);

/* Around every fork: the child locks again what lives. */
void memory_before_fork(void);
void memory_after_fork(bool child);

/* pool.c: libgcrypt's secure memory. 0 or -ENOMEM; after gcry_check_version, before
 * GCRYCTL_INITIALIZATION_FINISHED. */
int pool_init(void);

/* In the child of a fork: locks it again. */
void pool_after_fork(void);

/* Sees to it that the cipher handle at `handle`, made in the pool, is locked. */
void pool_lock_handle(const void *handle);

/* init.c: something that cannot be went wrong; going on would risk data or keys. */
noreturn void crypto_panic(void);

#endif
