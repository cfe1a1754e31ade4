/* SPDX-License-Identifier: ISC */
/*
 * In front of the derivations. Any thread; all is under the mutex. Waiting has an end, so that what never comes fails a
 * test instead of hanging it.
 */
#include "helper_derive.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "helper_memory.h"

enum { PATIENCE = 120 }; /* seconds */

static struct {
    bool fake;
    enum derive_wait wait;
    uint32_t room, inside, most;
    unsigned running, refusals; /* refusals: when it began */
    bool has_failed, has_come;
    unsigned calls;
    struct derive_call call[DERIVE_CALLS];
} state;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

void derive_begin(enum derive_wait wait, uint32_t room)
{
    pthread_mutex_lock(&mutex);
    memset(&state, 0, sizeof(state));
    state.fake = true;
    state.wait = wait;
    state.room = room;
    state.refusals = memory_refusals();
    pthread_mutex_unlock(&mutex);
}

unsigned derive_calls(struct derive_call call[DERIVE_CALLS])
{
    memcpy(call, state.call, sizeof(state.call));
    return state.calls;
}

uint32_t derive_most_memory(void)
{
    return state.most;
}

/* Under the mutex. */
static void note(const struct derive_call *call, const void *salt)
{
    if (state.calls == DERIVE_CALLS) {
        abort();
    }
    state.call[state.calls] = *call;
    memcpy(state.call[state.calls].salt, salt, sizeof(call->salt));
    state.calls++;
}

/* Bytes from all that a key depends on. */
static void fake_key(uint8_t *out, size_t size, const void *what, size_t what_size, const void *password,
                     size_t password_size, const void *salt, size_t salt_size)
{
    uint8_t text[1024], digest[CRYPTO_DIGEST_MAX];
    size_t at = 0;
    if (what_size + password_size + salt_size + 1 > sizeof(text)) {
        abort();
    }
    memcpy(text + at, what, what_size);
    at += what_size;
    memcpy(text + at, password, password_size);
    at += password_size;
    memcpy(text + at, salt, salt_size);
    at += salt_size;
    for (size_t done = 0; done < size; done += sizeof(digest)) {
        text[at] = (uint8_t)(done / sizeof(digest));
        crypto_digest(CRYPTO_SHA512, digest, text, at + 1);
        memcpy(out + done, digest, size - done < sizeof(digest) ? size - done : sizeof(digest));
    }
}

/* ---- PBKDF2 ---- */

int __real_crypto_pbkdf2_block(uint8_t *out, const struct crypto_pbkdf2 *input, uint32_t index);
int __wrap_crypto_pbkdf2_block(uint8_t *out, const struct crypto_pbkdf2 *input, uint32_t index);

int __wrap_crypto_pbkdf2_block(uint8_t *out, const struct crypto_pbkdf2 *input, uint32_t index)
{
    const struct derive_call call = { .digest = input->digest, .iterations = input->iterations, .block = index };
    const uint32_t what[] = { (uint32_t)input->digest, input->iterations, index };
    pthread_mutex_lock(&mutex);
    bool fake = state.fake;
    if (fake) {
        note(&call, input->salt);
    }
    pthread_mutex_unlock(&mutex);
    if (!fake) {
        return __real_crypto_pbkdf2_block(out, input, index);
    }
    fake_key(out, crypto_digest_size(input->digest), what, sizeof(what), input->password, input->password_size,
             input->salt, input->salt_size);
    return 0;
}

/* ---- Argon2 ---- */

static bool has_come(void)
{
    switch (state.wait) {
    case DERIVE_UNTIL_TWO:
        state.has_come |= state.running >= 2;
        break;
    case DERIVE_UNTIL_REFUSED:
        state.has_come |= memory_refusals() > state.refusals;
        break;
    case DERIVE_UNTIL_FAILED:
        state.has_come |= state.has_failed;
        break;
    default:
        state.has_come = true;
    }
    return state.has_come;
}

/* Under the mutex, which others have meanwhile. */
static void wait_until_it_has_come(void)
{
    time_t end = time(NULL) + PATIENCE;
    while (!has_come()) {
        pthread_mutex_unlock(&mutex);
        (void)nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
        pthread_mutex_lock(&mutex);
        if (time(NULL) > end) {
            (void)fprintf(stderr, "a derivation waits in vain: %d\n", (int)state.wait);
            abort();
        }
    }
}

int __real_crypto_argon2(uint8_t *out, size_t out_size, const struct crypto_argon2 *input);
int __wrap_crypto_argon2(uint8_t *out, size_t out_size, const struct crypto_argon2 *input);

static int fake_argon2(uint8_t *out, size_t out_size, const struct crypto_argon2 *input)
{
    struct derive_call call = { .argon2 = true, .iterations = input->passes, .memory = input->memory };
    const uint32_t what[] = { input->memory, input->passes, (uint32_t)out_size };
    call.failed = state.inside + input->memory > state.room;
    note(&call, input->salt);
    if (call.failed) {
        state.has_failed = true;
        return -ENOMEM;
    }
    state.running++;
    state.inside += input->memory;
    state.most = state.inside > state.most ? state.inside : state.most;
    wait_until_it_has_come();
    state.running--;
    state.inside -= input->memory;
    fake_key(out, out_size, what, sizeof(what), input->password, input->password_size, input->salt,
             input->salt_size);
    return 0;
}

int __wrap_crypto_argon2(uint8_t *out, size_t out_size, const struct crypto_argon2 *input)
{
    pthread_mutex_lock(&mutex);
    bool fake = state.fake;
    int result = fake ? fake_argon2(out, out_size, input) : 0;
    pthread_mutex_unlock(&mutex);
    return fake ? result : __real_crypto_argon2(out, out_size, input);
}
