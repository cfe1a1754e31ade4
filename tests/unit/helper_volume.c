/* SPDX-License-Identifier: ISC */
/* helper_volume.c - see helper_volume.h. */
#include "helper_volume.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

char helper_path[96];
static char directory[64];
static int level = -1; /* of unmarked volumes of this test */

int helper_enter(void **state)
{
    (void)state;
    level = -1;
    (void)snprintf(directory, sizeof(directory), "/tmp/coffer-test-XXXXXX");
    if (mkdtemp(directory) == NULL) {
        return -1;
    }
    (void)snprintf(helper_path, sizeof(helper_path), "%s/volume", directory);
    return 0;
}

int helper_leave(void **state)
{
    (void)state;
    (void)unlink(helper_path);
    return rmdir(directory);
}

struct coffer_credential *helper_credential(const char *passphrase)
{
    struct coffer_secret *secret = coffer_secret_new(128);
    struct coffer_credential *credential = coffer_credential_new();
    memcpy(coffer_secret_data(secret), passphrase, strlen(passphrase));
    coffer_secret_set_size(secret, strlen(passphrase));
    assert_int_equal(coffer_credential_set_passphrase(credential, secret, NULL), COFFER_OK);
    coffer_secret_free(secret);
    return credential;
}

struct coffer_credential *helper_raw_key(uint8_t fill)
{
    struct coffer_secret *secret = coffer_secret_new(COFFER_RAW_KEY_SIZE);
    struct coffer_credential *credential = coffer_credential_new();
    memset(coffer_secret_data(secret), fill, COFFER_RAW_KEY_SIZE);
    coffer_secret_set_size(secret, COFFER_RAW_KEY_SIZE);
    assert_int_equal(coffer_credential_set_raw_key(credential, secret, NULL), COFFER_OK);
    coffer_secret_free(secret);
    return credential;
}

void helper_get(uint64_t offset, void *data, size_t size)
{
    int fd = open(helper_path, O_RDONLY);
    assert_int_equal(pread(fd, data, size, (off_t)offset), size);
    close(fd);
}

void helper_put(uint64_t offset, const void *data, size_t size)
{
    int fd = open(helper_path, O_WRONLY);
    assert_int_equal(pwrite(fd, data, size, (off_t)offset), size);
    close(fd);
}

struct coffer_create_options helper_small(void)
{
    struct coffer_create_options options = COFFER_CREATE_OPTIONS_INIT;
    options.container_size = HELPER_SIZE;
    options.kdf_memory = 8192;
    options.kdf_passes = 1;
    options.thin = true;
    return options;
}

struct coffer_create_options helper_filled(bool unmarked)
{
    struct coffer_create_options options = helper_small();
    options.thin = false;
    options.fill = true;
    if (unmarked) {
        options.unmarked = true;
        options.kdf_memory = options.kdf_passes = 0;
        options.kdf_level = level = 0;
    }
    return options;
}

/* Takes the secret. The content is a string, and is written with its NUL. */
static void create(struct coffer_credential *secret, const struct coffer_create_options *options,
                   const char *content)
{
    struct coffer_volume *volume;
    struct coffer_error error = COFFER_ERROR_INIT;
    if (coffer_volume_create(helper_path, secret, options, &volume, &error) != COFFER_OK) {
        fail_msg("%s", error.text);
    }
    if (content) {
        assert_int_equal(coffer_volume_pwrite(volume, content, strlen(content) + 1, 0, &error), COFFER_OK);
    }
    assert_int_equal(coffer_volume_publish(volume, &error), COFFER_OK);
    assert_int_equal(coffer_volume_close(volume, &error), COFFER_OK);
    coffer_credential_free(secret);
}

void helper_create(const struct coffer_create_options *options)
{
    create(helper_credential("correct"), options, NULL);
}

void helper_create_raw(uint8_t fill, const struct coffer_create_options *options)
{
    struct coffer_create_options here = *options;
    here.replace = true;
    create(helper_raw_key(fill), &here, "content");
}

enum coffer_status helper_open(const char *passphrase, bool read_only, struct coffer_volume **volume)
{
    struct coffer_open_options options = COFFER_OPEN_OPTIONS_INIT;
    struct coffer_credential *secret = helper_credential(passphrase);
    options.read_only = read_only;
    options.kdf_level = level;
    enum coffer_status status = coffer_volume_open(helper_path, secret, &options, volume, NULL);
    coffer_credential_free(secret);
    return status;
}

enum coffer_status helper_try(const char *passphrase)
{
    struct coffer_volume *volume;
    enum coffer_status status = helper_open(passphrase, true, &volume);
    return status == COFFER_OK ? coffer_volume_close(volume, NULL) : status;
}
