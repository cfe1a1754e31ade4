/* SPDX-License-Identifier: ISC */
/*
 * cleartext: opens a volume through libcoffer alone and writes all of its cleartext to stdout, for tests that
 * compare with another implementation where nothing can be mounted. Exits like coffer.
 *
 *     cleartext VOLUME [--write] [--kdf-level N] [--type NAME] [--header FILE] [--slot N]
 *                [--passphrase-file F] [--key-file F]... [--raw-key-file F]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "coffer.h"

enum { PIECE = 64 * 1024 };

static void stop(int status, const char *what, const char *text)
{
    fprintf(stderr, "cleartext: %s: %s\n", what, text);
    exit(status);
}

static int exit_status(enum coffer_status status)
{
    switch (status) {
    case COFFER_OK:
        return 0;
    case COFFER_NOT_FOUND:
        return 10;
    case COFFER_IN_USE:
        return 11;
    case COFFER_WRONG_SECRET:
        return 12;
    case COFFER_DAMAGED:
        return 13;
    case COFFER_UNSUPPORTED:
        return 14;
    case COFFER_NO_MEMORY:
        return 15;
    default:
        return 1;
    }
}

static void check(enum coffer_status status, const struct coffer_error *error)
{
    if (status != COFFER_OK) {
        stop(exit_status(status), "error", error->text);
    }
}

/* A whole small file; one newline at its end is no part of a passphrase. */
static struct coffer_secret *read_secret(const char *path, bool is_passphrase)
{
    struct coffer_secret *secret = coffer_secret_new(COFFER_PASSPHRASE_MAX + 1);
    FILE *file = fopen(path, "rbe");
    if (secret == NULL || file == NULL) {
        stop(1, path, "cannot be read");
    }
    uint8_t *data = coffer_secret_data(secret);
    size_t size = fread(data, 1, coffer_secret_capacity(secret), file);
    (void)fclose(file);
    coffer_secret_set_size(secret, is_passphrase && size > 0 && data[size - 1] == '\n' ? size - 1 : size);
    return secret;
}

static void add_secret(struct coffer_credential *credential, const char *option, const char *path)
{
    struct coffer_error error = COFFER_ERROR_INIT;
    if (strcmp(option, "--key-file") == 0) {
        check(coffer_credential_add_key_file(credential, path, &error), &error);
        return;
    }
    bool is_passphrase = strcmp(option, "--passphrase-file") == 0;
    if (!is_passphrase && strcmp(option, "--raw-key-file") != 0) {
        stop(2, option, "unknown option");
    }
    struct coffer_secret *secret = read_secret(path, is_passphrase);
    check(is_passphrase ? coffer_credential_set_passphrase(credential, secret, &error)
                        : coffer_credential_set_raw_key(credential, secret, &error),
          &error);
    coffer_secret_free(secret);
}

static void write_all(struct coffer_volume *volume)
{
    static uint8_t piece[PIECE];
    struct coffer_error error = COFFER_ERROR_INIT;
    struct coffer_info info = { .size = sizeof(info) };
    check(coffer_volume_info(volume, &info, &error), &error);
    for (uint64_t at = 0; at < info.data_size;) {
        size_t size = info.data_size - at < PIECE ? (size_t)(info.data_size - at) : PIECE;
        check(coffer_volume_pread(volume, piece, size, at, &error), &error);
        if (fwrite(piece, 1, size, stdout) != size) {
            stop(1, "stdout", "cannot be written");
        }
        at += size;
    }
}

int main(int argc, char **argv)
{
    struct coffer_error error = COFFER_ERROR_INIT;
    check(coffer_init(&error), &error);
    struct coffer_credential *credential = coffer_credential_new();
    struct coffer_open_options how = COFFER_OPEN_OPTIONS_INIT;
    how.read_only = true;
    if (argc < 2 || credential == NULL) {
        stop(2, "usage", "cleartext VOLUME [OPTION...]");
    }
    for (int i = 2; i < argc; i++) {
        if (strcmp(argv[i], "--write") == 0) {
            how.read_only = false;
            continue;
        }
        if (i + 1 == argc) {
            stop(2, argv[i], "needs a value");
        }
        if (strcmp(argv[i], "--kdf-level") == 0) {
            how.kdf_level = (int)strtol(argv[i + 1], NULL, 10);
        } else if (strcmp(argv[i], "--slot") == 0) {
            how.slot = (int)strtol(argv[i + 1], NULL, 10);
        } else if (strcmp(argv[i], "--type") == 0) {
            how.type = argv[i + 1];
        } else if (strcmp(argv[i], "--header") == 0) {
            how.header = argv[i + 1];
        } else {
            add_secret(credential, argv[i], argv[i + 1]);
        }
        i++;
    }
    struct coffer_volume *volume;
    check(coffer_volume_open(argv[1], credential, &how, &volume, &error), &error);
    coffer_credential_free(credential);
    write_all(volume);
    check(coffer_volume_close(volume, &error), &error);
    return fflush(stdout) == 0 ? 0 : 1;
}
