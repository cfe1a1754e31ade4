/* SPDX-License-Identifier: ISC */
/*
 * opened.c - opens a volume with the core's own functions, as coffer does, and shows what the program never shows: the key,
 * on stderr as "vk=<hex>", and what is added to its IVs, as "volume_iv=<hex>". Then all of the cleartext goes to stdout.
 * Only for tests. Exits like coffer.
 *
 *     opened VOLUME [--write] [--type NAME] [--header FILE] [--slot N] [--passphrase-file F] [--key-file F]...
 *                   [--keyfile-offset N] [--keyfile-size N] [--no-cleartext] [--fill] [--stop]
 *                   [--fill-at OFFSET] [--hash NAME] [--salt-bits N] [--iterations N] [--offset N]
 *
 * --fill, with --write: what comes on stdin becomes the first cleartext, in pieces of odd sizes; --fill-at: that from OFFSET
 * on. --stop: the first question whether to go on is answered with no.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format.h"
#include "volume.h"

enum { PIECE = 1 << 20 };

struct request {
    const char *path, *passphrase;
    const char *key_file[4];
    unsigned key_files;
    uint64_t part_offset, part_size, fill_at;
    bool no_cleartext, fill;
    struct coffer_open_options options;
};

static int exit_status(enum coffer_status status)
{
    static const int STATUS[] = {
        [COFFER_OK] = 0,
        [COFFER_FAILED] = 1,
        [COFFER_INVALID] = 2,
        [COFFER_NOT_FOUND] = 10,
        [COFFER_IN_USE] = 11,
        [COFFER_WRONG_SECRET] = 12,
        [COFFER_DAMAGED] = 13,
        [COFFER_UNSUPPORTED] = 14,
        [COFFER_NO_MEMORY] = 15,
        [COFFER_NOT_PERMITTED] = 16,
        [COFFER_INTERRUPTED] = 130,
    };
    return (size_t)status < sizeof(STATUS) / sizeof(STATUS[0]) ? STATUS[status] : 1;
}

static void check(enum coffer_status status, const struct coffer_error *error)
{
    if (status != COFFER_OK) {
        fprintf(stderr, "error: %s\n", error->text);
        exit(exit_status(status));
    }
}

static bool stop(void *user, const char *what, uint64_t done, uint64_t total)
{
    (void)user;
    fprintf(stderr, "stopped %s at %" PRIu64 " of %" PRIu64 "\n", what, done, total);
    return false;
}

static void parse(int argc, char **argv, struct request *request)
{
    *request = (struct request){ .path = argv[1], .options = COFFER_OPEN_OPTIONS_INIT };
    request->options.read_only = true;
    for (int i = 2; i < argc; i++) {
        const char *option = argv[i], *value = i + 1 < argc ? argv[i + 1] : "";
        if (strcmp(option, "--write") == 0) {
            request->options.read_only = false;
            continue;
        }
        if (strcmp(option, "--no-cleartext") == 0) {
            request->no_cleartext = true;
            continue;
        }
        if (strcmp(option, "--stop") == 0) {
            request->options.callbacks.progress = stop;
            continue;
        }
        if (strcmp(option, "--fill") == 0) {
            request->fill = true;
            continue;
        }
        if (strcmp(option, "--type") == 0) {
            request->options.type = value;
        } else if (strcmp(option, "--header") == 0) {
            request->options.header = value;
        } else if (strcmp(option, "--slot") == 0) {
            request->options.slot = (int)strtol(value, NULL, 10);
        } else if (strcmp(option, "--hash") == 0) {
            request->options.hash = value;
        } else if (strcmp(option, "--salt-bits") == 0) {
            request->options.salt_bits = (int)strtol(value, NULL, 10);
        } else if (strcmp(option, "--iterations") == 0) {
            request->options.iterations = (uint32_t)strtoul(value, NULL, 10);
        } else if (strcmp(option, "--offset") == 0) {
            request->options.offset = strtoll(value, NULL, 10);
        } else if (strcmp(option, "--passphrase-file") == 0) {
            request->passphrase = value;
        } else if (strcmp(option, "--key-file") == 0 && request->key_files < 4) {
            request->key_file[request->key_files++] = value;
        } else if (strcmp(option, "--keyfile-offset") == 0) {
            request->part_offset = strtoull(value, NULL, 10);
        } else if (strcmp(option, "--keyfile-size") == 0) {
            request->part_size = strtoull(value, NULL, 10);
        } else if (strcmp(option, "--fill-at") == 0) {
            request->fill = true;
            request->fill_at = strtoull(value, NULL, 10);
        } else {
            fprintf(stderr, "unknown option %s\n", option);
            exit(2);
        }
        i++;
    }
}

static struct coffer_credential *credential_of(const struct request *request)
{
    struct coffer_error error = COFFER_ERROR_INIT;
    struct coffer_credential *credential = coffer_credential_new();
    struct coffer_secret *secret = coffer_secret_new(COFFER_PASSPHRASE_MAX);
    FILE *file = request->passphrase != NULL ? fopen(request->passphrase, "rbe") : NULL;
    if (credential == NULL || secret == NULL || (request->passphrase != NULL && file == NULL)) {
        exit(1);
    }
    if (file != NULL) {
        coffer_secret_set_size(secret, fread(coffer_secret_data(secret), 1, COFFER_PASSPHRASE_MAX, file));
        fclose(file);
        check(coffer_credential_set_passphrase(credential, secret, &error), &error);
    }
    coffer_secret_free(secret);
    coffer_credential_set_key_file_part(credential, request->part_offset, request->part_size);
    for (unsigned i = 0; i < request->key_files; i++) {
        check(coffer_credential_add_key_file(credential, request->key_file[i], &error), &error);
    }
    return credential;
}

/* The format that was named, or the one that knows the store. */
static const struct format *format_of(const struct request *request, struct storage *storage)
{
    struct coffer_error error = COFFER_ERROR_INIT;
    struct coffer_info info = { .size = sizeof(info) };
    enum coffer_status status = COFFER_OK;
    if (request->options.type != NULL) {
        return format_by_name(request->options.type);
    }
    if (request->options.header != NULL) {
        return format_by_name("luks");
    }
    const struct format *format = format_recognise(storage, NULL, &info, &status, &error);
    check(status, &error);
    return format;
}

