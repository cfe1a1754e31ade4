/* SPDX-License-Identifier: ISC */
/*
 * Random bytes and noise. getentropy is this file's own, in front of the system's, so that a source that fails or is
 * stuck can be shown: a process with it must end before it makes a key or a nonce (CONV-5).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dlfcn.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "crypto.h"
#include "helper_child.h"

static enum { WORKS, FAILS, STUCK } source;
static size_t largest_request;

int getentropy(void *buffer, size_t size)
{
    int (*real)(void *, size_t);
    *(void **)&real = dlsym(RTLD_NEXT, "getentropy");
    largest_request = size > largest_request ? size : largest_request;
    if (source == STUCK) {
        memset(buffer, 42, size);
        return 0;
    }
    if (source == FAILS) {
        errno = ENOSYS;
        return -1;
    }
    return real(buffer, size);
}

static int ask_for_bytes(void *context)
{
    uint8_t out[32];
    (void)context;
    source = FAILS;
    crypto_random(out, sizeof(out));
    return 0;
}

static int ask_for_a_seal(void *context)
{
    uint8_t key[32] = { 1 }, out[CRYPTO_SEAL_OVERHEAD + 1];
    (void)context;
    source = FAILS;
    crypto_seal(out, key, "x", "", 0, key, 1);
    return 0;
}

static int ask_for_noise(void *context)
{
    (void)context;
    source = FAILS;
    crypto_noise_begin();
    return 0;
}

static void a_failing_source_ends_the_process(void **state)
{
    (void)state;
    child_must_die(ask_for_bytes, NULL, SIGABRT);
    child_must_die(ask_for_a_seal, NULL, SIGABRT);
    child_must_die(ask_for_noise, NULL, SIGABRT);
}

static int selftest_of_a_stuck_source(void *context)
{
    (void)context;
    source = STUCK;
    return crypto_selftest() == -EIO ? 0 : 1;
}

static void the_selftest_finds_a_stuck_source(void **state)
{
    (void)state;
    child_must_pass(selftest_of_a_stuck_source, NULL);
}

/* Every byte of a request of any size is filled, and none after it. */
static void fills_what_is_asked_for(void **state)
{
    (void)state;
    static const size_t sizes[] = { 0, 1, 24, 255, 256, 257, 512, 4096, 5000 };
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        uint8_t out[5001] = { 0 }, seen[5001] = { 0 };
        for (unsigned round = 0; round < 16; round++) {
            crypto_random(out, sizes[i]);
            for (size_t at = 0; at < sizeof(out); at++) {
                seen[at] |= out[at];
            }
        }
        for (size_t at = 0; at < sizeof(seen); at++) {
            assert_int_equal(seen[at] != 0, at < sizes[i]); /* wrong once in 2^128 */
        }
    }
    assert_in_range(largest_request, 1, 256);
}

/* Chi-square over the values of all bytes: 255 degrees of freedom, mean 255, deviation 22.6. */
static void assert_looks_uniform(const uint8_t *bytes, size_t size)
{
    size_t counts[256] = { 0 };
    double expected = (double)size / 256, sum = 0;
    for (size_t i = 0; i < size; i++) {
        counts[bytes[i]]++;
    }
    for (unsigned i = 0; i < 256; i++) {
        double off = (double)counts[i] - expected;
        sum += off * off / expected;
    }
    assert_true(sum > 255 - 8 * 22.6 && sum < 255 + 8 * 22.6);
}

static int compare_blocks(const void *a, const void *b)
{
    return memcmp(a, b, 16);
}

static void noise_is_uniform_and_never_repeats(void **state)
{
    (void)state;
    enum { SIZE = 1 << 20 };
    uint8_t *bytes = malloc(SIZE);
    assert_non_null(bytes);
    struct crypto_noise *noise = crypto_noise_begin();
    assert_non_null(noise);
    for (size_t done = 0; done < SIZE; done += 4096) {
        crypto_noise_next(noise, bytes + done, 4096);
    }
    crypto_noise_end(noise);
    assert_looks_uniform(bytes, SIZE);
    qsort(bytes, SIZE / 16, 16, compare_blocks);
    for (size_t i = 16; i < SIZE; i += 16) {
        assert_memory_not_equal(bytes + i - 16, bytes + i, 16);
    }
    free(bytes);
}

static void two_noises_differ(void **state)
{
    (void)state;
    uint8_t a[64], b[64];
    struct crypto_noise *first = crypto_noise_begin(), *second = crypto_noise_begin();
    assert_non_null(first);
    assert_non_null(second);
    crypto_noise_next(first, a, sizeof(a));
    crypto_noise_next(second, b, sizeof(b));
    assert_memory_not_equal(a, b, sizeof(a));
    crypto_noise_end(first);
    crypto_noise_end(second);
    crypto_noise_end(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_failing_source_ends_the_process),
        cmocka_unit_test(the_selftest_finds_a_stuck_source),
        cmocka_unit_test(fills_what_is_asked_for),
        cmocka_unit_test(noise_is_uniform_and_never_repeats),
        cmocka_unit_test(two_noises_differ),
    };
    return crypto_init() == 0 ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
}
