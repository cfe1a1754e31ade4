/* SPDX-License-Identifier: ISC */
/*
 * Restores over volumes that are not in order: LAYOUT-4, RESTORE-5, RESTORE-7, RESTORE-11, RESTORE-12. A backup of any age
 * is put back with the outer or the hidden secret of then, over an end that is damaged in any way, and cut at every
 * write. The other end is whole, and so nothing is lost for a moment: the volume whose secret was given opens for the
 * secrets of now or for those of then, and the other volume for exactly those for which it opened before.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crypto.h"
#include "helper_cut.h"
#include "helper_scene.h"

enum { ALL = 0xff, BACKUPS = 3 };

#define HIDDEN (SECRET(4) | SECRET(5) | SECRET(6))
#define OUTER  (ALL & ~HIDDEN)

static struct {
    struct disk *bytes;
    unsigned opens;
} backup[BACKUPS];
static unsigned backups;

static uint8_t stale[HEADER_COPIES]
                    [HEADER_BLOCK_SIZE]; /* blocks of the outer volume from before its last update */
static unsigned long states;

/* ---- a volume with a past ---- */

static uint64_t outer_size; /* of the data, as seen last */

static unsigned who_opens(void)
{
    struct view view;
    scene_look(machine.volume, ALL, &view);
    for (unsigned secret = 0; secret < SCENE_SECRETS; secret++) {
        outer_size = (view.opens & OUTER & SECRET(secret)) != 0 ? view.identity[secret].data_size : outer_size;
    }
    if (view.hidden != (view.opens & HIDDEN)) {
        scene_fail("secrets %#x open the hidden volume, of %#x", view.hidden, view.opens);
    }
    return view.opens;
}

static void back_up(void)
{
    struct coffer_open_options options = scene_options(true);
    struct coffer_error error = COFFER_ERROR_INIT;
    disk_free(machine.backup);
    machine.backup = NULL;
    scene_must(coffer_header_backup(MACHINE_VOLUME, MACHINE_BACKUP, scene_secret(0), &options, &error), &error,
               "back up");
    disk_free(backup[backups].bytes);
    backup[backups].bytes = disk_clone(machine.backup);
    backup[backups++].opens = who_opens();
}

static void change(unsigned from, unsigned to)
{
    struct coffer_error error = COFFER_ERROR_INIT;
    struct coffer_header *header = scene_open(from);
    unsigned slot;
    scene_must(coffer_header_change_key(header, scene_secret(to), &slot, &error), &error, "change");
    coffer_header_close(header);
}

static void take_out(unsigned secret)
{
    struct coffer_error error = COFFER_ERROR_INIT;
    struct coffer_key keys[COFFER_SLOTS];
    struct coffer_header *header = scene_open(secret);
    unsigned slot = 0;
    coffer_header_keys(header, keys);
    while (!keys[slot].opened_it) {
        slot++;
    }
    scene_must(coffer_header_remove_key(header, slot, false, &error), &error, "remove");
    coffer_header_close(header);
}

/* Backups from before there was a hidden volume, with its first secret, and with its second one. remade: another hidden
 * volume has taken its place since. */
static void prepare(enum scene_kind kind, bool remade)
{
    backups = 0;
    scene_create(kind);
    struct coffer_header *header = scene_open(0);
    (void)scene_add(header, 1);
    coffer_header_close(header);
    back_up();
    scene_hide(4);
    back_up();
    change(4, 5);
    back_up();
    if (remade) {
        scene_hide(6);
    }
    change(0, 2);
    take_out(1);
    disk_read(machine.volume, stale[HEADER_FRONT], HEADER_BLOCK_SIZE, 0);
    disk_read(machine.volume, stale[HEADER_TAIL], HEADER_BLOCK_SIZE, SCENE_TAIL);
    header = scene_open(2);
    (void)scene_add(header, 3);
    coffer_header_close(header);
}

/* ---- damage of one end ---- */

static void zeros(uint64_t at, size_t size)
{
    static const uint8_t ZEROS[HEADER_END_SIZE / 2];
    disk_write(machine.volume, ZEROS, size, at);
}

