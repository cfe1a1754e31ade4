/* SPDX-License-Identifier: ISC */
/*
 * command_bench.c - `coffer bench`: what ciphers, key derivations and the way through a mount cost on this machine,
 * in some seconds.
 */
#include "bench_volume.h"
#include "command.h"
#include "json.h"
#include "progress.h"
#include "size.h"
#include "ui.h"

#include <stdio.h>

#define MILLISECONDS 100 /* for each cipher and direction */
#define CIPHERS_MAX  16
#define KDFS_MAX     8

struct bench_options {
    struct common_options common;
};

static const struct option table[] = {
    OPTIONS_COMMON(struct bench_options),
    OPTIONS_END,
};

static const struct bench_options defaults;

struct results {
    const char *directory;
    struct coffer_bench_cipher cipher[CIPHERS_MAX];
    unsigned ciphers;
    struct coffer_bench_kdf kdf[KDFS_MAX];
    unsigned kdfs;
    struct bench_volume volume;
};

/* ---- measuring ------------------------------------------------------------------------------------------ */

static enum exit_status check_stopped(void)
{
    return progress_is_stopped() ? ui_fail(EXIT_INTERRUPTED, NULL, "stopped") : EXIT_DONE;
}

static enum exit_status measure_ciphers(struct results *results)
{
    struct coffer_error error = COFFER_ERROR_INIT;
    enum exit_status status = check_stopped();

    while (status == EXIT_DONE && results->ciphers < CIPHERS_MAX &&
           coffer_bench_cipher(results->ciphers, MILLISECONDS, &results->cipher[results->ciphers], &error) ==
               COFFER_OK) {
        results->ciphers++;
        status = check_stopped();
    }
    return error.status == COFFER_OK || error.status == COFFER_NOT_FOUND
               ? status
               : ui_fail_library(OPERATION_START, NULL, &error);
}

/* One that the memory of this machine does not allow is left out, and said so. */
static enum exit_status measure_kdfs(struct results *results)
{
    enum exit_status status = check_stopped();

    for (unsigned number = 0; status == EXIT_DONE && results->kdfs < KDFS_MAX; number++) {
        struct coffer_error error = COFFER_ERROR_INIT;
        enum coffer_status measured = coffer_bench_kdf(number, &results->kdf[results->kdfs], &error);
        if (measured == COFFER_NOT_FOUND) {
            break;
        }
        if (measured == COFFER_NO_MEMORY) {
            ui_warn("a key derivation was left out: %s", error.text);
        } else if (measured != COFFER_OK) {
            return ui_fail_library(OPERATION_START, NULL, &error);
        }
        results->kdfs += measured == COFFER_OK;
        status = check_stopped();
    }
    return status;
}

/* ---- for people ----------------------------------------------------------------------------------------- */

static void print_rate(const char *name, uint64_t rate)
{
    char text[SIZE_TEXT_MAX];

    ui_print("  %-34s %12s/s", name, size_format(rate, text));
}

static void print_kdf(const struct coffer_bench_kdf *kdf)
{
    char memory[SIZE_TEXT_MAX], text[SIZE_TEXT_MAX + 64];

    if (kdf->iterations != 0) {
        snprintf(text, sizeof(text), "%s, %u iterations", kdf->name, kdf->iterations);
    } else {
        snprintf(text, sizeof(text), "%s, %s, %u passes", kdf->name,
                 size_format((uint64_t)kdf->memory * 1024, memory), kdf->passes);
    }
    ui_print("  %-34s %10.3f s", text, (double)kdf->nanoseconds / 1e9);
}

static void print_volume(const struct results *results)
{
    const struct bench_volume *volume = &results->volume;
    char size[SIZE_TEXT_MAX];

    ui_print("A volume of %s in '%s', pieces of 1 MiB, its medium in memory", size_format(volume->size, size),
             results->directory);
    print_rate("write, by the library", volume->library_write);
    print_rate("read, by the library", volume->library_read);
    if (volume->is_mounted) {
        print_rate("write, mounted", volume->mounted_write);
        print_rate("read, mounted", volume->mounted_read);
        ui_print("  %-34s %12llu/s", "read 4 KiB anywhere, mounted", (unsigned long long)volume->random_reads);
    }
}

