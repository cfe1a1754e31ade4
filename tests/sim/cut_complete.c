/* SPDX-License-Identifier: ISC */
/*
 * Completing a volume that was made to be filled, under power cuts: FLAG-1. In every state it either opens for
 * everybody, or for nobody but who goes on; never both, never neither. Going on completes it, and then both copies of
 * the header say so.
 */
#include <stdlib.h>

#include "helper_cut.h"
#include "helper_scene.h"

enum { STATES = 200 };

static enum coffer_status open_it(bool unfinished, struct coffer_volume **volume)
{
    struct coffer_open_options options = scene_options(false);
    options.unfinished = unfinished;
    return coffer_volume_open(MACHINE_VOLUME, scene_secret(0), &options, volume, NULL);
}

static void complete(struct coffer_volume *volume)
{
    struct coffer_open_options options = scene_options(false);
    struct coffer_error error = COFFER_ERROR_INIT;
    scene_must(coffer_volume_complete(volume, scene_secret(0), &options, &error), &error, "complete");
}

static struct coffer_volume *make(enum scene_kind kind)
{
    struct coffer_create_options options = scene_create_options(kind);
    struct coffer_error error = COFFER_ERROR_INIT;
    struct coffer_volume *volume;
    options.unfinished = true;
    scene_create(kind); /* which level to name */
    machine_insert(NULL);
    scene_must(coffer_volume_create(MACHINE_VOLUME, scene_secret(0), &options, &volume, &error), &error, "create");
    scene_must(coffer_volume_publish(volume, &error), &error, "publish");
    return volume;
}

static void must_close(struct coffer_volume *volume)
{
    struct coffer_error error = COFFER_ERROR_INIT;
    scene_must(coffer_volume_close(volume, &error), &error, "close");
}

/* With any one copy lost, too. */
static void expect_complete(void)
{
    for (unsigned i = 0; i < 2; i++) {
        struct coffer_volume *volume;
        struct disk *whole = disk_clone(machine.volume);
        scene_damage(i == 0 ? 0 : SCENE_TAIL, HEADER_BLOCK_SIZE);
        if (open_it(true, &volume) == COFFER_OK || open_it(false, &volume) != COFFER_OK) {
            scene_fail("complete, but not when copy %u is lost", i);
        }
        must_close(volume);
        machine_insert(whole);
    }
}

/* Takes the state over. */
static void go_on_from(struct disk *state, bool done)
{
    struct coffer_volume *volume;
    struct disk *same = disk_clone(state);
    machine_insert(state);
    const bool open = open_it(false, &volume) == COFFER_OK;
    if (open) {
        must_close(volume);
    }
    machine_insert(same);
    const bool unfinished = open_it(true, &volume) == COFFER_OK;
    if (open == unfinished || (done && !open)) {
        scene_fail("it opens: %d; for who goes on: %d; completed: %d", open, unfinished, done);
    }
    if (unfinished) {
        complete(volume);
        must_close(volume);
    }
    if (open_it(false, &volume) != COFFER_OK) { /* and heals */
        scene_fail("it is not complete");
    }
    must_close(volume);
    expect_complete();
}

static void cut_everywhere(enum scene_kind kind)
{
    struct log log = { 0 };
    struct coffer_volume *volume = make(kind);
    struct disk *before = disk_clone(machine.volume);
    machine.log = &log;
    complete(volume);
    machine.log = NULL;
    must_close(volume);
    for (unsigned entries = 0; entries <= log.entries; entries++) {
        struct cut cut = cut_after(before, &log, entries);
        uint8_t *fate = disk_memory(cut.pieces + 1);
        for (unsigned i = 0; i < (cut.pieces == 0 ? 1 : STATES); i++) {
            cut_choose(&cut, cut_exhaustive(&cut) + i, true, fate);
            go_on_from(cut_state(&cut, fate), entries == log.entries);
        }
        free(fate);
        cut_free(&cut);
    }
    disk_free(before);
    log_free(&log);
}

int main(void)
{
    static const enum scene_kind KINDS[] = { SCENE_MARKED, SCENE_FILLED, SCENE_UNMARKED };
    if (coffer_init(NULL) != COFFER_OK) {
        return 1;
    }
    cut_seed("complete");
    for (size_t i = 0; i < sizeof(KINDS) / sizeof(KINDS[0]); i++) {
        cut_everywhere(KINDS[i]);
    }
    scene_end();
    return 0;
}
