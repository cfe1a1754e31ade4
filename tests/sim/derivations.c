/* SPDX-License-Identifier: ISC */
/*
 * How much a key derivation is asked for, counted: one opens a volume (OPEN-5), the outer and the hidden one alike, the
 * levels of an unmarked one come in their order (LADDER-1), those that memory forbids are skipped (LADDER-2), and a
 * new slot costs as much as the one that opened (LADDER-4).
 */
#include <stdio.h>
#include <string.h>

#include "copies.h"
#include "format_coffer.h"
#include "helper_memory.h"
#include "helper_scene.h"
#include "unlock.h"

enum { OUTER = 0, HIDDEN = 1, SECOND_OUTER = 2, SECOND_HIDDEN = 3, NOBODYS = 7 };

#define PLENTY 0x400000u /* KiB */

/* ---- one derivation, whoever asks ---- */

enum way { READING, WRITING, HEADER, CHECK, WAYS };

static void ignore(void *user, enum coffer_finding finding, const char *text)
{
    (void)user;
    (void)finding;
    (void)text;
}

static enum coffer_status attempt(enum way way, unsigned secret)
{
    struct coffer_open_options options = scene_options(way == READING);
    struct coffer_error error = COFFER_ERROR_INIT;
    struct coffer_volume *volume;
    struct coffer_header *header;
    struct coffer_check_result result;
    enum coffer_status status;
    switch (way) {
    case HEADER:
        status = coffer_header_open(MACHINE_VOLUME, scene_secret(secret), &options, &header, &error);
        if (status == COFFER_OK) {
            coffer_header_close(header);
        }
        return status;
    case CHECK:
        return coffer_check(MACHINE_VOLUME, scene_secret(secret), &options, ignore, NULL, &result, &error);
    default:
        status = coffer_volume_open(MACHINE_VOLUME, scene_secret(secret), &options, &volume, &error);
        return status == COFFER_OK ? coffer_volume_close(volume, &error) : status;
    }
}

static unsigned count(enum way way, unsigned secret, enum coffer_status expected)
{
    unsigned before = memory_derivations();
    enum coffer_status status = attempt(way, secret);
    if (status != expected) {
        scene_fail("way %d, secret %u: status %d", (int)way, secret, (int)status);
    }
    return memory_derivations() - before;
}

/* Whatever is lost, the secrets of both volumes cost the same; with everything in place, one derivation. */
static void same_for_both(const char *what, unsigned expected)
{
    struct disk *medium = disk_clone(machine.volume);
    for (enum way way = READING; way < WAYS; way++) {
        unsigned found[SECOND_HIDDEN + 1];
        for (unsigned secret = OUTER; secret <= SECOND_HIDDEN; secret++) {
            machine_insert(disk_clone(medium));
            found[secret] = count(way, secret, COFFER_OK);
            if (found[secret] != found[OUTER] || (expected != 0 && found[secret] != expected)) {
                scene_fail("%s, way %d: %u derivations for secret %u, %u for the outer one", what, (int)way,
                           found[secret], secret, found[OUTER]);
            }
        }
    }
    machine_insert(medium);
}

static void one_is_enough(enum scene_kind kind)
{
    scene_create(kind);
    scene_hide(HIDDEN);
    struct coffer_header *header = scene_open(OUTER);
    scene_add(header, SECOND_OUTER);
    coffer_header_close(header);
    header = scene_open(HIDDEN);
    scene_add(header, SECOND_HIDDEN);
    coffer_header_close(header);

    same_for_both("whole", 1);
    for (enum way way = READING; way < WAYS; way++) {
        unsigned derivations = count(way, NOBODYS, COFFER_WRONG_SECRET);
        if (derivations != 2) {
            scene_fail("way %d: %u derivations for a wrong secret", (int)way, derivations);
        }
    }
    struct disk *whole = disk_clone(machine.volume);
    scene_damage(SCENE_TAIL, 2 * (size_t)HEADER_BLOCK_SIZE);
    same_for_both("both tails lost", 0);
    machine_insert(whole);
    scene_damage(0, 2 * (size_t)HEADER_BLOCK_SIZE);
    same_for_both("both fronts lost", 0);
}

/* ---- the ladder ---- */

static void create_at(int level)
{
    struct coffer_create_options options = scene_create_options(SCENE_UNMARKED);
    struct coffer_error error = COFFER_ERROR_INIT;
    struct coffer_volume *volume;
    options.kdf_level = level;
    machine_insert(NULL);
    scene_must(coffer_volume_create(MACHINE_VOLUME, scene_secret(OUTER), &options, &volume, &error), &error,
               "create");
    scene_must(coffer_volume_publish(volume, &error), &error, "publish");
    scene_must(coffer_volume_close(volume, &error), &error, "close");
}

static enum coffer_status open_at(int level, const struct coffer_credential *credential,
                                  struct coffer_header **header, struct coffer_error *error)
{
    struct coffer_open_options options = COFFER_OPEN_OPTIONS_INIT;
    options.kdf_level = level;
    return coffer_header_open(MACHINE_VOLUME, credential, &options, header, error);
}

