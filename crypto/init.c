/* SPDX-License-Identifier: ISC */
/*
 * Starts libsodium and libgcrypt in the order they document, once per process, and refuses to go on with a
 * library that does not give the known answers. The result of the first call is kept: a library that failed
 * once is not tried again. Any thread may call crypto_init.
 */
#include <errno.h>
#include <gcrypt.h>
#include <pthread.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#include "crypto.h"
#include "private.h"

/* The first version with crypto_generichash, Argon2id 1.3 and locked memory as used here. */
#define GCRYPT_OLDEST "1.9.0"

static pthread_once_t once = PTHREAD_ONCE_INIT;
static int result;
static char components[2][64];

static int start_gcrypt(void)
{
    /* Also initialises the library; a program that already did so keeps its settings. */
    if (!gcry_check_version(GCRYPT_OLDEST)) {
        return -ENOSYS;
    }
    if (gcry_control(GCRYCTL_INITIALIZATION_FINISHED_P)) {
        memory_note_unlocked(); /* the pool is someone else's: nothing is known about it */
        return 0;
    }
    int failed = pool_init();
    if (failed) {
        return failed;
    }
    gcry_control(GCRYCTL_INITIALIZATION_FINISHED, 0);
    return 0;
}

static void start(void)
{
    if (sodium_init() < 0) {
        result = -ENOSYS;
        return;
    }
    result = start_gcrypt();
    if (result) {
        return;
    }
    snprintf(components[0], sizeof(components[0]), "libsodium %s", sodium_version_string());
    snprintf(components[1], sizeof(components[1]), "libgcrypt %s", gcry_check_version(NULL));
    result = crypto_selftest();
}

int crypto_init(void)
{
    int failed = pthread_once(&once, start);
    return failed ? -failed : result;
}

const char *crypto_component(unsigned i)
{
    if (i >= sizeof(components) / sizeof(components[0]) || crypto_init() == -ENOSYS) {
        return NULL;
    }
    return components[i];
}

void crypto_panic(void)
{
    abort();
}
