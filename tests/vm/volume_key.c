/* SPDX-License-Identifier: ISC */
/*
 * volume_key.c - opens a volume with the core's own functions and prints its mapping, raw key included, as one line
 * that dmsetup takes: volume_key VOLUME PASSPHRASE DEVICE. Only for tests: the program never shows a key like this.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "format.h"

static struct coffer_credential *credential_of(const char *passphrase)
{
    struct coffer_credential *credential = coffer_credential_new();
    struct coffer_secret *secret = coffer_secret_new(COFFER_PASSPHRASE_MAX);
    size_t size = strlen(passphrase);
    if (!credential || !secret || size > COFFER_PASSPHRASE_MAX) {
        return NULL;
    }
    memcpy(coffer_secret_data(secret), passphrase, size);
    coffer_secret_set_size(secret, size);
    enum coffer_status status = coffer_credential_set_passphrase(credential, secret, NULL);
    coffer_secret_free(secret);
    return status == COFFER_OK ? credential : NULL;
}

static void print_mapping(const struct format_opened *opened, const char *device)
{
    const struct segment *segment = &opened->segment[0];
    printf("0 %" PRIu64 " crypt aes-xts-plain64 ", opened->data_size / 512);
    for (size_t i = 0; i < opened->sectors.key_size; i++) {
        printf("%02x", opened->sectors.key[i]);
    }
    printf(" %" PRIu64 " %s %" PRIu64, segment->tweak, device, segment->storage_offset / 512);
    puts(opened->sector_size == 4096 ? " 1 sector_size:4096" : "");
}

int main(int argc, char **argv)
{
    struct coffer_error error = COFFER_ERROR_INIT;
    struct coffer_open_options options = COFFER_OPEN_OPTIONS_INIT;
    struct storage *storage;
    options.read_only = true;
    if (argc != 4 || coffer_init(&error) != COFFER_OK) {
        return 2;
    }
    struct coffer_credential *credential = credential_of(argv[2]);
    struct format_opened *opened = format_opened_new();
    if (!credential || !opened ||
        storage_open(argv[1], -1, true, STORAGE_SHARED, &options.callbacks, &storage, &error) != COFFER_OK) {
        fprintf(stderr, "volume_key: %s\n", error.text);
        return 1;
    }
    enum coffer_status status = FORMAT_COFFER.open(storage, credential, &options, opened, &error);
    if (status == COFFER_OK) {
        print_mapping(opened, argv[3]);
    } else {
        fprintf(stderr, "volume_key: %s\n", error.text);
    }
    format_opened_free(opened);
    storage_close(storage);
    coffer_credential_free(credential);
    return status == COFFER_OK ? 0 : 1;
}
