/* SPDX-License-Identifier: ISC */
/*
 * In front of the allocating functions. Any thread, but faults are for one at a time.
 */
#include "helper_memory.h"

#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/types.h>

static atomic_uint allocations, fail_at, secrets, derivations;
static atomic_size_t largest;
static atomic_bool failed, forbidden;

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

void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_mmap(void *address, size_t size, int protection, int flags, int fd, off_t offset);
void *__wrap_mmap64(void *address, size_t size, int protection, int flags, int fd, off_t offset);
void *__wrap_crypto_secret_alloc(size_t size);
void __wrap_crypto_secret_free(void *memory);
int __wrap_crypto_argon2id(uint8_t out[32], const void *password, size_t password_size, const uint8_t salt[16],
                           uint32_t memory, uint32_t passes);

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

void *__wrap_crypto_secret_alloc(size_t size)
{
    void *memory;
    if (size == 0 || fails(size) || posix_memalign(&memory, FRONT, FRONT + size) != 0) {
        return NULL;
    }
    memset(memory, 0, FRONT + size);
    memcpy(memory, &size, sizeof(size));
    atomic_fetch_add(&secrets, 1);
    return (uint8_t *)memory + FRONT;
}

void __wrap_crypto_secret_free(void *memory)
{
    size_t size;
    if (memory == NULL) {
        return;
    }
    uint8_t *start = (uint8_t *)memory - FRONT;
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
    return fails(0) ? -ENOMEM : __real_crypto_argon2id(out, password, password_size, salt, memory, passes);
}
