/* SPDX-License-Identifier: ISC */
/*
 * In front of the allocating functions. Any thread, but faults are for one at a time.
 */
#include "helper_memory.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/types.h>

#include "error.h"

static atomic_uint allocations, fail_at, secrets, derivations, refusals;
static atomic_size_t largest;
static atomic_bool failed, forbidden;

/* One thread at a time derives. */
static uint32_t cheap; /* KiB that are available; 0 = not cheap */
static struct memory_cost costs[MEMORY_COSTS];
static unsigned costs_asked;

void memory_fail(unsigned at)
{
    atomic_store(&allocations, 0);
    atomic_store(&largest, 0);
    atomic_store(&failed, false);
    atomic_store(&fail_at, at);
}

bool memory_has_failed(void)
{
    return atomic_load(&failed);
}

size_t memory_largest(void)
{
    return atomic_load(&largest);
}

unsigned memory_secrets(void)
{
    return atomic_load(&secrets);
}

unsigned memory_derivations(void)
{
    return atomic_load(&derivations);
}

void memory_forbid_derivation(bool on)
{
    atomic_store(&forbidden, on);
}

unsigned memory_costs(struct memory_cost cost[MEMORY_COSTS])
{
    memcpy(cost, costs, sizeof(costs));
    return costs_asked;
}

unsigned memory_refusals(void)
{
    return atomic_load(&refusals);
}

void memory_cheapen(uint32_t available)
{
    cheap = available;
    costs_asked = 0;
}

/* Whether an allocation of `size` bytes is to fail. */
static bool fails(size_t size)
{
    if (size > atomic_load(&largest)) { /* one thread at a time allocates what matters */
        atomic_store(&largest, size);
    }
    unsigned at = atomic_load(&fail_at);
    if (at == 0 || atomic_fetch_add(&allocations, 1) + 1 != at) {
        return false;
    }
    atomic_store(&failed, true);
    errno = ENOMEM;
    return true;
}

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_mmap(void *address, size_t size, int protection, int flags, int fd, off_t offset);
void *__real_mmap64(void *address, size_t size, int protection, int flags, int fd, off_t offset);
int __real_crypto_argon2id(uint8_t out[32], const void *password, size_t password_size, const uint8_t salt[16],
                           uint32_t memory, uint32_t passes);
enum coffer_status __real_memory_budget_allows(uint32_t memory, struct coffer_error *error);

void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_mmap(void *address, size_t size, int protection, int flags, int fd, off_t offset);
void *__wrap_mmap64(void *address, size_t size, int protection, int flags, int fd, off_t offset);
void *__wrap_crypto_secret_alloc(size_t size);
void __wrap_crypto_secret_free(void *memory);
int __wrap_crypto_argon2id(uint8_t out[32], const void *password, size_t password_size, const uint8_t salt[16],
                           uint32_t memory, uint32_t passes);
enum coffer_status __wrap_memory_budget_allows(uint32_t memory, struct coffer_error *error);

void *__wrap_malloc(size_t size)
{
    return fails(size) ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return fails(count * size) ? NULL : __real_calloc(count, size);
}

void *__wrap_mmap(void *address, size_t size, int protection, int flags, int fd, off_t offset)
{
    return fails(size) ? MAP_FAILED : __real_mmap(address, size, protection, flags, fd, offset);
}

void *__wrap_mmap64(void *address, size_t size, int protection, int flags, int fd, off_t offset)
{
    return fails(size) ? MAP_FAILED : __real_mmap64(address, size, protection, flags, fd, offset);
}

/* A header in front keeps the size, so that freeing can wipe. What is behind it is aligned for any vector. */
enum { FRONT = 64 };

/* Below it, in KiB, is only what the library tests itself with. */
enum { FORMAT_MEMORY_MIN = 8192 };

/* Whether all of it lies in memory for secrets. */
static struct {
    const uint8_t *start, *end;
} live[64];
enum { LIVE_MAX = sizeof(live) / sizeof(live[0]) };
static pthread_mutex_t live_lock = PTHREAD_MUTEX_INITIALIZER;

static bool is_secret(const void *data, size_t size)
{
    const uint8_t *start = data;
    bool found = false;
    pthread_mutex_lock(&live_lock);
    for (unsigned i = 0; i < LIVE_MAX; i++) {
        found |= start >= live[i].start && start < live[i].end && size <= (size_t)(live[i].end - start);
    }
    pthread_mutex_unlock(&live_lock);
    return found;
}

static void note_live(const uint8_t *start, const uint8_t *end)
{
    unsigned i = 0;
    pthread_mutex_lock(&live_lock);
    while (i < LIVE_MAX && live[i].start != NULL) {
        i++;
    }
    if (i == LIVE_MAX) {
        abort();
    }
    live[i].start = start;
    live[i].end = end;
    pthread_mutex_unlock(&live_lock);
}

static void forget_live(const uint8_t *start)
{
    pthread_mutex_lock(&live_lock);
    for (unsigned i = 0; i < LIVE_MAX; i++) {
        if (live[i].start == start) {
            live[i].start = live[i].end = NULL;
        }
    }
    pthread_mutex_unlock(&live_lock);
}

void *__wrap_crypto_secret_alloc(size_t size)
{
    void *memory;
    if (size == 0 || fails(size) || posix_memalign(&memory, FRONT, FRONT + size) != 0) {
        return NULL;
    }
    memset(memory, 0, FRONT + size);
    memcpy(memory, &size, sizeof(size));
    atomic_fetch_add(&secrets, 1);
    note_live((uint8_t *)memory + FRONT, (uint8_t *)memory + FRONT + size);
    return (uint8_t *)memory + FRONT;
}

void __wrap_crypto_secret_free(void *memory)
{
    size_t size;
    if (memory == NULL) {
        return;
    }
    uint8_t *start = (uint8_t *)memory - FRONT;
    forget_live(memory);
    memcpy(&size, start, sizeof(size));
    memset(start, 0xdd, FRONT + size); /* whoever looks again sees nonsense */
    atomic_fetch_sub(&secrets, 1);
    free(start);
}

int __wrap_crypto_argon2id(uint8_t out[32], const void *password, size_t password_size, const uint8_t salt[16],
                           uint32_t memory, uint32_t passes)
{
    atomic_fetch_add(&derivations, 1);
    if (atomic_load(&forbidden)) {
        abort();
    }
    /* For seconds, and while memory is short: what is not locked then may be swapped out. */
    if (memory >= FORMAT_MEMORY_MIN && (!is_secret(password, password_size) || !is_secret(out, 32))) {
        (void)fprintf(stderr, "a derivation from or to memory that is not locked\n");
        abort();
    }
    if (fails(0)) {
        return -ENOMEM;
    }
    if (cheap == 0) {
        return __real_crypto_argon2id(out, password, password_size, salt, memory, passes);
    }
    if (costs_asked < MEMORY_COSTS) {
        costs[costs_asked] = (struct memory_cost){ memory, passes };
    }
    costs_asked++;
    int result = __real_crypto_argon2id(out, password, password_size, salt, 8192, 1);
    for (unsigned i = 0; i < 4; i++) {
        out[i] ^= (uint8_t)(memory >> 8 * i);
        out[4 + i] ^= (uint8_t)(passes >> 8 * i);
    }
    return result;
}

enum coffer_status __wrap_memory_budget_allows(uint32_t memory, struct coffer_error *error)
{
    if (cheap == 0) {
        return __real_memory_budget_allows(memory, error);
    }
    if (memory <= cheap) {
        return COFFER_OK;
    }
    atomic_fetch_add(&refusals, 1);
    return error_set_no_memory(error);
}
