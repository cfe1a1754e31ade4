/* SPDX-License-Identifier: ISC */
/* helper_credentials.c - credentials of every kind, made at once; the key file is a real one. */
#include "helper_credentials.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "helper_scene.h"

static char key_file[] = "/tmp/coffer-fail-calls-XXXXXX";

void credentials_begin(void)
{
    int fd = mkstemp(key_file);
    if (fd < 0 || write(fd, "key", 3) != 3 || close(fd) != 0) {
        scene_fail("cannot make a key file");
    }
}

void credentials_end(void)
{
    (void)unlink(key_file);
}

static enum coffer_status add_key_fd(struct coffer_credential *credential, struct coffer_error *error)
{
    int fd = open(key_file, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        scene_fail("cannot open a key file");
    }
    enum coffer_status status = coffer_credential_add_key_fd(credential, fd, error);
    close(fd);
    return status;
}

enum coffer_status credentials_make(struct coffer_error *error)
{
    struct coffer_credential *credential = coffer_credential_new(), *recovery = coffer_credential_new();
    struct coffer_credential *other = coffer_credential_new();
    struct coffer_secret *secret = coffer_secret_new(32), *text = coffer_secret_new(COFFER_RECOVERY_TEXT_SIZE);
    enum coffer_status status = COFFER_OK;
    if (credential == NULL || recovery == NULL || other == NULL || secret == NULL || text == NULL) {
        *error = (struct coffer_error){ COFFER_NO_MEMORY, ENOMEM, "no memory" };
        status = COFFER_NO_MEMORY;
    } else {
        memset(coffer_secret_data(secret), 'x', 32);
        coffer_secret_set_size(secret, 32);
        status = coffer_credential_set_passphrase(credential, secret, error);
        status = status == COFFER_OK ? coffer_credential_add_key_file(credential, key_file, error) : status;
        status = status == COFFER_OK ? add_key_fd(other, error) : status;
        status = status == COFFER_OK ? coffer_credential_make_recovery(recovery, text, error) : status;
        if (status == COFFER_OK && !coffer_credential_is_recovery_code(recovery, text)) {
            scene_fail("a recovery code that is none");
        }
    }
    coffer_secret_free(secret);
    coffer_secret_free(text);
    coffer_credential_free(credential);
    coffer_credential_free(recovery);
    coffer_credential_free(other);
    return status;
}