static void nothing(uint64_t end)
{
    (void)end;
}

static void outer_lost(uint64_t end)
{
    scene_damage(end, HEADER_BLOCK_SIZE);
}

static void outer_body(uint64_t end)
{
    scene_damage(end + HEADER_BODY_OFFSET, 512);
}

static void outer_cells(uint64_t end)
{
    scene_damage(end + HEADER_CELL_SIZE, 4 * (size_t)HEADER_CELL_SIZE);
}

static void outer_salt(uint64_t end)
{
    scene_damage(end + 120, 1);
}

static void outer_magic(uint64_t end)
{
    scene_damage(end, 8);
}

static void outer_cost(uint64_t end)
{
    uint8_t memory = HEADER_MEMORY_MIN / 256 + 4;
    disk_write(machine.volume, &memory, 1, end + 17);
}

static void outer_stale(uint64_t end)
{
    disk_write(machine.volume, stale[end != 0], HEADER_BLOCK_SIZE, end);
}

static void hidden_lost(uint64_t end)
{
    scene_damage(end + HEADER_VOLUME_STRIDE, HEADER_BLOCK_SIZE);
}

static void both_lost(uint64_t end)
{
    scene_damage(end, 2 * (size_t)HEADER_BLOCK_SIZE);
}

static void overwritten(uint64_t end)
{
    zeros(end, HEADER_END_SIZE / 2);
}

/* Two accidents: the header of one volume at this end, of the other at the other. */
static void crossed(uint64_t end)
{
    outer_lost(end);
    hidden_lost(SCENE_TAIL - end);
}

static void crossed_stale(uint64_t end)
{
    outer_stale(end);
    hidden_lost(SCENE_TAIL - end);
}

/* Neither preamble is one any more: no passphrase opens it. */
static void both_magics(uint64_t end)
{
    outer_magic(end);
    outer_magic(SCENE_TAIL - end);
}

static const struct damage {
    const char *name;
    void (*make)(uint64_t end);
    unsigned closes; /* it to all of these, perhaps, until the restore is done */
    bool hostile;    /* somebody has changed the salt in this end of the backup */
} DAMAGE[] = {
    { .name = "in order", .make = nothing },
    { .name = "outer block lost", .make = outer_lost },
    { .name = "outer body damaged", .make = outer_body },
    { .name = "outer cells damaged", .make = outer_cells },
    { .name = "salt damaged", .make = outer_salt },
    { .name = "magic damaged", .make = outer_magic },
    { .name = "cost damaged", .make = outer_cost },
    { .name = "outer block stale", .make = outer_stale },
    { .name = "hidden block lost", .make = hidden_lost },
    { .name = "both blocks lost", .make = both_lost },
    { .name = "overwritten", .make = overwritten },
    { .name = "outer lost here, hidden there", .make = crossed, .closes = ALL },
    { .name = "outer stale here, hidden lost there", .make = crossed_stale },
    { .name = "both magics damaged", .make = both_magics, .closes = ALL },
    { .name = "in order, a hostile backup", .make = nothing, .hostile = true },
};

/* ---- restoring ---- */

struct attempt {
    const struct damage *damage;
    unsigned end, from, opener;
    unsigned before, now, then; /* that open: before, if nothing were damaged, and after */
    uint64_t size;              /* of the outer volume */
};

_Noreturn static void wrong(const struct attempt *attempt, const char *when, unsigned opens)
{
    scene_fail("%s at end %u, backup %u, secret %u, %s: %#x open, and neither %#x nor %#x", attempt->damage->name,
               attempt->end, attempt->from, attempt->opener, when, opens, attempt->before, attempt->then);
}

/* An earlier hidden volume in the place of the present one, which nobody can see: each has one end for a moment, where
 * both were whole. */
static bool is_of_another_volume(const struct attempt *attempt)
{
    return (attempt->now & SECRET(6)) != 0 && (attempt->then & SECRET(6)) == 0;
}