static void write_hex(const char *name, const uint8_t *data, size_t size)
{
    fprintf(stderr, " %s=", name);
    for (size_t i = 0; i < size; i++) {
        fprintf(stderr, "%02x", data[i]);
    }
}

static void write_cleartext(struct coffer_volume *volume)
{
    struct coffer_error error = COFFER_ERROR_INIT;
    uint8_t *piece = malloc(PIECE);
    for (uint64_t at = 0, left; piece != NULL && (left = volume->data_size - at) > 0;) {
        size_t size = left < PIECE ? (size_t)left : PIECE;
        check(coffer_volume_pread(volume, piece, size, at, &error), &error);
        if (fwrite(piece, 1, size, stdout) != size) {
            exit(1);
        }
        at += size;
    }
    free(piece);
}

static void fill_cleartext(struct coffer_volume *volume, uint64_t from)
{
    static uint8_t piece[100003];
    struct coffer_error error = COFFER_ERROR_INIT;
    size_t got;
    for (uint64_t at = from; (got = fread(piece, 1, sizeof(piece), stdin)) > 0; at += got) {
        check(coffer_volume_pwrite(volume, piece, got, at, &error), &error);
    }
}

int main(int argc, char **argv)
{
    struct coffer_error error = COFFER_ERROR_INIT;
    struct request request;
    struct storage *storage;
    struct coffer_volume *volume;
    check(coffer_init(&error), &error);
    if (argc < 2) {
        return 2;
    }
    parse(argc, argv, &request);
    check(storage_open(request.path, -1, request.options.read_only, STORAGE_SHARED, &request.options.callbacks,
                       &storage, &error),
          &error);
    const struct format *format = format_of(&request, storage);
    struct format_opened *opened = format_opened_new();
    if (format == NULL || opened == NULL) {
        fputs("error: no format knows it\n", stderr);
        return 10;
    }
    struct coffer_credential *credential = credential_of(&request);
    check(format->open(storage, credential, &request.options, opened, &error), &error);
    coffer_credential_free(credential);
    fprintf(stderr, "format=%s version=%u data_offset=%" PRIu64, format->name, opened->info.version,
            opened->segment[0].storage_offset);
    if (!crypto_is_zero(opened->sectors.iv_mask, sizeof(opened->sectors.iv_mask))) {
        write_hex("volume_iv", opened->sectors.iv_mask, crypto_cipher_block(opened->sectors.layer[0].cipher));
    }
    write_hex("vk", opened->sectors.key, opened->sectors.key_size);
    fputc('\n', stderr);
    check(volume_new(storage, opened, &volume, &error), &error);
    format_opened_free(opened);
    if (request.fill) {
        fill_cleartext(volume, request.fill_at);
    }
    if (!request.no_cleartext) {
        write_cleartext(volume);
    }
    check(coffer_volume_close(volume, &error), &error);
    return fflush(stdout) == 0 ? 0 : 1;
}
