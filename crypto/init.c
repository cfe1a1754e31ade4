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

#define GCRYPT_OLDEST "1.9.0" /* as CMakeLists.txt asks for */

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

static void in_parent(void)
{
    memory_after_fork(false);
}

static void in_child(void)
{
    memory_after_fork(true);
    pool_after_fork();
}

static void start(void)
{
    result = sodium_init() < 0 ? -ENOSYS : start_gcrypt();
    if (!result) {
        result = -pthread_atfork(memory_before_fork, in_parent, in_child);
    }
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
    crypto_init();
    bool known = i < sizeof(components) / sizeof(components[0]) && components[i][0] != '\0';
    return known ? components[i] : NULL;
}

void crypto_panic(void)
{
    abort();
}
