/* SPDX-License-Identifier: ISC */
/*
 * The subject of the tests is a volume of libcoffer in a file without a name.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mounted.h"

#define AROUND (MIB + 128 * 1024) /* bytes of a container that are not its data */

static void init_once(void)
{
    static bool done;
    struct coffer_error error = COFFER_ERROR_INIT;
    if (!done && coffer_init(&error) != COFFER_OK) {
        fprintf(stderr, "coffer_init: %s\n", error.text);
        abort();
    }
    done = true;
}

bool subject_can_be(uint64_t size)
{
    return size % 4096 == 0;
}

struct coffer_volume *subject_new(uint64_t size, bool thin)
{
    init_once();
    struct coffer_secret *secret = coffer_secret_new(8);
    memcpy(coffer_secret_data(secret), "correct", 7);
    coffer_secret_set_size(secret, 7);
    struct coffer_credential *credential = coffer_credential_new();
    struct coffer_error error = COFFER_ERROR_INIT;
    coffer_credential_set_passphrase(credential, secret, &error);

    char directory[] = "/tmp/coffer-test-fuse-XXXXXX", path[80];
    assert_non_null(mkdtemp(directory));
    snprintf(path, sizeof(path), "%s/volume", directory);
    struct coffer_create_options options = COFFER_CREATE_OPTIONS_INIT;
    options.container_size = size + AROUND;
    options.kdf_memory = 8192;
    options.kdf_passes = 1;
    options.thin = thin;
    struct coffer_volume *volume = NULL;
    if (coffer_volume_create(path, credential, &options, &volume, &error) != COFFER_OK) {
        fail_msg("cannot create: %s", error.text);
    }
    coffer_credential_free(credential);
    coffer_secret_free(secret);
    rmdir(directory); /* the file has no name yet, and gets none */

    struct coffer_info info = { .size = sizeof(info) };
    assert_int_equal(coffer_volume_info(volume, &info, NULL), COFFER_OK);
    assert_int_equal(info.data_size, size);
    static const uint8_t zeros[MIB];
    for (uint64_t at = 0; !thin && at < size; at += MIB) {
        assert_int_equal(coffer_volume_pwrite(volume, zeros, size - at < MIB ? size - at : MIB, at, NULL),
                         COFFER_OK);
    }
    return volume;
}

enum coffer_status subject_close(struct coffer_volume *volume, struct coffer_error *error)
{
    return coffer_volume_close(volume, error);
}

struct fake_faults *subject_faults(struct coffer_volume *volume)
{
    (void)volume;
    skip();
    return NULL;
}