static void print_table(const struct results *results)
{
    char encrypt[SIZE_TEXT_MAX], decrypt[SIZE_TEXT_MAX];

    ui_print("%-27s %6s %14s %14s", "Ciphers, one thread", "sector", "encrypt", "decrypt");
    for (unsigned i = 0; i < results->ciphers; i++) {
        const struct coffer_bench_cipher *cipher = &results->cipher[i];
        ui_print("  %-25s %6u %12s/s %12s/s", cipher->name, cipher->sector_size,
                 size_format(cipher->encrypt, encrypt), size_format(cipher->decrypt, decrypt));
    }
    ui_print("Key derivations, once");
    for (unsigned i = 0; i < results->kdfs; i++) {
        print_kdf(&results->kdf[i]);
    }
    print_volume(results);
}

/* ---- for programs --------------------------------------------------------------------------------------- */

static struct json_object *describe_ciphers(const struct results *results)
{
    struct json_object *list = json_object_new_array();

    for (unsigned i = 0; i < results->ciphers; i++) {
        struct json_object *object = json_object_new_object();
        json_add_text(object, "name", results->cipher[i].name);
        json_add_number(object, "sector_size", results->cipher[i].sector_size);
        json_add_number(object, "encrypt", results->cipher[i].encrypt);
        json_add_number(object, "decrypt", results->cipher[i].decrypt);
        json_object_array_add(list, object);
    }
    return list;
}

static struct json_object *describe_kdfs(const struct results *results)
{
    struct json_object *list = json_object_new_array();

    for (unsigned i = 0; i < results->kdfs; i++) {
        const struct coffer_bench_kdf *kdf = &results->kdf[i];
        struct json_object *object = json_object_new_object();
        json_add_text(object, "name", kdf->name);
        if (kdf->iterations != 0) {
            json_add_number(object, "iterations", kdf->iterations);
        } else {
            json_add_number(object, "memory", (uint64_t)kdf->memory * 1024);
            json_add_number(object, "passes", kdf->passes);
        }
        json_add_number(object, "nanoseconds", kdf->nanoseconds);
        json_object_array_add(list, object);
    }
    return list;
}

static struct json_object *describe_volume(const struct results *results)
{
    const struct bench_volume *volume = &results->volume;
    struct json_object *object = json_object_new_object();

    json_add_path(object, "directory", results->directory);
    json_add_number(object, "size", volume->size);
    json_add_number(object, "library_write", volume->library_write);
    json_add_number(object, "library_read", volume->library_read);
    json_add_bool(object, "mounted", volume->is_mounted);
    if (volume->is_mounted) {
        json_add_number(object, "mounted_write", volume->mounted_write);
        json_add_number(object, "mounted_read", volume->mounted_read);
        json_add_number(object, "mounted_random_reads", volume->random_reads);
    }
    return object;
}

static void print_json(const struct results *results)
{
    struct json_object *document = json_document("bench");

    json_add(document, "ciphers", describe_ciphers(results));
    json_add(document, "key_derivations", describe_kdfs(results));
    json_add(document, "volume", describe_volume(results));
    json_print(document);
}

/* ---- the command ---------------------------------------------------------------------------------------- */

static enum exit_status run(const void *values, const char *const *operands, size_t count)
{
    struct results results = { .directory = count > 0 ? operands[0] : "." };

    (void)values;
    progress_begin();
    enum exit_status status = bench_volume(results.directory, &results.volume);
    status = status ? status : measure_ciphers(&results);
    status = status ? status : measure_kdfs(&results);
    progress_end();
    if (status == EXIT_DONE) {
        (ui_is_json() ? print_json : print_table)(&results);
    }
    return status;
}

const struct command command_bench = {
    .name = "bench",
    .summary = "measures ciphers, key derivations and mounts on this machine",
    .operands = "[DIR]",
    .minimum = 0,
    .maximum = 1,
    .options = table,
    .defaults = &defaults,
    .options_size = sizeof(defaults),
    .run = run,
};
