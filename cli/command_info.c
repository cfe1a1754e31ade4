/* SPDX-License-Identifier: ISC */
/*
 * command_info.c - `coffer info`: what a volume says about itself. Without a secret that is the public part of its
 * header, read without a lock; with one the volume is opened read-only, which writes nothing.
 */
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "confirm.h"
#include "existing.h"
#include "format_options.h"
#include "json.h"
#include "mapping.h"
#include "progress.h"
#include "remembered.h"
#include "secrets.h"
#include "size.h"
#include "ui.h"

struct info_options {
    struct common_options common;
    struct secret_options secret;
    struct format_options format;
    bool unlock;
    bool dm;
    const char *volume_key_file;
    const char *confirm;
    long kdf_level;
    bool remember;
};

static const struct option table[] = {
    OPTION_FLAG(struct info_options, unlock, "unlock", "ask for the passphrase and show the private part too"),
    OPTION_FLAG(struct info_options, dm, "dm",
                "show what dm-crypt has to be told to open the data without coffer, all but the key"),
    OPTION_FILE(struct info_options, volume_key_file, "volume-key-file", "FILE",
                "with --dm: write the key of the data into FILE, as raw bytes"),
    OPTION_TEXT(struct info_options, confirm, "confirm", "NAME",
                "the last part of VOLUME, instead of typing it before its key is written"),
    OPTION_NUMBER(struct info_options, kdf_level, "kdf-level", "N", 0, 4,
                  "the level of an unmarked volume, where it is not one of those that are tried"),
    OPTION_REMEMBER(struct info_options),
    OPTIONS_FORMAT(struct info_options),
    OPTIONS_SECRET(struct info_options),
    OPTIONS_COMMON(struct info_options),
    OPTIONS_END,
};

static const struct info_options defaults = { .kdf_level = -1, .format = FORMAT_OPTIONS_INIT };

/* ---- for people ----------------------------------------------------------------------------------------- */

static void print_field(const char *name, const char *text)
{
    ui_print("  %-14s %s", name, text);
}

static void print_size(const char *name, uint64_t bytes)
{
    char text[SIZE_TEXT_MAX];

    print_field(name, size_format_exact(bytes, text));
}

static const char *describe_copy(bool is_ok, bool slots_ok)
{
    if (!is_ok) {
        return "damaged";
    }
    return slots_ok ? "good" : "good, but key slots are damaged";
}

static void print_derivation(const struct coffer_info *info)
{
    char memory[SIZE_TEXT_MAX];
    char text[SIZE_TEXT_MAX + 64];

    if (info->kdf_iterations != 0) {
        snprintf(text, sizeof(text), "%s, %u iterations", info->kdf, info->kdf_iterations);
        print_field("derivation", text);
        return;
    }
    snprintf(text, sizeof(text), "%s, %s, %u pass%s, %u lane%s",
             strcmp(info->kdf, "argon2id") == 0 ? "Argon2id" : info->kdf,
             size_format((uint64_t)info->kdf_memory * 1024, memory), info->kdf_passes,
             info->kdf_passes == 1 ? "" : "es", info->kdf_lanes, info->kdf_lanes == 1 ? "" : "s");
    print_field("derivation", text);
}

static bool is_own(const struct coffer_info *info)
{
    return strcmp(info->format, "coffer") == 0;
}

/* Of another program, with a header that says something to everybody. */
static bool is_open_foreign(const struct coffer_info *info)
{
    return !is_own(info) && info->opens_with[0];
}

static bool has_uuid(const struct coffer_info *info)
{
    static const uint8_t none[sizeof(info->uuid)];

    return info->marked && memcmp(info->uuid, none, sizeof(none)) != 0;
}

static void print_foreign(const struct coffer_info *info)
{
    char text[128] = "";
    size_t used = 0;

    if (info->cipher[0]) {
        snprintf(text, sizeof(text), "%s, sectors of %u bytes", info->cipher, info->sector_size);
        print_field("cipher", text);
    }
    text[0] = '\0';
    for (unsigned slot = 0; slot < 32 && used < sizeof(text); slot++) {
        if (info->slot_set >> slot & 1) {
            used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%u", used > 0 ? ", " : "", slot);
        }
    }
    if (info->slots > 0) {
        print_field("key slots", used > 0 ? text : "none");
    }
    print_field("opens with", info->opens_with);
    if (info->refused[0]) {
        print_field("not supported", info->refused);
    }
}

