/* SPDX-License-Identifier: ISC */
/*
 * Healing and repairing under power cuts, after each kind of damage, and updates of a volume that is damaged
 * already: HEAL-1 to HEAL-8, OPEN-15, GROW-6.
 *
 * Secret 0 made the volume, 1 is a bystander, 3 was removed and must never open again, 4 opens the hidden volume, 6 is
 * added after failures.
 */
#include "helper_explore.h"

#include <stdio.h>

#include "coffer.h"

#define OLD       SECRET(0)
#define BYSTANDER SECRET(1)
#define NEW       SECRET(2)
#define GONE      SECRET(3)
#define HIDDEN    SECRET(4)
#define SPARE     6u
#define FRONT     0u
#define TAIL      SCENE_TAIL

static enum scene_kind kind;

/* A volume with a hidden one, and with a past. `stale`: a copy of each block from before the last update. */
static void prepare(uint8_t stale[2][HEADER_BLOCK_SIZE])
{
    struct coffer_error error = COFFER_ERROR_INIT;
    scene_create(kind);
    if (kind != SCENE_MARKED) {
        scene_hide(4);
    }
    struct coffer_header *header = scene_open(0);
    (void)scene_add(header, 1);
    unsigned slot = scene_add(header, 3);
    disk_read(machine.volume, stale[0], HEADER_BLOCK_SIZE, FRONT);
    disk_read(machine.volume, stale[1], HEADER_BLOCK_SIZE, TAIL);
    scene_must(coffer_header_remove_key(header, slot, false, &error), &error, "remove");
    coffer_header_close(header);
}

static uint8_t stale[2][HEADER_BLOCK_SIZE];

static void front_lost(void)
{
    prepare(stale);
    scene_damage(FRONT, HEADER_BLOCK_SIZE);
}

static void tail_lost(void)
{
    prepare(stale);
    scene_damage(TAIL, HEADER_BLOCK_SIZE);
}

static void front_body_lost(void)
{
    prepare(stale);
    scene_damage(FRONT + 3000, 1);
}

static void front_stale(void)
{
    prepare(stale);
    disk_write(machine.volume, stale[0], HEADER_BLOCK_SIZE, FRONT);
}

static void tail_stale(void)
{
    prepare(stale);
    disk_write(machine.volume, stale[1], HEADER_BLOCK_SIZE, TAIL);
}

static void own_cell_lost_in_front(void)
{
    prepare(stale);
    scene_damage(FRONT + 200, 1);
}

static void own_cell_lost_in_tail(void)
{
    prepare(stale);
    scene_damage(TAIL + 200, 1);
}

static void salt_lost_in_front(void)
{
    prepare(stale);
    scene_damage(FRONT + 120, 1);
}

static void salt_lost_in_tail(void)
{
    prepare(stale);
    scene_damage(TAIL + 120, 1);
}

static void bystander_lost_in_front(void)
{
    prepare(stale);
    scene_damage(FRONT + 300, 1);
}

static void hidden_front_lost(void)
{
    prepare(stale);
    scene_damage(FRONT + HEADER_VOLUME_STRIDE, HEADER_BLOCK_SIZE);
}

static void hidden_cell_lost_in_tail(void)
{
    prepare(stale);
    scene_damage(TAIL + HEADER_VOLUME_STRIDE + 200, 1);
}

static enum coffer_status add(struct coffer_header *header, struct coffer_error *error)
{
    unsigned slot;
    return coffer_header_add_key(header, scene_secret(2), NULL, &slot, error);
}

static enum coffer_status nothing(struct coffer_header *header, struct coffer_error *error)
{
    (void)header;
    (void)error;
    return COFFER_OK;
}

static void ignore(void *user, enum coffer_finding finding, const char *text)
{
    (void)user;
    (void)finding;
    (void)text;
}

static enum coffer_status check(unsigned secret, struct coffer_error *error)
{
    struct coffer_open_options options = scene_options(false);
    struct coffer_check_result result;
    return coffer_check(MACHINE_VOLUME, scene_secret(secret), &options, ignore, NULL, &result, error);
}

static enum coffer_status check_outer(struct coffer_header *header, struct coffer_error *error)
{
    (void)header;
    return check(0, error);
}

static enum coffer_status check_hidden(struct coffer_header *header, struct coffer_error *error)
{
    (void)header;
    return check(4, error);
}

static void explore_damage(const char *name, void (*damage)(void), unsigned opener)
{
    static const char *const KIND[] = { "marked", "filled", "unmarked" };
    unsigned keep = OLD | BYSTANDER | (kind != SCENE_MARKED ? HIDDEN : 0);
    char text[96];
    (void)snprintf(text, sizeof(text), "heal %s, %s", KIND[kind], name);
    struct update update = {
        .name = text,
        .prepare = damage,
        .opener = opener,
        .run = nothing,
        .secrets = OLD | BYSTANDER | NEW | GONE | HIDDEN | SECRET(SPARE),
        .during = { keep },
        .after = keep,
        .writes = opener == 4 ? WRITES_HIDDEN : WRITES_OUTER,
        .no_garbage = true,
        .salt_is_lost = damage == salt_lost_in_front || damage == salt_lost_in_tail,
        .share = 4, /* of three dozen */
        .spare = SPARE,
    };
    explore(&update);
    (void)snprintf(text, sizeof(text), "add a key, %s, %s", KIND[kind], name);
    update.run = add;
    update.during[1] = update.after = keep | NEW;
    explore(&update);
    (void)snprintf(text, sizeof(text), "check --repair %s, %s", KIND[kind], name);
    update.run = opener == 4 ? check_hidden : check_outer;
    update.opener = EXPLORE_BY_PATH;
    update.during[1] = 0;
    update.after = keep;
    update.spare = 0;
    explore(&update);
}

int main(void)
{
    static const enum scene_kind KINDS[] = { SCENE_MARKED, SCENE_FILLED, SCENE_UNMARKED };
    if (coffer_init(NULL) != COFFER_OK) {
        return 1;
    }
    for (unsigned i = 0; i < 3; i++) {
        kind = KINDS[i];
        explore_damage("front lost", front_lost, 0);
        explore_damage("tail lost", tail_lost, 0);
        explore_damage("front body lost", front_body_lost, 0);
        explore_damage("front stale", front_stale, 0);
        explore_damage("tail stale", tail_stale, 0);
        explore_damage("own cell lost in front", own_cell_lost_in_front, 0);
        explore_damage("own cell lost in tail", own_cell_lost_in_tail, 0);
        explore_damage("salt lost in front", salt_lost_in_front, 0);
        explore_damage("salt lost in tail", salt_lost_in_tail, 0);
        explore_damage("bystander's cell lost in front", bystander_lost_in_front, 0);
        if (kind != SCENE_MARKED) {
            explore_damage("hidden front lost", hidden_front_lost, 4);
            explore_damage("hidden cell lost in tail", hidden_cell_lost_in_tail, 4);
            explore_damage("hidden, outer front salt lost", salt_lost_in_front, 4);
        }
    }
    return 0;
}
