/* SPDX-License-Identifier: ISC */
/*
 * Growing under power cuts: GROW-2 to GROW-6. A file and a device that has become larger, thin and filled, and with a
 * hidden volume inside.
 */
#include "helper_cut.h"
#include "helper_keys.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OUTER  (OLD | BYSTANDER)
#define HIDDEN SECRET(4)

static void prepare(enum scene_kind kind, bool device)
{
    machine.device = false;
    scene_create(kind);
    if (kind != SCENE_MARKED) {
        scene_hide(4);
    }
    struct coffer_header *header = scene_open(0);
    (void)scene_add(header, 1);
    coffer_header_close(header);
    machine.device = device;
    if (device) {
        disk_resize(machine.volume, SCENE_SIZE + SCENE_GROWTH);
    }
}

static void prepare_thin_file(void)
{
    prepare(SCENE_MARKED, false);
}

static void prepare_thin_device(void)
{
    prepare(SCENE_MARKED, true);
}

static void prepare_filled_file(void)
{
    prepare(SCENE_FILLED, false);
}

static void prepare_unmarked_file(void)
{
    prepare(SCENE_UNMARKED, false);
}

static enum coffer_status grow(struct coffer_header *header, struct coffer_error *error)
{
    struct coffer_open_options options = scene_options(false);
    (void)header;
    return coffer_volume_grow(MACHINE_VOLUME, scene_secret(0), &options, SCENE_SIZE + SCENE_GROWTH, error);
}

static const struct update UPDATES[] = {
    {
        .name = "grow a thin file",
        .prepare = prepare_thin_file,
        .opener = EXPLORE_BY_PATH,
        .run = grow,
        .secrets = OUTER,
        .during = { OUTER },
        .after = OUTER,
        .writes = WRITES_OUTER | WRITES_GROWTH,
        .no_garbage = true,
    },
    {
        .name = "grow a thin device",
        .prepare = prepare_thin_device,
        .opener = EXPLORE_BY_PATH,
        .run = grow,
        .secrets = OUTER,
        .during = { OUTER },
        .after = OUTER,
        .writes = WRITES_OUTER | WRITES_GROWTH,
        .no_garbage = true,
    },
    {
        .name = "grow a filled file around a hidden volume",
        .prepare = prepare_filled_file,
        .opener = EXPLORE_BY_PATH,
        .run = grow,
        .secrets = OUTER | HIDDEN,
        .during = { OUTER | HIDDEN },
        .after = OUTER | HIDDEN,
        .writes = WRITES_OUTER | WRITES_HIDDEN | WRITES_GROWTH,
        .no_garbage = true,
    },
    {
        .name = "grow an unmarked file around a hidden volume",
        .prepare = prepare_unmarked_file,
        .opener = EXPLORE_BY_PATH,
        .run = grow,
        .secrets = OUTER | HIDDEN,
        .during = { OUTER | HIDDEN },
        .after = OUTER | HIDDEN,
        .writes = WRITES_OUTER | WRITES_HIDDEN | WRITES_GROWTH,
        .no_garbage = true,
    },
};

/* A growth whose front could not be written; data over the place of the old tail; the front is still the old one.
 * Opening again must keep its hands off that data. */
static void data_where_the_old_tail_was(void)
{
    struct coffer_open_options options = scene_options(false);
    struct coffer_error error = COFFER_ERROR_INIT;
    struct coffer_volume *volume;
    static uint8_t data[HEADER_END_SIZE], back[HEADER_END_SIZE];
    uint8_t front[HEADER_BLOCK_SIZE];
    memset(data, 0x77, sizeof(data));
    prepare(SCENE_MARKED, false);
    disk_read(machine.volume, front, sizeof(front), 0);
    scene_must(grow(NULL, &error), &error, "grow");
    for (unsigned i = 0; i < 3; i++) {
        disk_write(machine.volume, front, sizeof(front), 0); /* as if it had never been written */
        machine_fail(CALL_WRITE, i == 0 ? 1 : 0, EIO);       /* the first time it cannot be healed either */
        scene_must(coffer_volume_open(MACHINE_VOLUME, scene_secret(0), &options, &volume, &error), &error, "open");
        machine_fail_never();
        if (i > 0) {
            scene_must(coffer_volume_pread(volume, back, sizeof(back), SCENE_TAIL - HEADER_DATA_OFFSET, &error),
                       &error, "read");
            if (memcmp(back, data, sizeof(data)) != 0) {
                scene_fail("data where the old tail was: lost after opening number %u", i);
            }
        }
        scene_must(coffer_volume_pwrite(volume, data, sizeof(data), SCENE_TAIL - HEADER_DATA_OFFSET, &error),
                   &error, "write");
        scene_must(coffer_volume_close(volume, &error), &error, "close");
    }
    scene_end();
}

static void expect(unsigned opens, const char *when)
{
    struct view view;
    scene_look(machine.volume, OUTER | HIDDEN | SECRET(5), &view);
    if (view.opens != opens) {
        scene_fail("%s: %#x open instead of %#x", when, view.opens, opens);
    }
}

/* Cut before the new tail is there; the hidden volume, which has its tail at the new end already, gets another secret;
 * and the growth is begun again, which brings an older block there. The newer one is in front: the old secret is gone in
 * every state, and the next opening puts the tail right (GROW-2, step 1). */
static void a_hidden_secret_changes_between_two_growths(enum scene_kind kind)
{
    struct log log = { 0 }, again = { 0 };
    struct coffer_error error = COFFER_ERROR_INIT;
    unsigned slot, entries = 0;
    prepare(kind, false);
    struct disk *before = disk_clone(machine.volume);
    machine.log = &log;
    scene_must(grow(NULL, &error), &error, "grow");
    while (log.entry[entries].kind != LOG_SYNC) {
        entries++;
    }
    struct cut cut = cut_after(before, &log, entries + 1);
    machine.log = NULL;
    machine_insert(cut_state(&cut, NULL));
    cut_free(&cut);
    struct coffer_header *header = scene_open(4);
    scene_must(coffer_header_change_key(header, scene_secret(5), &slot, &error), &error, "change");
    coffer_header_close(header);
    expect(OUTER | SECRET(5), "changed");
    disk_free(before);
    before = disk_clone(machine.volume);
    machine.log = &again;
    scene_must(grow(NULL, &error), &error, "grow again");
    machine.log = NULL;
    for (entries = 0; entries <= again.entries; entries++) {
        uint8_t fate[8192];
        cut = cut_after(before, &again, entries);
        cut_choose(&cut, UINT64_MAX, false, fate);
        machine_insert(cut_state(&cut, fate));
        cut_free(&cut);
        expect(OUTER | SECRET(5), "cut again");
    }
    coffer_header_close(scene_open(5));
    scene_damage(HEADER_VOLUME_STRIDE, HEADER_BLOCK_SIZE);
    expect(OUTER | SECRET(5), "with the healed tail alone");
    disk_free(before);
    log_free(&log);
    log_free(&again);
    scene_end();
}

int main(void)
{
    if (coffer_init(NULL) != COFFER_OK) {
        return 1;
    }
    data_where_the_old_tail_was();
    a_hidden_secret_changes_between_two_growths(SCENE_FILLED);
    a_hidden_secret_changes_between_two_growths(SCENE_UNMARKED);
    for (size_t i = 0; i < sizeof(UPDATES) / sizeof(UPDATES[0]); i++) {
        explore(&UPDATES[i]);
    }
    return 0;
}