static void expect_costs(const char *what, const int *levels, unsigned expected)
{
    struct memory_cost cost[MEMORY_COSTS];
    unsigned asked = memory_costs(cost);
    if (asked != expected) {
        scene_fail("%s: %u derivations instead of %u", what, asked, expected);
    }
    for (unsigned i = 0; i < expected; i++) {
        const struct format_coffer_level *level = &FORMAT_COFFER_LEVEL[levels[i]];
        if (cost[i].memory != level->memory || cost[i].passes != level->passes) {
            scene_fail("%s: derivation %u is not of level %d", what, i, levels[i]);
        }
    }
}

static void levels_in_their_order(void)
{
    struct coffer_error error = COFFER_ERROR_INIT;
    struct coffer_header *header;
    create_at(1);

    memory_cheapen(PLENTY);
    scene_must(open_at(-1, scene_secret(OUTER), &header, &error), &error, "level 1 without being named");
    coffer_header_close(header);
    expect_costs("level 1", (int[]){ 2, 2, 1 }, 3); /* the front and the tail of each level */

    memory_cheapen(PLENTY);
    if (open_at(-1, scene_secret(NOBODYS), &header, &error) != COFFER_WRONG_SECRET) {
        scene_fail("a wrong secret is not called one");
    }
    expect_costs("a wrong secret", (int[]){ 2, 2, 1, 1, 3, 3 }, 6);

    /* 3 does not fit: it may be the one. */
    memory_cheapen(FORMAT_COFFER_LEVEL[2].memory);
    memset(&error, 0, sizeof(error));
    if (open_at(-1, scene_secret(NOBODYS), &header, &error) != COFFER_NO_MEMORY ||
        strstr(error.text, "level 3") == NULL) {
        scene_fail("a level that was skipped is not named: %s", error.text);
    }
    expect_costs("too little memory", (int[]){ 2, 2, 1, 1 }, 4);

    /* 2 does not fit, and is not needed. */
    memory_cheapen(FORMAT_COFFER_LEVEL[1].memory);
    memset(&error, 0, sizeof(error));
    scene_must(open_at(-1, scene_secret(OUTER), &header, &error), &error, "level 1 with little memory");
    coffer_header_close(header);
    expect_costs("level 2 skipped", (int[]){ 1 }, 1);
}

/* ---- what a new slot costs ---- */

static void new_slot(const char *what, const struct coffer_credential *opener, int named, int expected)
{
    struct coffer_error error = COFFER_ERROR_INIT;
    struct coffer_header *header;
    struct disk *medium = disk_clone(machine.volume);
    scene_must(open_at(named, opener, &header, &error), &error, what);
    memory_cheapen(PLENTY);
    scene_add(header, SECOND_OUTER);
    coffer_header_close(header);
    struct memory_cost cost[MEMORY_COSTS];
    unsigned asked = memory_costs(cost);
    for (unsigned i = 0; i < asked; i++) {
        if (i >= MEMORY_COSTS || cost[i].memory != FORMAT_COFFER_LEVEL[expected].memory) {
            scene_fail("%s: derivation %u is not of level %d", what, i, expected);
        }
    }
    if (asked == 0) {
        scene_fail("%s: nothing was derived", what);
    }
    machine_insert(medium);
}

static void a_new_slot_costs_as_much_as_its_opener(void)
{
    struct coffer_credential *hard = coffer_credential_new();
    struct coffer_secret *key = coffer_secret_new(COFFER_RAW_KEY_SIZE);
    struct coffer_error error = COFFER_ERROR_INIT;
    struct coffer_header *header;
    if (hard == NULL || key == NULL) {
        scene_fail("no memory");
    }
    memset(coffer_secret_data(key), 0x42, COFFER_RAW_KEY_SIZE);
    coffer_secret_set_size(key, COFFER_RAW_KEY_SIZE);
    scene_must(coffer_credential_set_raw_key(hard, key, &error), &error, "a raw key");
    coffer_secret_free(key);

    create_at(1);
    memory_cheapen(PLENTY);
    new_slot("opened at level 1", scene_secret(OUTER), -1, 1);
    scene_must(open_at(1, scene_secret(OUTER), &header, &error), &error, "level 1");
    unsigned slot;
    scene_must(coffer_header_add_key(header, hard, NULL, &slot, &error), &error, "add a raw key");
    coffer_header_close(header);
    new_slot("opened by a hard secret", hard, -1, 2);
    new_slot("opened by a hard secret, level named", hard, 3, 3);
    coffer_credential_free(hard);
}

int main(void)
{
    if (coffer_init(NULL) != COFFER_OK) {
        return 1;
    }
    scene_use_passphrases(true);
    one_is_enough(SCENE_FILLED);
    one_is_enough(SCENE_UNMARKED);
    memory_cheapen(PLENTY);
    levels_in_their_order();
    a_new_slot_costs_as_much_as_its_opener();
    scene_end();
    return 0;
}
