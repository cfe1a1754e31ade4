/* SPDX-License-Identifier: ISC */
/* Copying from one volume into another, and the flag that keeps everybody out until it is complete: FLAG-1. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "coffer.h"
#include "helper_volume.h"

static char copy_path[4096];

static struct coffer_volume *open_source(void)
{
    struct coffer_volume *volume;
    assert_int_equal(helper_open("correct", true, &volume), COFFER_OK);
    return volume;
}

/* Some text, a lot of nothing, some text at the end. */
static void make_source(uint64_t size)
{
    struct coffer_create_options options = helper_small();
    struct coffer_volume *volume;
    struct coffer_info info = { .size = sizeof(info) };
    options.container_size = size;
    helper_create(&options);
    assert_int_equal(helper_open("correct", false, &volume), COFFER_OK);
    assert_int_equal(coffer_volume_info(volume, &info, NULL), COFFER_OK);
    assert_int_equal(coffer_volume_pwrite(volume, "first", 5, 4096, NULL), COFFER_OK);
    assert_int_equal(coffer_volume_pwrite(volume, "last", 4, info.data_size - 4, NULL), COFFER_OK);
    assert_int_equal(coffer_volume_close(volume, NULL), COFFER_OK);
}

static struct coffer_volume *make_copy(uint64_t size, bool thin)
{
    struct coffer_create_options options = helper_small();
    struct coffer_credential *secret = helper_credential("copy");
    struct coffer_volume *volume;
    options.container_size = size;
    options.thin = thin;
    options.unfinished = true;
    (void)snprintf(copy_path, sizeof(copy_path), "%s.copy", helper_path);
    assert_int_equal(coffer_volume_create(copy_path, secret, &options, &volume, NULL), COFFER_OK);
    assert_int_equal(coffer_volume_publish(volume, NULL), COFFER_OK);
    coffer_credential_free(secret);
    return volume;
}

static enum coffer_status open_copy(bool unfinished, bool read_only, struct coffer_volume **volume,
                                    struct coffer_error *error)
{
    struct coffer_open_options options = COFFER_OPEN_OPTIONS_INIT;
    struct coffer_credential *secret = helper_credential("copy");
    options.unfinished = unfinished;
    options.read_only = read_only;
    enum coffer_status status = coffer_volume_open(copy_path, secret, &options, volume, error);
    coffer_credential_free(secret);
    return status;
}

static enum coffer_status complete(struct coffer_volume *volume, const char *passphrase)
{
    struct coffer_open_options options = COFFER_OPEN_OPTIONS_INIT;
    struct coffer_credential *secret = helper_credential(passphrase);
    enum coffer_status status = coffer_volume_complete(volume, secret, &options, NULL);
    coffer_credential_free(secret);
    return status;
}

static void expect_text(struct coffer_volume *volume, uint64_t size)
{
    char text[6] = "";
    assert_int_equal(coffer_volume_pread(volume, text, 5, 4096, NULL), COFFER_OK);
    assert_string_equal(text, "first");
    memset(text, 0, sizeof(text));
    assert_int_equal(coffer_volume_pread(volume, text, 4, size - 4, NULL), COFFER_OK);
    assert_string_equal(text, "last");
}

static const struct coffer_callbacks NOBODY = { NULL, NULL, NULL };

static void test_until_it_is_complete(void **state)
{
    (void)state;
    struct coffer_error error = COFFER_ERROR_INIT;
    struct coffer_volume *volume = NULL;
    make_source(HELPER_SIZE);
    struct coffer_volume *from = open_source(), *to = make_copy(HELPER_SIZE, true);
    assert_int_equal(coffer_volume_copy(from, to, &NOBODY, NULL), COFFER_OK);
    assert_int_equal(coffer_volume_close(to, NULL), COFFER_OK);
    assert_int_equal(open_copy(false, true, &volume, &error), COFFER_UNSUPPORTED);
    assert_int_equal(error.sys, EINPROGRESS);
    assert_int_equal(open_copy(true, false, &to, NULL), COFFER_OK);
    assert_int_equal(complete(to, "correct"), COFFER_WRONG_SECRET);
    assert_int_equal(complete(to, "copy"), COFFER_OK);
    assert_int_equal(coffer_volume_close(to, NULL), COFFER_OK);

    error = (struct coffer_error)COFFER_ERROR_INIT;
    assert_int_equal(open_copy(true, false, &volume, &error), COFFER_INVALID);
    assert_int_equal(error.sys, EEXIST);
    assert_int_equal(open_copy(false, true, &volume, NULL), COFFER_OK);
    expect_text(volume, HELPER_SIZE - (1152 << 10));
    assert_int_equal(coffer_volume_close(volume, NULL), COFFER_OK);
    assert_int_equal(coffer_volume_close(from, NULL), COFFER_OK);
    assert_int_equal(unlink(copy_path), 0);
}

static bool stop(void *user, const char *what, uint64_t done, uint64_t total)
{
    unsigned *left = user;
    (void)what;
    assert_true(done <= total);
    return (*left)-- > 0;
}