/* Of each volume the secrets of before, or of after; healing the outer one may bring the salt of the hidden one back. */
static bool is_allowed_for(const struct attempt *attempt, unsigned opens, unsigned of)
{
    opens &= of;
    return opens == (attempt->before & of) || opens == (attempt->now & of) || opens == (attempt->then & of) ||
           (opens == 0 && (of & ~attempt->damage->closes) == 0) ||
           (is_of_another_volume(attempt) && (opens & ~(attempt->now | attempt->then)) == 0);
}

static bool is_allowed(const struct attempt *attempt, unsigned opens)
{
    return is_allowed_for(attempt, opens, OUTER) && is_allowed_for(attempt, opens, HIDDEN);
}

static enum coffer_status restore(const struct attempt *attempt, struct coffer_error *error)
{
    struct coffer_open_options options = scene_options(false);
    disk_free(machine.backup);
    machine.backup = disk_clone(backup[attempt->from].bytes);
    if (attempt->damage->hostile) {
        const uint64_t salt = (attempt->end == 0 ? 0 : HEADER_END_SIZE / 2) + 120;
        uint8_t byte;
        disk_read(machine.backup, &byte, 1, salt);
        byte ^= 1;
        disk_write(machine.backup, &byte, 1, salt);
    }
    return coffer_header_restore(MACHINE_VOLUME, MACHINE_BACKUP, scene_secret(attempt->opener), &options, error);
}

static unsigned pick(unsigned set)
{
    unsigned skip = (unsigned)cut_random((unsigned)__builtin_popcount(set)), secret = 0;
    while ((set & SECRET(secret)) == 0 || skip-- > 0) {
        secret++;
    }
    return secret;
}

/* What lies in the machine now, and what becomes of it when it is opened, and when the restore is repeated. */
static void look_at(const struct attempt *attempt, const struct disk *before, bool all_the_way)
{
    struct coffer_error error = COFFER_ERROR_INIT;
    unsigned opens = who_opens();
    states++;
    if (!is_allowed(attempt, opens)) {
        wrong(attempt, "cut", opens);
    }
    if (!disk_equal_part(before, machine.volume, HEADER_DATA_OFFSET, SCENE_TAIL - HEADER_DATA_OFFSET)) {
        wrong(attempt, "the data has changed", opens);
    }
    if (!all_the_way) {
        return;
    }
    if (opens != 0) {
        coffer_header_close(scene_open(pick(opens)));
    }
    if (((who_opens() & opens) != opens && !is_of_another_volume(attempt)) || !is_allowed(attempt, who_opens())) {
        wrong(attempt, "opened after a cut", who_opens());
    }
    scene_must(restore(attempt, &error), &error, "restore again");
    if (who_opens() != attempt->then || outer_size != attempt->size) {
        wrong(attempt, "restored again", who_opens());
    }
}

/* Nothing tells whether there is a hidden volume, or what was written over an end: LAYOUT-4. */
static void expect_noise(const struct attempt *attempt)
{
    uint8_t block[HEADER_BLOCK_SIZE];
    for (unsigned i = 0; i < HEADER_COPIES && disk_size(machine.volume) == SCENE_SIZE; i++) {
        disk_read(machine.volume, block, sizeof(block), i * (uint64_t)SCENE_TAIL + HEADER_VOLUME_STRIDE);
        if (!header_looks_random(block)) {
            wrong(attempt, "a block that is not random", 0);
        }
    }
}

static void cut_restore(const struct attempt *attempt, const struct disk *before, unsigned choices)
{
    struct log log = { 0 };
    struct coffer_error error = COFFER_ERROR_INIT;
    machine_insert(disk_clone(before));
    machine.log = &log;
    enum coffer_status status = restore(attempt, &error);
    machine.log = NULL;
    scene_must(status, &error, attempt->damage->name);
    if (who_opens() != attempt->then) {
        wrong(attempt, "restored", who_opens());
    }
    expect_noise(attempt);
    for (unsigned entries = 0; entries <= log.entries; entries++) {
        struct cut cut = cut_after(before, &log, entries);
        uint8_t *fate = disk_memory(cut.pieces + 1);
        for (unsigned i = 0; i < (cut.pieces == 0 ? 1 : choices); i++) {
            cut_choose(&cut, UINT64_MAX, false, fate);
            machine_insert(cut_state(&cut, fate));
            look_at(attempt, before, i == 0);
        }
        free(fate);
        cut_free(&cut);
    }
    log_free(&log);
}

