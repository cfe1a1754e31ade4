/* SPDX-License-Identifier: ISC */
/*
 * Secret memory, looked at from outside: /proc/self/smaps for locks and dumps, all of the process's memory for what
 * is left of a secret. Each test runs in a fresh child, because a lock once refused is remembered. munmap is this
 * file's own, in front of the C library's.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "crypto.h"
#include "helper_child.h"
#include "helper_maps.h"

#define MEBIBYTE (UINT64_C(1) << 20)

/* An ordinary user under this limit of locked memory. Root may lock whatever it likes, so root changes user. */
static int become_ordinary(rlim_t limit)
{
    struct rlimit locked = { limit, limit };
    if (setrlimit(RLIMIT_MEMLOCK, &locked) != 0 ||
        (geteuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0))) {
        return CHILD_SKIPPED;
    }
    return 0;
}

static int allocates(void *context)
{
    (void)context;
    static const size_t sizes[] = { 1, 15, 32, 64, 4095, 4096, 4097, 65536 };
    CHILD_CHECK(crypto_init() == 0);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        uint8_t *memory = crypto_secret_alloc(sizes[i]);
        CHILD_CHECK(memory);
        CHILD_CHECK(crypto_is_zero(memory, sizes[i]));
        memset(memory, 0xff, sizes[i]);
        CHILD_CHECK(maps_have_flag(memory, sizes[i], "lo"));
        CHILD_CHECK(maps_have_flag(memory, sizes[i], "dd"));
        crypto_secret_free(memory);
    }
    CHILD_CHECK(crypto_memory_is_locked());
    CHILD_CHECK(crypto_secret_alloc(0) == NULL);
    CHILD_CHECK(crypto_secret_alloc(SIZE_MAX) == NULL);
    crypto_secret_free(NULL);
    return 0;
}

static void is_zero_locked_and_not_dumped(void **state)
{
    (void)state;
    child_must_pass(allocates, NULL);
}

static void seen_segv(int signal)
{
    (void)signal;
    _exit(42);
}

/* context: offset from the start of 100 secret bytes. */
static int touches(void *context)
{
    if (crypto_init() != 0) {
        return 1;
    }
    signal(SIGSEGV, seen_segv);
    volatile uint8_t *memory = crypto_secret_alloc(100);
    return memory ? memory[*(ptrdiff_t *)context] : 1;
}

static void has_guards_around(void **state)
{
    (void)state;
    ptrdiff_t beyond[] = { 100, 4096, -4096 };
    for (size_t i = 0; i < sizeof(beyond) / sizeof(beyond[0]); i++) {
        int status = child_status(touches, &beyond[i], NULL);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 42);
    }
}

static int underruns(void *context)
{
    (void)context;
    uint8_t *memory = crypto_init() == 0 ? crypto_secret_alloc(100) : NULL;
    if (memory) {
        ((volatile uint8_t *)memory)[-1] ^= 1;
        crypto_secret_free(memory); /* ends the process: the canary is gone */
    }
    return 0;
}

static void a_write_before_it_is_noticed(void **state)
{
    (void)state;
    int status = child_status(underruns, NULL, NULL);
    assert_true(WIFSIGNALED(status));
}

static const struct needle *watched; /* looked for in all that is unmapped */
static unsigned unmapped, unmapped_with_needle;

__attribute__((visibility("default"))) int munmap(void *memory, size_t size)
{
    if (watched) {
        unmapped++;
        unmapped_with_needle += maps_count_in(watched, memory, size) > 0;
    }
    return (int)syscall(SYS_munmap, memory, size);
}

static int frees(void *context)
{
    (void)context;
    CHILD_CHECK(crypto_init() == 0);
    struct needle needle = needle_random();
    uint8_t *memory = crypto_secret_alloc(1000);
    CHILD_CHECK(memory);
    needle_put(&needle, memory + 500);
    CHILD_CHECK(maps_count(&needle) == 1);

    watched = &needle;
    crypto_secret_free(memory);
    watched = NULL;
    CHILD_CHECK(unmapped == 1);
    CHILD_CHECK(unmapped_with_needle == 0);
    CHILD_CHECK(maps_count(&needle) == 0);
    return 0;
}

static void is_wiped_before_it_is_given_back(void **state)
{
    (void)state;
    child_must_pass(frees, NULL);
}