static void print_public(const char *path, const struct coffer_info *info)
{
    char uuid[JSON_UUID_MAX];

    ui_print("'%s': %s volume, version %u%s", path, info->format, info->version, info->marked ? "" : ", unmarked");
    print_size(info->is_device ? "device" : "file", info->backing_size);
    if (info->marked && info->label[0]) {
        print_field("label", info->label);
    }
    if (has_uuid(info)) {
        print_field("uuid", json_format_uuid(info->uuid, uuid));
    }
    if (info->marked && is_own(info)) {
        print_field("front header", describe_copy(info->front_ok, info->front_slots_ok));
        print_field("tail header", describe_copy(info->tail_ok, info->tail_slots_ok));
    }
    if (info->kdf[0]) {
        print_derivation(info);
    }
    if (is_open_foreign(info)) {
        print_foreign(info);
    }
}

static void print_time(uint64_t unix_seconds)
{
    char text[JSON_TIME_MAX];

    if (unix_seconds != 0 && json_format_time(unix_seconds, text)) {
        print_field("created", text);
    }
}

static void print_private(const struct coffer_info *info)
{
    char text[128];

    if (info->private_label[0]) {
        print_field("private label", info->private_label);
    }
    print_size("cleartext", info->data_size);
    if (info->is_unverified) {
        print_field("key", "not verified: a wrong one, or one of another size, would show noise");
    }
    if (is_open_foreign(info)) {
        snprintf(text, sizeof(text), "%u", info->slot);
        if (info->slots > 0) {
            print_field("opened by slot", text);
        }
        return;
    }
    snprintf(text, sizeof(text), "%s, sectors of %u bytes", info->cipher, info->sector_size);
    print_field("cipher", text);
    snprintf(text, sizeof(text), "%s%s%s", info->thin ? "thin" : "thick", info->filled ? ", filled" : "",
             info->hidden ? ", hidden" : "");
    print_field("kind", text);
    print_time(info->created);
    if (info->slots_used == 0) { /* a format without key slots */
        return;
    }
    snprintf(text, sizeof(text), "%u of %u in use, opened by slot %u", info->slots_used, COFFER_SLOTS, info->slot);
    print_field("key slots", text);
}

/* ---- for programs --------------------------------------------------------------------------------------- */

static struct json_object *describe_header(bool is_ok, bool slots_ok)
{
    struct json_object *object = json_object_new_object();

    json_add_bool(object, "ok", is_ok);
    json_add_bool(object, "slots_ok", slots_ok);
    return object;
}

static struct json_object *describe_derivation(const struct coffer_info *info)
{
    struct json_object *object = json_object_new_object();

    json_add_text(object, "name", info->kdf);
    if (info->kdf_iterations != 0) {
        json_add_number(object, "iterations", info->kdf_iterations);
        return object;
    }
    json_add_number(object, "memory", (uint64_t)info->kdf_memory * 1024);
    json_add_number(object, "passes", info->kdf_passes);
    json_add_number(object, "lanes", info->kdf_lanes);
    return object;
}

static void describe_foreign(struct json_object *document, const struct coffer_info *info)
{
    struct json_object *slots = json_object_new_array();

    json_add_text(document, "cipher", info->cipher);
    json_add_number(document, "sector_size", info->sector_size);
    for (unsigned slot = 0; slot < 32; slot++) {
        if (info->slot_set >> slot & 1) {
            json_object_array_add(slots, json_object_new_int((int)slot));
        }
    }
    json_add(document, "slots_in_use", slots);
    json_add_number(document, "slots", info->slots);
    json_add_text(document, "opens_with", info->opens_with);
    if (info->refused[0]) {
        json_add_text(document, "not_supported", info->refused);
    }
    if (info->unlocked) {
        json_add_number(document, "data_size", info->data_size);
    }
    if (info->unlocked && info->slots > 0) {
        json_add_number(document, "slot", info->slot);
    }
}

