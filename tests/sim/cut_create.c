/* SPDX-License-Identifier: ISC */
/*
 * Creating a volume on a device under power cuts: CREATE-1, CREATE-4, FILL-2.
 *
 * The device holds an older volume, which secret 4 opens, and old data everywhere.
 */
#include "helper_explore.h"

#include <stdlib.h>
#include <string.h>

#define NEW    SECRET(0)
#define FORMER SECRET(4)

static bool fill, unmarked;

static void prepare(void)
{
    uint8_t old[DISK_PAGE];
    memset(old, 0xee, sizeof(old));
    machine.device = false;
    scene_create_with(SCENE_MARKED, 4);
    for (uint64_t at = HEADER_DATA_OFFSET; at < SCENE_TAIL; at += sizeof(old)) {
        disk_write(machine.volume, old, sizeof(old), at);
    }
    machine.device = true;
}

static void prepare_thick(void)
{
    fill = unmarked = false;
    prepare();
}

static void prepare_filled(void)
{
    fill = true;
    unmarked = false;
    prepare();
}

static void prepare_unmarked(void)
{
    fill = unmarked = true;
    prepare();
}

static enum coffer_status create(struct coffer_header *header, struct coffer_error *error)
{
    struct coffer_create_options options = COFFER_CREATE_OPTIONS_INIT;
    struct coffer_volume *volume;
    (void)header;
    options.unmarked = unmarked;
    options.fill = fill;
    options.kdf_level = unmarked ? 0 : -1;
    options.kdf_memory = unmarked ? 0 : HEADER_MEMORY_MIN;
    options.kdf_passes = unmarked ? 0 : 1;
    enum coffer_status status = coffer_volume_create(MACHINE_VOLUME, scene_secret(0), &options, &volume, error);
    if (status != COFFER_OK) {
        return status;
    }
    status = coffer_volume_publish(volume, error);
    enum coffer_status closed = coffer_volume_close(volume, error);
    return status != COFFER_OK ? status : closed;
}

/* A volume that opens and says that it was filled has no old byte in its data; and the former one is gone. */
static bool is_filled(const struct disk *disk, const struct view *view)
{
    if (!fill || (view->opens & NEW) == 0) {
        return true;
    }
    for (uint64_t at = HEADER_DATA_OFFSET; at < SCENE_TAIL; at += 512) {
        uint8_t piece[16];
        disk_read(disk, piece, sizeof(piece), at);
        if (piece[0] == 0xee && memcmp(piece, piece + 1, sizeof(piece) - 1) == 0) {
            return false;
        }
    }
    return true;
}

int main(void)
{
    static const struct update UPDATES[] = {
        {
            .name = "create on a device, thick",
            .prepare = prepare_thick,
            .opener = EXPLORE_BY_PATH,
            .run = create,
            .secrets = NEW | FORMER,
            .during = { FORMER, EXPLORE_NOBODY, NEW },
            .after = NEW,
            .writes = WRITES_DATA,
            .made = NEW,
        },
        {
            .name = "create on a device, filled",
            .prepare = prepare_filled,
            .opener = EXPLORE_BY_PATH,
            .run = create,
            .secrets = NEW | FORMER,
            .during = { FORMER, EXPLORE_NOBODY, NEW },
            .after = NEW,
            .writes = WRITES_DATA,
            .made = NEW,
            .check = is_filled,
        },
        {
            .name = "create on a device, unmarked",
            .prepare = prepare_unmarked,
            .opener = EXPLORE_BY_PATH,
            .run = create,
            .secrets = NEW | FORMER,
            .during = { FORMER, EXPLORE_NOBODY, NEW },
            .after = NEW,
            .writes = WRITES_DATA,
            .made = NEW,
            .check = is_filled,
        },
    };
    if (coffer_init(NULL) != COFFER_OK) {
        return 1;
    }
    for (size_t i = 0; i < sizeof(UPDATES) / sizeof(UPDATES[0]); i++) {
        explore(&UPDATES[i]);
    }
    return 0;
}