/* The key schedule of AES begins with the key itself, so the key is the needle. */
static int cipher_handles(void *context)
{
    (void)context;
    CHILD_CHECK(crypto_init() == 0);
    struct needle data_key = needle_random(), tweak_key = needle_random();
    uint8_t *key = crypto_secret_alloc(CRYPTO_SECTOR_KEY_SIZE);
    uint8_t sector_bytes[512] = { 0 };
    struct crypto_sector *sector;
    CHILD_CHECK(key);
    needle_put(&data_key, key);
    needle_put(&tweak_key, key + 32);
    CHILD_CHECK(crypto_sector_new(&sector, key, 512) == 0);
    crypto_secret_free(key);
    crypto_sector_encrypt(sector, 1, sector_bytes, sector_bytes, sizeof(sector_bytes));

    CHILD_CHECK(maps_count(&data_key) > 0);
    CHILD_CHECK(maps_count(&tweak_key) > 0);
    CHILD_CHECK(maps_count_without(&data_key, "lo") == 0);
    CHILD_CHECK(maps_count_without(&data_key, "dd") == 0);
    CHILD_CHECK(maps_count_without(&tweak_key, "lo") == 0);
    CHILD_CHECK(maps_count_without(&tweak_key, "dd") == 0);
    CHILD_CHECK(crypto_memory_is_locked());

    crypto_sector_free(sector);
    CHILD_CHECK(maps_count(&data_key) == 0);
    CHILD_CHECK(maps_count(&tweak_key) == 0);
    return 0;
}

static void keys_of_ciphers_are_locked_and_wiped(void **state)
{
    (void)state;
    child_must_pass(cipher_handles, NULL);
}

/* An ordinary user with the limit of old systems: the pool does not fit, single handles do. */
static int cipher_handles_under_a_small_limit(void *context)
{
    int skipped = become_ordinary(64 * 1024);
    return skipped ? skipped : cipher_handles(context);
}

static void single_handles_are_locked_under_a_small_limit(void **state)
{
    (void)state;
    child_must_pass(cipher_handles_under_a_small_limit, NULL);
}

/* One secret after the other until the limit is passed: the answer turns when the first one is not locked. */
static int fills_the_limit(void *context)
{
    (void)context;
    int skipped = become_ordinary(64 * 1024);
    if (skipped) {
        return skipped;
    }
    CHILD_CHECK(crypto_init() == 0);
    CHILD_CHECK(crypto_memory_is_locked());
    for (unsigned i = 0; i < 20; i++) {
        uint8_t *memory = crypto_secret_alloc(4000);
        CHILD_CHECK(memory);
        if (!maps_have_flag(memory, 4000, "lo")) {
            CHILD_CHECK(!crypto_memory_is_locked());
            return 0;
        }
        CHILD_CHECK(crypto_memory_is_locked());
    }
    return 1;
}

static void the_first_secret_beyond_the_limit_is_noticed(void **state)
{
    (void)state;
    child_must_pass(fills_the_limit, NULL);
}

static int works_unlocked(void *context)
{
    (void)context;
    int skipped = become_ordinary(0);
    if (skipped) {
        return skipped;
    }
    CHILD_CHECK(crypto_init() == 0);
    uint8_t *memory = crypto_secret_alloc(64);
    CHILD_CHECK(memory);
    CHILD_CHECK(!crypto_memory_is_locked());
    CHILD_CHECK(maps_have_flag(memory, 64, "dd"));
    struct crypto_sector *sector;
    memory[0] = 1;
    CHILD_CHECK(crypto_sector_new(&sector, memory, 4096) == 0);
    crypto_sector_free(sector);
    crypto_secret_free(memory);
    CHILD_CHECK(!crypto_memory_is_locked());
    return 0;
}

/* And not a word on stderr: what to say is the caller's business. */
static void works_unlocked_and_says_so_only_when_asked(void **state)
{
    (void)state;
    char said[4096];
    int status = child_status(works_unlocked, NULL, said);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == CHILD_SKIPPED) {
        skip();
    }
    assert_string_equal(said, "");
    assert_int_equal(WEXITSTATUS(status), 0);
}

/* Secrets and a cipher handle made before a fork, and the same in its child. */
struct inherited {
    struct needle secret, cipher_key;
    bool locked_in_child;
};

static int looks_at_what_it_inherits(const struct inherited *inherited)
{
    CHILD_CHECK(maps_count(&inherited->secret) > 0);
    CHILD_CHECK(maps_count(&inherited->cipher_key) > 0);
    CHILD_CHECK((maps_count_without(&inherited->secret, "lo") == 0) == inherited->locked_in_child);
    CHILD_CHECK((maps_count_without(&inherited->cipher_key, "lo") == 0) == inherited->locked_in_child);
    CHILD_CHECK(maps_count_without(&inherited->secret, "dd") == 0);
    CHILD_CHECK(maps_count_without(&inherited->cipher_key, "dd") == 0);
    CHILD_CHECK(crypto_memory_is_locked() == inherited->locked_in_child);
    return 0;
}

