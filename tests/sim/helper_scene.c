/* SPDX-License-Identifier: ISC */
/*
 * Volumes are made through the public interface; looking goes through the part of the library that finds a header,
 * which is what opening does before it heals.
 */
#include "helper_scene.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "copies.h"
#include "crypto.h"
#include "format_coffer.h"
#include "storage.h"
#include "unlock.h"

static bool passphrases;
static bool unmarked; /* the kind made last: which level to name */
static struct coffer_credential *credential[SCENE_SECRETS];

void scene_fail(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)fflush(stdout);
    (void)vfprintf(stderr, format, arguments);
    (void)fputc('\n', stderr);
    va_end(arguments);
    exit(1);
}

void scene_must(enum coffer_status status, const struct coffer_error *error, const char *what)
{
    if (status != COFFER_OK) {
        scene_fail("%s: status %d, %s", what, (int)status, error->text);
    }
}

/* ---- secrets ---- */

void scene_use_passphrases(bool on)
{
    scene_end();
    passphrases = on;
}

static struct coffer_credential *make_credential(unsigned number)
{
    struct coffer_error error = COFFER_ERROR_INIT;
    struct coffer_credential *made = coffer_credential_new();
    struct coffer_secret *secret = coffer_secret_new(COFFER_RAW_KEY_SIZE);
    if (made == NULL || secret == NULL) {
        abort();
    }
    memset(coffer_secret_data(secret), (int)('a' + number), COFFER_RAW_KEY_SIZE);
    coffer_secret_set_size(secret, COFFER_RAW_KEY_SIZE);
    scene_must(passphrases ? coffer_credential_set_passphrase(made, secret, &error)
                           : coffer_credential_set_raw_key(made, secret, &error),
               &error, "a secret");
    coffer_secret_free(secret);
    return made;
}

const struct coffer_credential *scene_secret(unsigned number)
{
    if (credential[number] == NULL) {
        credential[number] = make_credential(number);
    }
    return credential[number];
}

void scene_end(void)
{
    for (unsigned i = 0; i < SCENE_SECRETS; i++) {
        coffer_credential_free(credential[i]);
        credential[i] = NULL;
    }
    machine_insert(NULL);
    disk_free(machine.backup);
    machine.backup = NULL;
}

/* ---- volumes ---- */

struct coffer_create_options scene_create_options(enum scene_kind kind)
{
    struct coffer_create_options options = COFFER_CREATE_OPTIONS_INIT;
    bool has_level = kind == SCENE_UNMARKED;
    options.container_size = SCENE_SIZE;
    options.unmarked = has_level;
    options.kdf_level = has_level ? 0 : -1;
    options.fill = kind != SCENE_MARKED;
    options.thin = kind == SCENE_MARKED;
    options.kdf_memory = has_level ? 0 : HEADER_MEMORY_MIN;
    options.kdf_passes = has_level ? 0 : 1;
    return options;
}

void scene_create_with(enum scene_kind kind, unsigned secret)
{
    struct coffer_create_options options = scene_create_options(kind);
    struct coffer_error error = COFFER_ERROR_INIT;
    struct coffer_volume *volume;
    unmarked = kind == SCENE_UNMARKED;
    machine_insert(NULL);
    scene_must(coffer_volume_create(MACHINE_VOLUME, scene_secret(secret), &options, &volume, &error), &error,
               "create");
    scene_must(coffer_volume_publish(volume, &error), &error, "publish");
    scene_must(coffer_volume_close(volume, &error), &error, "close");
}

void scene_create(enum scene_kind kind)
{
    scene_create_with(kind, 0);
}

struct coffer_open_options scene_options(bool read_only)
{
    struct coffer_open_options options = COFFER_OPEN_OPTIONS_INIT;
    options.read_only = read_only;
    options.kdf_level = unmarked ? 0 : -1;
    return options;
}

struct coffer_header *scene_open(unsigned secret)
{
    struct coffer_open_options options = scene_options(false);
    struct coffer_error error = COFFER_ERROR_INIT;
    struct coffer_header *header;
    scene_must(coffer_header_open(MACHINE_VOLUME, scene_secret(secret), &options, &header, &error), &error,
               "open the header");
    return header;
}

unsigned scene_add(struct coffer_header *header, unsigned secret)
{
    struct coffer_error error = COFFER_ERROR_INIT;
    unsigned slot = 0;
    scene_must(coffer_header_add_key(header, scene_secret(secret), NULL, &slot, &error), &error, "add a key");
    return slot;
}

enum coffer_status scene_try_to_hide(unsigned secret, struct coffer_volume **volume, struct coffer_error *error)
{
    struct coffer_create_options options = COFFER_CREATE_OPTIONS_INIT;
    options.container_size = HEADER_DATA_MIN;
    options.kdf_level = unmarked ? 0 : -1;
    return coffer_volume_create_hidden(MACHINE_VOLUME, scene_secret(0), scene_secret(secret), &options, volume,
                                       error);
}

void scene_hide(unsigned secret)
{
    struct coffer_error error = COFFER_ERROR_INIT;
    struct coffer_volume *volume;
    scene_must(scene_try_to_hide(secret, &volume, &error), &error, "make a hidden volume");
    scene_must(coffer_volume_close(volume, &error), &error, "close");
}

void scene_damage(uint64_t offset, size_t size)
{
    uint8_t *noise = disk_memory(size);
    crypto_random(noise, size);
    disk_write(machine.volume, noise, size, offset);
    free(noise);
}

/* ---- looking ---- */

static int look_read(struct storage *storage, void *data, size_t size, uint64_t offset);

static const struct storage_ops LOOK = { .read = look_read };

struct window {
    struct storage base;
    const struct disk *disk;
};

static int look_read(struct storage *storage, void *data, size_t size, uint64_t offset)
{
    disk_read(((struct window *)storage)->disk, data, size, offset);
    return 0;
}

static void look_with(const struct unlock_image *image, unsigned secret, struct copies *copies, struct view *view)
{
    struct coffer_open_options options = scene_options(true);
    struct coffer_error error = COFFER_ERROR_INIT;
    struct header_fields fields;
    memset(copies, 0, sizeof(*copies));
    enum coffer_status status = format_coffer_find(image, scene_secret(secret), &options, copies, &error);
    if (status == COFFER_OK) {
        view->opens |= SECRET(secret);
        view->hidden |= copies->volume != 0 ? SECRET(secret) : 0;
        struct identity *identity = &view->identity[secret];
        header_get_fields(&copies->body, &fields);
        memcpy(identity->key, header_key(&copies->body), sizeof(identity->key));
        identity->data_size = fields.data_size;
        view->seq = (unsigned)fields.seq;
    } else if (status == COFFER_DAMAGED) {
        view->damaged |= SECRET(secret);
    } else if (status != COFFER_WRONG_SECRET && status != COFFER_UNSUPPORTED) {
        scene_fail("secret %u: status %d, %s", secret, (int)status, error.text);
    }
}

void scene_look(const struct disk *disk, unsigned secrets, struct view *view)
{
    struct window window = { { .ops = &LOOK, .size = disk_size(disk), .read_only = true }, disk };
    struct unlock_image *image = unlock_read(&window.base);
    struct copies *copies = copies_new();
    if (image == NULL || copies == NULL) {
        abort();
    }
    memset(view, 0, sizeof(*view));
    for (unsigned secret = 0; secret < SCENE_SECRETS; secret++) {
        if ((secrets & SECRET(secret)) != 0) {
            look_with(image, secret, copies, view);
        }
    }
    copies_free(copies);
    free(image);
}