static void test_goes_on(void **state)
{
    const bool *thin = *state;
    unsigned left;
    const struct coffer_callbacks callbacks = { NULL, stop, &left };
    make_source(16ull << 20);
    struct coffer_volume *from = open_source(), *to = make_copy(18ull << 20, *thin);
    /* Ends sooner and later, with other bytes in its place each time. */
    for (unsigned rounds = 0; rounds < 40; rounds++) {
        left = rounds;
        enum coffer_status status = coffer_volume_copy(from, to, &callbacks, NULL);
        assert_true(status == COFFER_OK || status == COFFER_INTERRUPTED);
        assert_int_equal(coffer_volume_pwrite(to, "noise", 5, rounds * 400000ull, NULL), COFFER_OK);
        assert_int_equal(coffer_volume_close(to, NULL), COFFER_OK);
        assert_int_equal(open_copy(true, false, &to, NULL), COFFER_OK);
    }
    assert_int_equal(coffer_volume_copy(from, to, &NOBODY, NULL), COFFER_OK);
    expect_text(to, (16ull << 20) - (1152 << 10));
    uint8_t byte = 1;
    assert_int_equal(coffer_volume_pread(to, &byte, 1, 400000, NULL), COFFER_OK);
    assert_int_equal(byte, 0);
    assert_int_equal(coffer_volume_close(to, NULL), COFFER_OK);

    /* What is the same is not written again. */
    assert_int_equal(open_copy(true, true, &to, NULL), COFFER_OK);
    assert_int_equal(coffer_volume_copy(from, to, &NOBODY, NULL), COFFER_OK);
    assert_int_equal(coffer_volume_close(to, NULL), COFFER_OK);
    assert_int_equal(coffer_volume_close(from, NULL), COFFER_OK);
    assert_int_equal(unlink(copy_path), 0);
}

/* Somebody writes into the copy while it is verified. */
static bool meddle(void *user, const char *what, uint64_t done, uint64_t total)
{
    (void)done;
    (void)total;
    return strcmp(what, "verify") != 0 ||
           coffer_volume_pwrite(user, "other", 5, (18ull << 20) - (1152 << 10) - 5, NULL) == COFFER_OK;
}

static void test_verifies(void **state)
{
    (void)state;
    struct coffer_error error = COFFER_ERROR_INIT;
    make_source(18ull << 20);
    struct coffer_volume *from = open_source(), *to = make_copy(18ull << 20, false);
    const struct coffer_callbacks callbacks = { NULL, meddle, to };
    assert_int_equal(coffer_volume_copy(from, to, &callbacks, &error), COFFER_FAILED);
    assert_int_equal(error.sys, EILSEQ);
    assert_int_equal(coffer_volume_close(to, NULL), COFFER_OK);
    assert_int_equal(coffer_volume_close(from, NULL), COFFER_OK);
    assert_int_equal(unlink(copy_path), 0);
}

/* The source ends early, just before the end of a piece: the next one fails sooner, but the first place is told. */
static void test_first_failure(void **state)
{
    (void)state;
    struct coffer_create_options options = helper_small();
    options.container_size = 40ull << 20;
    options.thin = false;
    helper_create(&options);
    struct coffer_volume *from = open_source();
    assert_int_equal(truncate(helper_path, (7 << 20) - 4096), 0); /* the data begin at 1 MiB */
    struct coffer_volume *to = make_copy(40ull << 20, true);
    for (unsigned rounds = 0; rounds < 200; rounds++) {
        struct coffer_error error = COFFER_ERROR_INIT;
        assert_int_equal(coffer_volume_copy(from, to, &NOBODY, &error), COFFER_FAILED);
        assert_non_null(strstr(error.text, "the source at byte 5242880: "));
    }
    assert_int_equal(coffer_volume_close(to, NULL), COFFER_OK);
    assert_int_equal(coffer_volume_close(from, NULL), COFFER_OK);
    assert_int_equal(unlink(copy_path), 0);
}

static void test_too_small(void **state)
{
    (void)state;
    make_source(HELPER_SIZE);
    struct coffer_volume *from = open_source(), *to = make_copy(HELPER_SIZE - 4096, true);
    assert_int_equal(coffer_volume_copy(from, to, &NOBODY, NULL), COFFER_INVALID);
    assert_int_equal(coffer_volume_close(to, NULL), COFFER_OK);
    assert_int_equal(coffer_volume_close(from, NULL), COFFER_OK);
    assert_int_equal(unlink(copy_path), 0);
}

int main(void)
{
    static bool thick = false, thin = true;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_until_it_is_complete, helper_enter, helper_leave),
        { "test_goes_on, thin", test_goes_on, helper_enter, helper_leave, &thin },
        { "test_goes_on, thick", test_goes_on, helper_enter, helper_leave, &thick },
        cmocka_unit_test_setup_teardown(test_verifies, helper_enter, helper_leave),
        cmocka_unit_test_setup_teardown(test_first_failure, helper_enter, helper_leave),
        cmocka_unit_test_setup_teardown(test_too_small, helper_enter, helper_leave),
    };
    assert_int_equal(coffer_init(NULL), COFFER_OK);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