static int makes_both(const struct inherited *inherited)
{
    CHILD_CHECK(crypto_init() == 0);
    uint8_t *secret = crypto_secret_alloc(64);
    uint8_t *key = crypto_secret_alloc(CRYPTO_SECTOR_KEY_SIZE);
    struct crypto_sector *sector;
    CHILD_CHECK(secret && key);
    needle_put(&inherited->secret, secret);
    needle_put(&inherited->cipher_key, key);
    CHILD_CHECK(crypto_sector_new(&sector, key, 512) == 0);
    crypto_secret_free(key);
    CHILD_CHECK(crypto_memory_is_locked());
    return 0;
}

static int forks(const struct inherited *inherited)
{
    int status;
    pid_t pid = fork();
    if (pid == 0) {
        _exit(looks_at_what_it_inherits(inherited));
    }
    CHILD_CHECK(waitpid(pid, &status, 0) == pid);
    CHILD_CHECK(crypto_memory_is_locked()); /* the parent's still is */
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

static int forks_with_room(void *context)
{
    (void)context;
    struct inherited inherited = { needle_random(), needle_random(), true };
    int failed = makes_both(&inherited);
    return failed ? failed : forks(&inherited);
}

static int forks_without_room(void *context)
{
    (void)context;
    struct rlimit none = { 0, 0 };
    struct inherited inherited = { needle_random(), needle_random(), false };
    int failed = become_ordinary(MEBIBYTE);
    failed = failed ? failed : makes_both(&inherited);
    if (failed) {
        return failed;
    }
    CHILD_CHECK(setrlimit(RLIMIT_MEMLOCK, &none) == 0); /* locks that are there stay */
    return forks(&inherited);
}

/* The kernel drops every lock in the child of a fork. */
static void a_forked_child_locks_again(void **state)
{
    (void)state;
    child_must_pass(forks_with_room, NULL);
}

static void a_forked_child_that_cannot_lock_says_so(void **state)
{
    (void)state;
    child_must_pass(forks_without_room, NULL);
}

static int frees_twice(void *context)
{
    (void)context;
    uint8_t *memory = crypto_init() == 0 ? crypto_secret_alloc(32) : NULL;
    crypto_secret_free(memory);
    crypto_secret_free(memory);
    return 0;
}

static void freeing_twice_ends_the_process(void **state)
{
    (void)state;
    child_must_die(frees_twice, NULL, SIGABRT);
}

static void compares_and_wipes(void **state)
{
    (void)state;
    uint8_t a[65] = { 0 }, b[65] = { 0 };
    assert_int_equal(crypto_init(), 0);
    for (size_t i = 0; i < sizeof(a); i++) {
        assert_true(crypto_equal(a, b, sizeof(a)));
        assert_true(crypto_is_zero(a, sizeof(a)));
        a[i] = 0x80;
        assert_false(crypto_equal(a, b, sizeof(a)));
        assert_false(crypto_is_zero(a, sizeof(a)));
        assert_true(crypto_compare(a, b, sizeof(a)) > 0);
        assert_true(crypto_compare(b, a, sizeof(a)) < 0);
        b[64] = 0xff; /* the first difference decides */
        assert_int_equal(crypto_compare(a, b, sizeof(a)), i == 64 ? -1 : 1);
        b[64] = 0;
        assert_int_equal(crypto_compare(a, b, i), 0);
        assert_true(crypto_equal(a, b, i));
        assert_true(crypto_is_zero(a, i));
        crypto_wipe(a + i, 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_zero_locked_and_not_dumped),
        cmocka_unit_test(has_guards_around),
        cmocka_unit_test(a_write_before_it_is_noticed),
        cmocka_unit_test(is_wiped_before_it_is_given_back),
        cmocka_unit_test(keys_of_ciphers_are_locked_and_wiped),
        cmocka_unit_test(single_handles_are_locked_under_a_small_limit),
        cmocka_unit_test(the_first_secret_beyond_the_limit_is_noticed),
        cmocka_unit_test(works_unlocked_and_says_so_only_when_asked),
        cmocka_unit_test(a_forked_child_locks_again),
        cmocka_unit_test(a_forked_child_that_cannot_lock_says_so),
        cmocka_unit_test(freeing_twice_ends_the_process),
        cmocka_unit_test(compares_and_wipes),
    };
    const char *unusable = maps_unusable();
    if (unusable) {
        puts(unusable);
        return 77;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
