/* SPDX-License-Identifier: ISC */
/*
 * Secret memory on libsodium's guarded allocations: guard pages around, a canary before, locked, not dumped, wiped
 * when freed. libsodium hides a refused lock, so every allocation is locked once more here to learn the answer. A
 * fork drops all locks, so what lives is listed and locked again in the child. Any thread.
 */
#include <pthread.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "crypto.h"
#include "private.h"

struct region {
    struct region *next;
    void *memory;
    size_t size;
};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct region *regions; /* the living ones; under the mutex */
static atomic_bool unlocked;

void memory_note_unlocked(void)
{
    atomic_store(&unlocked, true);
}

bool crypto_memory_is_locked(void)
{
    return !atomic_load(&unlocked);
}

static void lock_region(const struct region *region)
{
    if (mlock(region->memory, region->size) != 0) {
        memory_note_unlocked();
    }
}

void memory_before_fork(void)
{
    pthread_mutex_lock(&mutex);
}

void memory_after_fork(bool child)
{
    for (struct region *region = child ? regions : NULL; region; region = region->next) {
        lock_region(region);
    }
    pthread_mutex_unlock(&mutex);
}

void *crypto_secret_alloc(size_t size)
{
    void *memory = size ? sodium_malloc(size) : NULL;
    struct region *region = memory ? malloc(sizeof(*region)) : NULL;
    if (!region) {
        sodium_free(memory);
        return NULL;
    }
    *region = (struct region){ .memory = memset(memory, 0, size), .size = size };
    lock_region(region);
    pthread_mutex_lock(&mutex);
    region->next = regions;
    regions = region;
    pthread_mutex_unlock(&mutex);
    return memory;
}

static struct region *take_region(const void *memory)
{
    pthread_mutex_lock(&mutex);
    struct region **link = &regions;
    while (*link && (*link)->memory != memory) {
        link = &(*link)->next;
    }
    struct region *region = *link;
    if (region) {
        *link = region->next;
    }
    pthread_mutex_unlock(&mutex);
    return region;
}

void crypto_secret_free(void *memory)
{
    if (!memory) {
        return;
    }
    struct region *region = take_region(memory);
    if (!region) {
        crypto_panic(); /* freed twice, or never made here */
    }
    free(region);
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

/* The first difference decides, but every byte is looked at, and nothing branches. */
int crypto_compare(const void *a, const void *b, size_t size)
{
    const uint8_t *left = a, *right = b;
    uint32_t greater = 0, less = 0;
    for (size_t i = 0; i < size; i++) {
        uint32_t undecided = (greater | less) ^ 1u;
        greater |= undecided & ((uint32_t)right[i] - left[i]) >> 31;
        less |= undecided & ((uint32_t)left[i] - right[i]) >> 31;
    }
    return (int)greater - (int)less;
}

bool crypto_is_zero(const void *memory, size_t size)
{
    return sodium_is_zero(memory, size) == 1;
}
