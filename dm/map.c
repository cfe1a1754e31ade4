/* SPDX-License-Identifier: ISC */
/*
 * map.c - one mapping of dm-crypt, or several over each other for a cascade (map.h).
 *
 * Not through libcryptsetup: its PLAIN type leaves the key in the table, and wants the device to be whole sectors of
 * 4096 bytes from the offset to its end.
 *
 * The invariant: a mapping is marked to go with its last user before anybody is told of it, and until map_release
 * this process is one.
 */
#include "map.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#include "key.h"
#include "task.h"

#define DIRECTORY       "/dev/mapper/"
#define UUID            "COFFER-"
#define UNIT            512
#define NAME_MAX_LAYER  (MAP_NAME_MAX + 16)
#define PARAMETERS_MAX  (KEY_TEXT_MAX + 256)
#define KEYRING_VERSION 1018001 /* of the crypt target; before, a key that it was given by name could get lost */
#define NAP_FIRST_MS    5
#define NAP_LAST_MS     500

struct map {
    int fd; /* -1 = released */
    unsigned layers;
    char path[sizeof(DIRECTORY) + MAP_NAME_MAX];
};

COFFER_PRINTF(4, 5)
static enum coffer_status fail(struct coffer_error *error, enum coffer_status status, int sys, const char *format,
                               ...)
{
    if (!error || error->status != COFFER_OK) {
        return status;
    }
    va_list list;
    error->status = status;
    error->sys = sys;
    va_start(list, format);
    vsnprintf(error->text, sizeof(error->text), format, list);
    va_end(list);
    return status;
}

static enum coffer_status fail_to_map(int result, const char *cipher, struct coffer_error *error)
{
    switch (-result) {
    case EBUSY:
        return fail(error, COFFER_IN_USE, EBUSY, "something else holds the device");
    case EPERM:
    case EACCES:
        return fail(error, COFFER_NOT_PERMITTED, -result, "device-mapper is not for us");
    case ENOMEM:
        return fail(error, COFFER_NO_MEMORY, ENOMEM, "not enough memory");
    case EINVAL:
    case ENOENT:
        return fail(error, COFFER_UNSUPPORTED, -result, "this kernel does not map %s", cipher);
    default:
        return fail(error, COFFER_FAILED, -result, "device-mapper failed: %s", strerrordesc_np(-result));
    }
}

static bool is_good_name(const char *name)
{
    size_t size = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-");
    return size > 0 && size < MAP_NAME_MAX && name[size] == '\0' && name[0] != '.';
}

bool map_is_possible(void)
{
    return geteuid() == 0 && task_crypt_version() >= 0;
}

/* The topmost has the name itself. */
static void name_layer(const char *name, unsigned number, unsigned layers, char text[static NAME_MAX_LAYER])
{
    if (number + 1 == layers) {
        snprintf(text, NAME_MAX_LAYER, "%s", name);
    } else {
        snprintf(text, NAME_MAX_LAYER, "%s-layer%u", name, number);
    }
}

/* ---- One layer ---- */

struct layer {
    const struct map_request *request;
    unsigned number; /* 0 is the one over the backing store */
    const uint8_t *key;
    dev_t below;
    char name[NAME_MAX_LAYER];
};

static size_t key_size_of(const struct layer *layer)
{
    return layer->request->mapping->layer[layer->number].key_size;
}

/* dmsetup(8), and the kernel's documentation of dm-crypt. */
static void write_parameters(const struct layer *layer, const struct key_ring *ring,
                             char text[static PARAMETERS_MAX])
{
    const struct coffer_mapping *mapping = layer->request->mapping;
    char key[KEY_TEXT_MAX], options[64] = "";
    int count = (mapping->sector_size != UNIT) + mapping->iv_large_sectors + layer->request->discards;

    if (count > 0) {
        char sectors[32] = "";
        if (mapping->sector_size != UNIT) {
            snprintf(sectors, sizeof(sectors), " sector_size:%u", mapping->sector_size);
        }
        snprintf(options, sizeof(options), " %d%s%s%s", count, sectors,
                 mapping->iv_large_sectors ? " iv_large_sectors" : "",
                 layer->request->discards ? " allow_discards" : "");
    }
    key_write(ring, layer->key, key_size_of(layer), key);
    snprintf(text, PARAMETERS_MAX, "%s %s %llu %u:%u %llu%s", mapping->layer[layer->number].cipher, key,
             (unsigned long long)mapping->iv_offset, major(layer->below), minor(layer->below),
             (unsigned long long)(layer->number == 0 ? mapping->data_offset / UNIT : 0), options);
    explicit_bzero(key, sizeof(key));
}

static int load(const struct layer *layer)
{
    struct key_ring ring = { 0 };
    char parameters[PARAMETERS_MAX];

    if (task_crypt_version() >= KEYRING_VERSION) {
        (void)key_ring_add(&ring, layer->key, key_size_of(layer)); /* without one, the key is in the table */
    }
    write_parameters(layer, &ring, parameters);
    int result =
        task_load(layer->name, layer->request->mapping->data_size / UNIT, parameters, layer->request->read_only);
    explicit_bzero(parameters, sizeof(parameters));
    key_ring_remove(&ring);
    return result;
}