static void describe_private(struct json_object *document, const struct coffer_info *info)
{
    json_add_text(document, "private_label", info->private_label);
    json_add_bool(document, "hidden", info->hidden);
    json_add_bool(document, "thin", info->thin);
    json_add_bool(document, "filled", info->filled);
    json_add_text(document, "cipher", info->cipher);
    json_add_number(document, "sector_size", info->sector_size);
    json_add_number(document, "data_size", info->data_size);
    json_add_number(document, "data_offset", info->data_offset);
    json_add_number(document, "iv_base", info->iv_base);
    json_add_number(document, "header_seq", info->header_seq);
    if (info->created == 0) {
        json_add(document, "created", NULL);
    } else {
        json_add_time(document, "created", info->created);
    }
    json_add_number(document, "slot", info->slot);
    json_add_number(document, "slots_used", info->slots_used);
    json_add_number(document, "slots", COFFER_SLOTS);
}

static void print_json(const char *path, const struct coffer_info *info, const struct coffer_mapping *mapping)
{
    struct json_object *document = json_document("info");

    json_add_path(document, "volume", path);
    json_add_text(document, "format", info->format);
    json_add_number(document, "version", info->version);
    json_add_number(document, "backing_size", info->backing_size);
    json_add_bool(document, "is_device", info->is_device);
    json_add_bool(document, "marked", info->marked);
    if (info->marked) {
        json_add_text(document, "label", info->label);
    }
    if (has_uuid(info)) {
        json_add_uuid(document, "uuid", info->uuid);
    }
    if (info->marked && is_own(info)) {
        json_add(document, "front_header", describe_header(info->front_ok, info->front_slots_ok));
        json_add(document, "tail_header", describe_header(info->tail_ok, info->tail_slots_ok));
    }
    if (info->kdf[0]) {
        json_add(document, "kdf", describe_derivation(info));
    }
    json_add_bool(document, "unlocked", info->unlocked);
    if (info->unlocked) {
        json_add_bool(document, "secret_verified", !info->is_unverified);
    }
    if (is_open_foreign(info)) {
        describe_foreign(document, info);
    } else if (info->unlocked) {
        describe_private(document, info);
    }
    if (mapping) {
        json_add(document, "mapping", mapping_describe(mapping));
    }
    json_print(document);
}

/* ---- the command ---------------------------------------------------------------------------------------- */

static void print(const char *path, const struct coffer_info *info, const struct coffer_mapping *mapping)
{
    if (ui_is_json()) {
        print_json(path, info, mapping);
        return;
    }
    print_public(path, info);
    if (info->unlocked) {
        print_private(info);
    }
    if (mapping) {
        mapping_print(mapping);
    }
}

/* The header's file, where that is another one. */
static enum exit_status show_public(const char *path)
{
    struct coffer_info info = { .size = sizeof(info) };
    struct coffer_error error = COFFER_ERROR_INIT;

    if (coffer_probe(path, &info, &error) != COFFER_OK) {
        return ui_fail_library(OPERATION_READ, path, &error);
    }
    print(path, &info, NULL);
    return EXIT_DONE;
}

static enum exit_status open_volume(const struct info_options *options, const char *path,
                                    struct coffer_volume **volume)
{
    struct coffer_open_options how = COFFER_OPEN_OPTIONS_INIT;
    struct coffer_error error = COFFER_ERROR_INIT;
    struct coffer_credential *credential;

    enum exit_status status = existing_read_secret(&options->secret, &options->format, path, &credential);
    if (status != EXIT_DONE) {
        return status;
    }
    how.read_only = true;
    how.kdf_level = (int)options->kdf_level;
    format_options_apply(&options->format, &how);
    how.callbacks.notice = ui_library_notice;
    how.callbacks.progress = progress_report_rounds;
    enum coffer_status opened = remembered_open(path, credential, &how, options->remember, volume, &error);
    ui_clear_transient();
    coffer_credential_free(credential);
    return opened == COFFER_OK ? EXIT_DONE : ui_fail_library(OPERATION_OPEN, path, &error);
}

