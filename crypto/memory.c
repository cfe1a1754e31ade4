/* SPDX-License-Identifier: ISC */
/*
 * Secret memory on libsodium's guarded allocations: guard pages around, a canary before, locked, not dumped,
 * wiped when freed. libsodium hides a refused lock, so every allocation is locked once more here to learn the
 * answer. Any thread.
 */
#include <sodium.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>

#include "crypto.h"
#include "private.h"

static atomic_bool unlocked;

void memory_note_unlocked(void)
{
    atomic_store(&unlocked, true);
}

bool crypto_memory_is_locked(void)
{
    return !atomic_load(&unlocked);
}

void *crypto_secret_alloc(size_t size)
{
    if (size == 0) {
        return NULL;
    }
    void *memory = sodium_malloc(size);
    if (!memory) {
        return NULL;
    }
    if (mlock(memory, size) != 0) {
        memory_note_unlocked();
    }
    return memset(memory, 0, size); /* sodium_malloc fills with a pattern */
}

void crypto_secret_free(void *memory)
{
    sodium_free(memory);
}

void crypto_wipe(void *memory, size_t size)
{
    sodium_memzero(memory, size);
}

bool crypto_equal(const void *a, const void *b, size_t size)
{
    return sodium_memcmp(a, b, size) == 0;
}

bool crypto_is_zero(const void *memory, size_t size)
{
    return sodium_is_zero(memory, size) == 1;
}