static void restore_over(const struct damage *damage, unsigned end, const struct disk *whole, unsigned choices)
{
    machine_insert(disk_clone(whole));
    const unsigned now = who_opens();
    damage->make(end == 0 ? 0 : SCENE_TAIL);
    struct disk *before = disk_clone(machine.volume);
    const uint64_t size = outer_size;
    const unsigned opens = who_opens();
    if (opens != now && damage->closes == 0) {
        scene_fail("%s: %#x open instead of %#x", damage->name, opens, now);
    }
    for (unsigned from = 0; from < backups; from++) {
        const unsigned sets[] = { OUTER, HIDDEN };
        for (unsigned i = 0; i < 2; i++) {
            const unsigned mine = sets[i];
            if ((backup[from].opens & mine) == 0) {
                continue;
            }
            const struct attempt attempt = {
                .damage = damage,
                .end = end,
                .from = from,
                .opener = pick(backup[from].opens & mine),
                .before = opens,
                .size = size,
                .now = now,
                .then = (backup[from].opens & mine) | (now & ~mine),
            };
            cut_restore(&attempt, before, choices);
        }
    }
    disk_free(before);
}

/* A growth that was cut short at any of its writes: the store is larger than the volume, or its tail is there already. */
static void restore_after_cut_growths(const struct disk *whole, unsigned choices)
{
    static const struct damage GROWN = { .name = "a growth cut short", .make = nothing, .closes = OUTER };
    struct coffer_open_options options = scene_options(false);
    struct coffer_error error = COFFER_ERROR_INIT;
    struct log log = { 0 };
    machine_insert(disk_clone(whole));
    machine.log = &log;
    scene_must(coffer_volume_grow(MACHINE_VOLUME, scene_secret(2), &options, SCENE_SIZE + SCENE_GROWTH, &error),
               &error, "grow");
    machine.log = NULL;
    for (unsigned entries = 1; entries <= log.entries; entries++) {
        struct cut cut = cut_after(whole, &log, entries);
        if (cut.pieces == 0 || entries % 7 == 0) { /* the fill has many writes that are alike */
            uint8_t *fate = disk_memory(cut.pieces + 1);
            cut_choose(&cut, UINT64_MAX, false, fate);
            struct disk *state = cut_state(&cut, fate);
            restore_over(&GROWN, 0, state, choices);
            disk_free(state);
            free(fate);
        }
        cut_free(&cut);
    }
    log_free(&log);
}

int main(void)
{
    static const enum scene_kind KINDS[] = { SCENE_FILLED, SCENE_UNMARKED };
    const char *text = getenv("COFFER_SIM_STATES");
    const unsigned choices = text != NULL ? (unsigned)(strtoul(text, NULL, 10) / 10000 + 1) : 4;
    if (coffer_init(NULL) != COFFER_OK) {
        return 1;
    }
    cut_seed("restores");
    for (unsigned i = 0; i < 4; i++) {
        prepare(KINDS[i % 2], i >= 2);
        struct disk *whole = disk_clone(machine.volume);
        for (size_t d = 0; d < sizeof(DAMAGE) / sizeof(DAMAGE[0]); d++) {
            if (i % 2 == 1 &&
                (DAMAGE[d].make == outer_magic || DAMAGE[d].make == both_magics || DAMAGE[d].make == outer_cost)) {
                continue; /* noise there */
            }
            for (unsigned end = 0; end < HEADER_COPIES; end++) {
                restore_over(&DAMAGE[d], end, whole, choices);
            }
        }
        if (i < 2) {
            restore_after_cut_growths(whole, 1);
        }
        disk_free(whole);
    }
    for (unsigned i = 0; i < BACKUPS; i++) {
        disk_free(backup[i].bytes);
    }
    printf("%lu states\n", states);
    scene_end();
    return 0;
}