/* The numbers, and the key where it is to be written. */
static enum exit_status find_mapping(const struct info_options *options, const char *path,
                                     struct coffer_volume *volume, struct coffer_mapping *mapping)
{
    struct coffer_error error = COFFER_ERROR_INIT;
    struct coffer_secret *key = options->volume_key_file ? coffer_secret_new(COFFER_MAPPING_KEY_MAX) : NULL;

    if (options->volume_key_file && !key) {
        return ui_fail_no_memory();
    }
    enum exit_status status = EXIT_DONE;
    if (coffer_volume_mapping(volume, mapping, key, &error) != COFFER_OK) {
        status = ui_fail_library(OPERATION_MAP, path, &error);
    } else if (key) {
        status = mapping_write_key(key, options->volume_key_file);
    }
    coffer_secret_free(key);
    return status;
}

static void warn_about(const struct info_options *options, const struct coffer_mapping *mapping)
{
    if (mapping->thin) {
        ui_warn("the volume is thin: what was never written, or was discarded, reads as noise through dm-crypt");
    }
    if (options->volume_key_file) {
        ui_warn("'%s' opens the data for ever: no change of a passphrase helps against whoever reads it",
                options->volume_key_file);
    }
}

static enum exit_status describe(const struct info_options *options, const char *path,
                                 struct coffer_volume *volume)
{
    struct coffer_info info = { .size = sizeof(info) };
    struct coffer_mapping mapping = { .size = sizeof(mapping) };
    struct coffer_error error = COFFER_ERROR_INIT;

    if (coffer_volume_info(volume, &info, &error) != COFFER_OK) {
        return ui_fail_library(OPERATION_READ, path, &error);
    }
    if (!options->dm) {
        print(path, &info, NULL);
        return EXIT_DONE;
    }
    enum exit_status status = find_mapping(options, path, volume, &mapping);
    if (status == EXIT_DONE) {
        warn_about(options, &mapping);
        print(path, &info, &mapping);
    }
    return status;
}

static enum exit_status show_private(const struct info_options *options, const char *path)
{
    struct coffer_volume *volume;

    enum exit_status status = EXIT_DONE;
    if (options->volume_key_file) {
        status = confirm_destruction(path, options->confirm, "open to whoever has the key file",
                                     "write its key into a file");
    }
    status = status ? status : open_volume(options, path, &volume);
    if (status != EXIT_DONE) {
        return status;
    }
    status = describe(options, path, volume);
    coffer_volume_close(volume, NULL); /* nothing was written that could fail now */
    return status;
}

static enum exit_status run(const void *values, const char *const *operands, size_t count)
{
    const struct info_options *options = values;
    bool has_secret = options->unlock || options->dm || secrets_given(&options->secret);

    (void)count;
    if (!options->dm && options->volume_key_file) {
        return ui_fail(EXIT_USAGE, "add --dm", "'--volume-key-file' belongs to '--dm'");
    }
    if (!options->volume_key_file && options->confirm) {
        return ui_fail(EXIT_USAGE, NULL, "'--confirm' is for '--volume-key-file'");
    }
    if (options->kdf_level >= 0 && !has_secret) {
        return ui_fail(EXIT_USAGE, "add --unlock", "'--kdf-level' needs a secret");
    }
    if (options->remember && !has_secret) {
        return ui_fail(EXIT_USAGE, "add --unlock", "'--remember' needs a secret");
    }
    if (format_options_given(&options->format) && !has_secret) {
        return ui_fail(EXIT_USAGE, "add --unlock", "what a volume without a mark is, only a secret can tell");
    }
    const char *header = options->format.header ? options->format.header : operands[0];
    return has_secret ? show_private(options, operands[0]) : show_public(header);
}

const struct command command_info = {
    .name = "info",
    .summary = "shows what a volume is; with a secret also the private part",
    .operands = "VOLUME",
    .minimum = 1,
    .maximum = 1,
    .options = table,
    .defaults = &defaults,
    .options_size = sizeof(defaults),
    .run = run,
};
