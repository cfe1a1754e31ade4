/* SPDX-License-Identifier: ISC */
/*
 * mapping.c - what a system without coffer has to know to open the data of a volume (mapping.h). The texts are such as
 * dmsetup(8) and cryptsetup(8) take, whose unit is 512 bytes everywhere.
 */
#include "mapping.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "scope.h"
#include "ui.h"

#define UNIT     512
#define TEXT_MAX 256

/* Where layer `i` lies: only the first one lies over the store, and not at its start. */
static uint64_t offset_of(const struct coffer_mapping *mapping, unsigned i)
{
    return i == 0 ? mapping->data_offset / UNIT : 0;
}

static const char *device_of(unsigned i)
{
    return i == 0 ? "DEVICE" : "LAYER-BEFORE";
}

static void write_table(const struct coffer_mapping *mapping, unsigned i, char text[static TEXT_MAX])
{
    char options[64] = "";
    int count = (mapping->sector_size != UNIT) + mapping->iv_large_sectors;

    if (count > 0) {
        snprintf(options, sizeof(options), " %d sector_size:%u%s", count, mapping->sector_size,
                 mapping->iv_large_sectors ? " iv_large_sectors" : "");
    }
    snprintf(text, TEXT_MAX, "0 %llu crypt %s KEY %llu %s %llu%s", (unsigned long long)mapping->data_size / UNIT,
             mapping->layer[i].cipher, (unsigned long long)mapping->iv_offset, device_of(i),
             (unsigned long long)offset_of(mapping, i), options);
}

/* "aes:64-...": cryptsetup's plain type has only one key. */
static bool has_many_keys(const struct coffer_mapping *mapping, unsigned i)
{
    const char *cipher = mapping->layer[i].cipher;

    return cipher[strcspn(cipher, "-:")] == ':';
}

static void write_command(const struct coffer_mapping *mapping, unsigned i, char text[static TEXT_MAX])
{
    snprintf(text, TEXT_MAX,
             "open --type plain --cipher %s --key-size %u --key-file KEY --offset %llu --skip %llu --size %llu "
             "--sector-size %u%s %s NAME",
             mapping->layer[i].cipher, mapping->layer[i].key_size * 8, (unsigned long long)offset_of(mapping, i),
             (unsigned long long)mapping->iv_offset, (unsigned long long)mapping->data_size / UNIT,
             mapping->sector_size, mapping->iv_large_sectors ? " --iv-large-sectors" : "", device_of(i));
}

void mapping_print(const struct coffer_mapping *mapping)
{
    char text[TEXT_MAX];

    ui_print("  %-14s %llu bytes from byte %llu, sectors of %u bytes, IV offset %llu", "mapping",
             (unsigned long long)mapping->data_size, (unsigned long long)mapping->data_offset,
             mapping->sector_size, (unsigned long long)mapping->iv_offset);
    for (unsigned i = 0; i < mapping->layers; i++) {
        ui_print("  %-14s %s, %u bytes", "cipher, key", mapping->layer[i].cipher, mapping->layer[i].key_size);
        write_table(mapping, i, text);
        ui_print("  %-14s %s", "dmsetup", text);
        if (!has_many_keys(mapping, i)) {
            write_command(mapping, i, text);
            ui_print("  %-14s %s", "cryptsetup", text);
        }
    }
}

struct json_object *mapping_describe(const struct coffer_mapping *mapping)
{
    struct json_object *object = json_object_new_object();
    struct json_object *layers = json_object_new_array();
    char text[TEXT_MAX];

    json_add_number(object, "data_offset", mapping->data_offset);
    json_add_number(object, "data_size", mapping->data_size);
    json_add_number(object, "iv_offset", mapping->iv_offset);
    json_add_number(object, "sector_size", mapping->sector_size);
    json_add_bool(object, "iv_large_sectors", mapping->iv_large_sectors);
    for (unsigned i = 0; i < mapping->layers; i++) {
        struct json_object *layer = json_object_new_object();
        json_add_text(layer, "cipher", mapping->layer[i].cipher);
        json_add_number(layer, "key_size", mapping->layer[i].key_size);
        write_table(mapping, i, text);
        json_add_text(layer, "dmsetup", text);
        if (!has_many_keys(mapping, i)) {
            write_command(mapping, i, text);
            json_add_text(layer, "cryptsetup", text);
        }
        json_object_array_add(layers, layer);
    }
    json_add(object, "layers", layers);
    return object;
}

static enum exit_status fail(const char *path, int number)
{
    return ui_fail(number == EACCES || number == EPERM ? EXIT_NOT_PERMITTED : EXIT_OTHER, NULL,
                   "cannot write the key to '%s': %s", path, explain_errno(number));
}

enum exit_status mapping_write_key(struct coffer_secret *key, const char *path)
{
    SCOPE_FD int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    const size_t size = coffer_secret_size(key);

    if (fd < 0) {
        return fail(path, errno);
    }
    errno = 0;
    if (write(fd, coffer_secret_data(key), size) != (ssize_t)size || fsync(fd) < 0) {
        int number = errno ? errno : ENOSPC;
        unlink(path);
        return fail(path, number);
    }
    return EXIT_DONE;
}
