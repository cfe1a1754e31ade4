/* SPDX-License-Identifier: ISC */
/*
 * libgcrypt keeps cipher handles in one pool of "secure memory". Left alone it prints to stderr when locking is
 * refused, never keeps the pool out of core dumps, and loses the lock in a forked child. So libgcrypt is told
 * not to lock, and the pool is found and looked after here: locked whole where the limit allows, else page by
 * page as handles are made; not dumped; locked again in the child of a fork.
 */
#include <errno.h>
#include <gcrypt.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#include "crypto.h"
#include "private.h"

/* An AES-256-XTS handle takes 3.2 KiB; three layers of a foreign volume some 27, for each of 32
 * threads. It must fit into small limits for locked memory. */
#define POOL_SIZE (896U * 1024)

/* More than a handle takes; only used where the whole pool cannot be locked. */
#define HANDLE_SPAN (12U * 1024)

static uint8_t *pool; /* page aligned; NULL: not ours */
static size_t pool_size;
static atomic_bool whole_pool_is_locked;

static void lock_whole_pool(void)
{
    atomic_store(&whole_pool_is_locked, mlock(pool, pool_size) == 0);
}

void pool_after_fork(void)
{
    if (!pool) {
        return;
    }
    lock_whole_pool();
    if (!atomic_load(&whole_pool_is_locked)) {
        memory_note_unlocked(); /* handles that the parent made may be in it */
    }
}

/* The block that fills the pool tells where the pool lies; libgcrypt has no call for it. */
static int find_pool(void)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    uint8_t *block = gcry_malloc_secure(POOL_SIZE - page);
    if (!block) {
        return -ENOMEM;
    }
    pool = block - (uintptr_t)block % page;
    pool_size = POOL_SIZE;
    gcry_free(block);
    return 0;
}

int pool_init(void)
{
    gcry_control(GCRYCTL_SUSPEND_SECMEM_WARN);
    gcry_control(GCRYCTL_DISABLE_LOCKED_SECMEM);
    gcry_control(GCRYCTL_DISABLE_PRIV_DROP); /* privileges are the program's business */
    gcry_control(GCRYCTL_INIT_SECMEM, POOL_SIZE, 0);
    gcry_control(GCRYCTL_RESUME_SECMEM_WARN);

    int failed = find_pool();
    if (failed) {
        return failed;
    }
#ifdef MADV_DONTDUMP
    madvise(pool, pool_size, MADV_DONTDUMP);
#endif
    lock_whole_pool();
    return 0;
}

void pool_lock_handle(const void *handle)
{
    if (!pool || atomic_load(&whole_pool_is_locked)) {
        return;
    }
    size_t offset = (size_t)((const uint8_t *)handle - pool);
    if (offset >= pool_size) {
        memory_note_unlocked();
        return;
    }
    size_t span = pool_size - offset < HANDLE_SPAN ? pool_size - offset : HANDLE_SPAN;
    if (mlock(pool + offset, span) != 0) {
        memory_note_unlocked();
    }
}