/* A descriptor of the device, which goes when that and all others of it are closed; or a negative errno. */
static int open_layer(const struct layer *layer)
{
    char path[sizeof(DIRECTORY) + NAME_MAX_LAYER];

    int result = load(layer);
    result = result != 0 ? result : task_resume(layer->name);
    if (result != 0) {
        return result;
    }
    snprintf(path, sizeof(path), DIRECTORY "%s", layer->name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return -errno;
    }
    result = task_remove_later(layer->name);
    if (result != 0) {
        close(fd);
        return result;
    }
    task_tidy(layer->name); /* libdevmapper takes the node away as if it were gone already */
    return fd;
}

static int make_layer(const struct layer *layer)
{
    char uuid[NAME_MAX_LAYER + 8];

    snprintf(uuid, sizeof(uuid), UUID "%s", layer->name);
    int result = task_create(layer->name, uuid);
    if (result != 0) {
        return result;
    }
    int fd = open_layer(layer);
    if (fd < 0) {
        (void)task_remove(layer->name);
    }
    return fd;
}

/* ---- All of them ---- */

static enum coffer_status check(const struct map_request *request, struct coffer_error *error)
{
    const struct coffer_mapping *mapping = request->mapping;
    size_t size = 0;

    for (unsigned i = 0; i < mapping->layers; i++) {
        size += mapping->layer[i].key_size;
    }
    if (mapping->thin) {
        return fail(error, COFFER_INVALID, 0, "a thin volume cannot be mapped");
    }
    if (!is_good_name(request->name) || mapping->layers == 0 || size != coffer_secret_size(request->key)) {
        return fail(error, COFFER_INVALID, EINVAL, "a mapping needs a name and a key");
    }
    return COFFER_OK;
}

/* A descriptor of the topmost one, or a negative errno; *cipher is what failed. */
static int make_layers(const struct map_request *request, const char **cipher)
{
    const struct coffer_mapping *mapping = request->mapping;
    struct layer layer = {
        .request = request,
        .key = coffer_secret_data(request->key),
        .below = request->device,
    };
    int below = -1;

    for (layer.number = 0; layer.number < mapping->layers; layer.number++) {
        name_layer(request->name, layer.number, mapping->layers, layer.name);
        *cipher = mapping->layer[layer.number].cipher;
        int fd = make_layer(&layer);
        if (below >= 0) {
            close(below); /* the one above holds it, or it goes */
        }
        struct stat status;
        if (fd < 0 || fstat(fd, &status) < 0) {
            return fd < 0 ? fd : -errno;
        }
        layer.key += mapping->layer[layer.number].key_size;
        layer.below = status.st_rdev;
        below = fd;
    }
    return below;
}

enum coffer_status map_open(const struct map_request *request, struct map **map, struct coffer_error *error)
{
    const char *cipher = "it";

    enum coffer_status status = check(request, error);
    if (status != COFFER_OK) {
        return status;
    }
    struct map *new = calloc(1, sizeof(*new));
    if (!new) {
        return fail(error, COFFER_NO_MEMORY, ENOMEM, "out of memory");
    }
    snprintf(new->path, sizeof(new->path), DIRECTORY "%s", request->name);
    new->layers = request->mapping->layers;
    int lock = task_lock(true); /* without one, only map_clean might be in the way */
    new->fd = make_layers(request, &cipher);
    if (lock >= 0) {
        close(lock);
    }
    if (new->fd < 0) {
        status = fail_to_map(new->fd, cipher, error);
        free(new);
        return status;
    }
    *map = new;
    return COFFER_OK;
}

const char *map_path(const struct map *map)
{
    return map->path;
}

void map_release(struct map *map)
{
    if (map->fd >= 0) {
        close(map->fd);
        map->fd = -1;
    }
}

/* The kernel has no word for it, so we look: often at first, for as a rule it is a matter of milliseconds. */
static void wait_for_layer(const char *name)
{
    long nap = NAP_FIRST_MS;

    while (task_users(name) >= 0) {
        (void)nanosleep(&(struct timespec){ .tv_nsec = nap * 1000000 }, NULL);
        nap = nap * 2 < NAP_LAST_MS ? nap * 2 : NAP_LAST_MS;
    }
    task_tidy(name);
}

void map_wait(const struct map *map)
{
    char name[NAME_MAX_LAYER];

    for (unsigned number = map->layers; number-- > 0;) {
        name_layer(map->path + sizeof(DIRECTORY) - 1, number, map->layers, name);
        wait_for_layer(name);
    }
}

void map_free(struct map *map)
{
    if (map) {
        map_release(map);
        free(map);
    }
}

int map_users(const char *path)
{
    bool is_ours = strncmp(path, DIRECTORY, sizeof(DIRECTORY) - 1) == 0;
    int users = is_ours ? task_users(path + sizeof(DIRECTORY) - 1) : -ENXIO;

    return users >= 0 ? users : -1;
}

static void remove_if_left(void *user, const struct task_mapping *mapping)
{
    if (strncmp(mapping->uuid, UUID, strlen(UUID)) == 0 && mapping->users == 0 && !mapping->is_going) {
        *(bool *)user = task_remove(mapping->name) == 0 || *(bool *)user;
    }
}

/* While nobody makes one, each of ours is marked to go with its last user. The layers below go after those above. */
void map_clean(void)
{
    bool is_removed = true;
    int lock = map_is_possible() ? task_lock(false) : -1;

    if (lock < 0) {
        return;
    }
    while (is_removed) {
        is_removed = false;
        task_each(remove_if_left, &is_removed);
    }
    close(lock);
}

const char *map_component(void)
{
    return task_library();
}
