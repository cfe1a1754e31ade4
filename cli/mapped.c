/* SPDX-License-Identifier: ISC */
/*
 * mapped.c - handing a volume over to the kernel (mapped.h): a mapping of dm-crypt over its device, or over a loop
 * device on its file.
 *
 * From then on the kernel needs nobody. The mapping and the loop device go with their last user, and so does what
 * keeps others from opening the volume: the loop device shares the descriptor that has the lock, and dm-crypt
 * holds a device alone. When the process that did this is killed, nothing changes for those who use it.
 */
#include "mapped.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fill_error.h"
#include "loop_device.h"
#include "mapping_name.h"
#include "mount_options.h"
#include "scope.h"
#include "ui.h"

#define MAPPER    "/dev/mapper/"
#define NAMES_MAX 100

/* ---- Whether ---- */

bool mapped_is_possible(const struct way_task *task)
{
    return !task->info->thin && !task->request->hidden_secret && map_is_possible();
}

enum exit_status mapped_check(const struct way_task *task)
{
    const char *volume = task->request->volume;

    if (geteuid() != 0) {
        return ui_fail(EXIT_NOT_PERMITTED, "without --via dm the volume is served by this program",
                       "cannot map '%s': only root can", volume);
    }
    if (task->info->thin) {
        return ui_fail(EXIT_UNSUPPORTED, "leave --via out; a volume made with --thick can be mapped",
                       "cannot map '%s': it is thin, and its holes would read as noise", volume);
    }
    if (!map_is_possible()) {
        return ui_fail(EXIT_NOT_PERMITTED, "load it with 'modprobe dm-crypt', or leave --via out",
                       "cannot map '%s': device-mapper and dm-crypt are not there", volume);
    }
    return EXIT_DONE;
}

/* ---- Handing over ---- */

/* What it takes, until the kernel has it all. */
struct offer {
    const struct way_task *task;
    struct coffer_mapping mapping;
    struct coffer_secret *key;
    int store; /* shares the volume's lock; -1 = none */
    struct loop_device loop;
};

/* Sectors of the loop device as large as the volume's, where its data begins at one, let it go past the cache. */
static uint32_t sector_size_of(const struct coffer_mapping *mapping)
{
    return mapping->data_offset % mapping->sector_size == 0 ? mapping->sector_size : 512;
}

/* What the mapping lies over. */
static enum coffer_status find_device(struct offer *offer, dev_t *device, struct coffer_error *error)
{
    struct stat status;
    int number = 0;

    if (!offer->task->info->is_device) {
        number = loop_device_attach_open(offer->store, sector_size_of(&offer->mapping),
                                         offer->task->info->read_only, &offer->loop);
    }
    if (number == 0 && fstat(offer->loop.fd >= 0 ? offer->loop.fd : offer->store, &status) < 0) {
        number = errno;
    }
    if (number == 0) {
        *device = status.st_rdev;
        return COFFER_OK;
    }
    return fill_error(error, COFFER_NOT_PERMITTED, number, "no loop device can be had for the file: %s",
                      explain_errno(number));
}

/* Whoever holds a copy would see which sectors are in use; and what an outer file system takes for free may be a
 * hidden volume. */
static bool may_discard(const struct way_task *task)
{
    const struct coffer_info *info = task->info;

    return mount_options_have(task->request->options, "discard", "nodiscard") && info->marked && !info->filled &&
           !info->hidden;
}

static enum coffer_status map(const struct offer *offer, dev_t device, struct map **map,
                              struct coffer_error *error)
{
    char path[MAPPING_NAME_MAX + 16];
    char name[MAPPING_NAME_MAX];
    unsigned attempt = 1;

    do {
        mapping_name(offer->task->volume_path, attempt, name);
        snprintf(path, sizeof(path), MAPPER "%s", name);
    } while (map_users(path) >= 0 && ++attempt <= NAMES_MAX);
    const struct map_request request = {
        .mapping = &offer->mapping,
        .key = offer->key,
        .device = device,
        .name = name,
        .read_only = offer->task->info->read_only,
        .discards = may_discard(offer->task),
    };
    return map_open(&request, map, error);
}

static enum coffer_status hand_over(struct offer *offer, struct map **made, struct coffer_error *error)
{
    struct coffer_volume *volume = offer->task->volume;
    dev_t device = 0;

    enum coffer_status status = coffer_volume_mapping(volume, &offer->mapping, offer->key, error);
    if (status != COFFER_OK) {
        return status;
    }
    status = coffer_volume_lend(volume, &offer->store, error);
    if (status != COFFER_OK) {
        return status;
    }
    status = find_device(offer, &device, error);
    status = status == COFFER_OK ? map(offer, device, made, error) : status;
    loop_device_release(&offer->loop); /* the mapping holds it, or it goes */
    scope_close(&offer->store);
    if (status != COFFER_OK) {
        coffer_volume_take_back(volume, error); /* an error that is already there stays */
    }
    return status;
}

enum coffer_status mapped_open(const struct way_task *task, struct map **made, struct coffer_error *error)
{
    struct offer offer = {
        .task = task,
        .mapping.size = sizeof(offer.mapping),
        .key = coffer_secret_new(COFFER_MAPPING_KEY_MAX),
        .store = -1,
        .loop = LOOP_DEVICE_NONE,
    };

    if (!offer.key) {
        return fill_error(error, COFFER_NO_MEMORY, 0, "out of memory");
    }
    enum coffer_status status = hand_over(&offer, made, error);
    coffer_secret_free(offer.key);
    return status;
}

void mapped_close(struct map *map)
{
    if (map) {
        map_release(map);
        map_wait(map);
        map_free(map);
    }
}

enum exit_status mapped_undo(const struct way_task *task, struct map *map)
{
    struct coffer_error error = COFFER_ERROR_INIT;

    mapped_close(map);
    return coffer_volume_take_back(task->volume, &error) == COFFER_OK
               ? EXIT_DONE
               : ui_fail_library(OPERATION_OPEN, task->request->volume, &error);
}

/* ---- From outside ---- */

bool mapped_was_used(const struct mount_record *record)
{
    return record->source && strncmp(record->source, MAPPER, strlen(MAPPER)) == 0;
}

bool mapped_is_device(const struct mount_record *record)
{
    return mapped_was_used(record) && strcmp(record->source, record->mount_point) == 0;
}

/* Of the state files of others nothing is believed. */
bool mapped_is_there(const struct mount_state *state)
{
    return state->owner == 0 && geteuid() == 0 && mapped_was_used(&state->record) &&
           map_users(state->record.source) >= 0;
}
