/* SPDX-License-Identifier: ISC */
/*
 * Restoring a header backup under power cuts: RESTORE-1 to RESTORE-7, RESTORE-12.
 *
 * The backup is from a time when secrets 0 and 1 opened the outer volume and 4 the hidden one. Since then the same
 * slots have got new secrets: 2 and 7 in the place of 0 and 1, 5 in the place of 4.
 */
#include "helper_keys.h"

#include <stdlib.h>

#define THEN        (OLD | BYSTANDER)
#define NOW         (NEW | SECRET(7))
#define HIDDEN_THEN SECRET(4)
#define HIDDEN_NOW  SECRET(5)

static void remove_slot(struct coffer_header *header, unsigned slot)
{
    struct coffer_error error = COFFER_ERROR_INIT;
    scene_must(coffer_header_remove_key(header, slot, false, &error), &error, "remove a key");
}

static void back_up(void)
{
    struct coffer_open_options options = scene_options(true);
    struct coffer_error error = COFFER_ERROR_INIT;
    disk_free(machine.backup);
    machine.backup = NULL;
    scene_must(coffer_header_backup(MACHINE_VOLUME, MACHINE_BACKUP, scene_secret(0), &options, &error), &error,
               "back up");
}

/* The secret in slot `first` makes way for `other` in the same slot: slots are taken from the lowest on. */
static void replace(unsigned opener, unsigned slot, unsigned other)
{
    struct coffer_header *header = scene_open(opener);
    remove_slot(header, slot);
    if (scene_add(header, other) != slot) {
        abort();
    }
    coffer_header_close(header);
}

static void prepare(enum scene_kind kind, bool hidden)
{
    scene_create(kind);
    if (hidden) {
        scene_hide(4);
        struct coffer_header *header = scene_open(4);
        for (unsigned i = 0; i < 3; i++) {
            keys_add_unknown(header);
        }
        (void)scene_add(header, 3); /* slot 4: in another piece of the block */
        coffer_header_close(header);
    }
    struct coffer_header *header = scene_open(0);
    for (unsigned i = 0; i < 4; i++) {
        keys_add_unknown(header);
    }
    (void)scene_add(header, 1); /* slot 5 */
    coffer_header_close(header);
    back_up();
    replace(1, 0, 2);
    replace(2, 5, 7);
    if (hidden) {
        replace(4, 4, 5);
        replace(5, 1, 6);
    }
}

static void prepare_marked(void)
{
    prepare(SCENE_MARKED, false);
}

static void prepare_unmarked(void)
{
    prepare(SCENE_UNMARKED, false);
}

static void prepare_hidden(void)
{
    prepare(SCENE_FILLED, true);
}

static void prepare_front_lost(void)
{
    prepare(SCENE_MARKED, false);
    scene_damage(0, HEADER_BLOCK_SIZE);
}

static void prepare_tail_lost(void)
{
    prepare(SCENE_UNMARKED, false);
    scene_damage(SCENE_TAIL, HEADER_BLOCK_SIZE);
}

static void prepare_lost(void)
{
    prepare(SCENE_MARKED, false);
    scene_damage(0, HEADER_BLOCK_SIZE);
    scene_damage(SCENE_TAIL, HEADER_BLOCK_SIZE);
}

static void prepare_hidden_lost(void)
{
    prepare(SCENE_FILLED, true);
    scene_damage(0, 2 * HEADER_BLOCK_SIZE);
    scene_damage(SCENE_TAIL, 2 * HEADER_BLOCK_SIZE);
}

static enum coffer_status restore(struct coffer_header *header, struct coffer_error *error)
{
    struct coffer_open_options options = scene_options(false);
    (void)header;
    return coffer_header_restore(MACHINE_VOLUME, MACHINE_BACKUP, scene_secret(0), &options, error);
}

int main(void)
{
    static const struct update UPDATES[] = {
        {
            .name = "restore a backup, marked",
            .prepare = prepare_marked,
            .opener = EXPLORE_BY_PATH,
            .run = restore,
            .secrets = THEN | NOW,
            .during = { NOW, THEN },
            .after = THEN,
            .writes = WRITES_ENDS,
            .garbage_only_at_first = true,
        },
        {
            .name = "restore a backup, unmarked",
            .prepare = prepare_unmarked,
            .opener = EXPLORE_BY_PATH,
            .run = restore,
            .secrets = THEN | NOW,
            .during = { NOW, THEN },
            .after = THEN,
            .writes = WRITES_ENDS,
            .garbage_only_at_first = true,
        },
        {
            .name = "restore a backup over a hidden volume",
            .prepare = prepare_hidden,
            .opener = EXPLORE_BY_PATH,
            .run = restore,
            .secrets = THEN | NOW | HIDDEN_THEN | HIDDEN_NOW | GONE | SECRET(6),
            .during = { NOW | HIDDEN_THEN | HIDDEN_NOW | SECRET(6), THEN | HIDDEN_THEN | HIDDEN_NOW | SECRET(6) },
            .after = THEN | HIDDEN_THEN | HIDDEN_NOW | SECRET(6),
            .writes = WRITES_ENDS,
            .garbage_only_at_first = true,
        },
        {
            .name = "restore a backup where both copies and the hidden volume's are lost",
            .prepare = prepare_hidden_lost,
            .opener = EXPLORE_BY_PATH,
            .run = restore,
            .secrets = THEN | NOW | HIDDEN_THEN | HIDDEN_NOW | GONE | SECRET(6),
            .during = { EXPLORE_NOBODY, THEN },
            .after = THEN,
            .writes = WRITES_ENDS,
            .no_garbage = true,
        },
        {
            .name = "restore a backup where the front is lost",
            .prepare = prepare_front_lost,
            .opener = EXPLORE_BY_PATH,
            .run = restore,
            .secrets = THEN | NOW,
            .during = { NOW, THEN },
            .after = THEN,
            .writes = WRITES_ENDS,
            .no_garbage = true,
        },
        {
            .name = "restore a backup where the tail is lost",
            .prepare = prepare_tail_lost,
            .opener = EXPLORE_BY_PATH,
            .run = restore,
            .secrets = THEN | NOW,
            .during = { NOW, THEN },
            .after = THEN,
            .writes = WRITES_ENDS,
            .no_garbage = true,
        },
        {
            .name = "restore a backup where both copies are lost",
            .prepare = prepare_lost,
            .opener = EXPLORE_BY_PATH,
            .run = restore,
            .secrets = THEN | NOW,
            .during = { EXPLORE_NOBODY, THEN },
            .after = THEN,
            .writes = WRITES_ENDS,
            .no_garbage = true,
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
